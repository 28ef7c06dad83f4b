# SPDX-License-Identifier: Apache-2.0
"""What the next version of the policy would be: its files, whether they are sound, and what changes by them.

The files are the pack's, the school's own, and those that the collector writes from its registers: USB devices, groups
of devices, exceptions, pauses and bank holidays. It signs nothing and keeps nothing: `policies` does.
"""

import difflib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import Connection

from collector import approved_media, bank_holidays, device_groups, exceptions, own_rules, pauses
from collector.errors import UsageError
from collector.proposals import list_approved
from collector.publications import find_version
from collector.rollouts import find_common_version, find_newest_version
from proto.errors import SchoolwardenError
from proto.keys import Verifier
from proto.wire import Bundle
from rules.arrangements import Timetable
from rules.bundle import open_bundle, verify_signature
from rules.check import check_files
from rules.errors import RuleFormatError
from rules.load import load_pack, parse_files
from rules.model import Policy
from rules.weakening import find_weakenings

LET_OFF = (pauses.RULE_FILE, exceptions.RULE_FILE, approved_media.RULE_FILE)
"""Beginnings of the names of files that say what is let off for a while: taking something of that back is stricter."""
UNREADABLE = "what was in force cannot be read any more, so nobody can say what is weaker now"


@dataclass(frozen=True, slots=True, kw_only=True)
class Composition:
    """A policy as it would be published now."""

    files: dict[str, str]
    approved: frozenset[str]
    """The allow list."""
    weakenings: tuple[str, ...]
    """What it takes away from the safeguards, in words."""
    difference: str
    """Of the pack, the school's own files and the pauses to the newest version, for people: a unified difference."""
    is_for_everybody: bool = False
    """Also while a roll-out is under way, whose share has another one."""


def compose(connection: Connection, school_id: str, verifier: Verifier, *, now_ns: int) -> Composition:
    """Put the next policy together and hold it against what is in force.

    Raises:
        UsageError: it is not sound, or does not pass the tests inside it.
    """
    files = _load_files(connection, school_id, now_ns)
    problems = check_files(files)
    if problems:
        first = problems[0]
        raise UsageError(first.message, hint=first.hint or "run: schoolwarden-collector rules check")
    versions = {find_newest_version(connection, school_id), find_common_version(connection, school_id)} - {0}
    newest_first = sorted(versions, reverse=True)
    found = [each for version in newest_first if (each := find_version(connection, school_id, version)) is not None]
    approved = frozenset(list_approved(connection, school_id))
    if not found:
        return Composition(files=files, approved=approved, weakenings=(), difference="")
    return Composition(
        files=files,
        approved=approved,
        weakenings=tuple(_find_weakenings(files, found, verifier, school_id)),
        difference=write_difference(read_files(found[0]), files),
    )


def recompose(
    connection: Connection, school_id: str, bundle: Bundle, verifier: Verifier, *, now_ns: int
) -> Composition:
    """Put a bundle together anew, with what is let off as the registers have it now, and hold it against itself.

    Pack, own rules and groups stay as they were signed, whatever the program brings by now and whatever is staged:
    what is taken back waits for none of that.
    """
    before = read_files(bundle)
    let_off = tuple(own_rules.FOLDER + each for each in LET_OFF)
    kept = {name: text for name, text in before.items() if not name.startswith(let_off)}
    zone = find_zone(_find_timetable(kept))
    files = kept | _in_folder(_write_let_off(connection, school_id, kept, zone=zone, now_ns=now_ns))
    return Composition(
        files=files,
        approved=frozenset(list_approved(connection, school_id)),
        weakenings=tuple(_compare(bundle, files, verifier, school_id)),
        difference=write_difference(before, files),
    )


def read_chosen(connection: Connection, school_id: str) -> Policy:
    """Return the policy that pack and own rule files make, without what the collector writes from its registers.

    Raises:
        UsageError: they are not right.
    """
    try:
        return parse_files(_load_chosen(connection, school_id))
    except RuleFormatError as error:
        raise UsageError(error.message, hint=error.hint) from error


def read_files(bundle: Bundle) -> dict[str, str]:
    """Return the files of a bundle of ours, or none when it cannot be read. Whether it is ours is asked elsewhere."""
    try:
        files = json.loads(bundle.body)["files"]
        return {str(name): str(text) for name, text in files.items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}


def write_difference(before: Mapping[str, str], after: Mapping[str, str], *, whole: bool = False) -> str:
    """Return what changes from the files of one bundle to those of another, for people.

    Without `whole`, the registers that the collector writes are left out: they have pages of their own.
    """
    before, after = _name_layers(before), _name_layers(after)
    lines: list[str] = []
    for name in sorted(before.keys() | after.keys()):
        if not whole and not _is_for_people(name):
            continue
        old, new = before.get(name, ""), after.get(name, "")
        if old != new:
            old_name, new_name = (name if name in each else "nothing" for each in (before, after))
            difference = difflib.unified_diff(old.splitlines(), new.splitlines(), old_name, new_name, lineterm="", n=3)
            lines += difference
    return "\n".join(lines)


def _load_files(connection: Connection, school_id: str, now_ns: int) -> dict[str, str]:
    """Return the rule files of the next bundle."""
    chosen = _load_chosen(connection, school_id)
    timetable = _find_timetable(chosen)
    zone = find_zone(timetable)
    today = datetime.fromtimestamp(now_ns // 10**9, zone).date()
    written = (
        _write_let_off(connection, school_id, chosen, zone=zone, now_ns=now_ns)
        | device_groups.write_rule_files(connection, school_id)
        | bank_holidays.write_rule_files(timetable, today)
    )
    return chosen | _in_folder(written)


def _load_chosen(connection: Connection, school_id: str) -> dict[str, str]:
    """Return the files of the pack and the school's own."""
    own = own_rules.list_own_files(connection, school_id)
    return load_pack(own_rules.find_pack(connection, school_id)) | _in_folder(own)


def _write_let_off(
    connection: Connection, school_id: str, files: Mapping[str, str], *, zone: ZoneInfo, now_ns: int
) -> dict[str, str]:
    """Return the rule files of `LET_OFF`, for a policy of these other files."""
    return (
        approved_media.write_rule_files(approved_media.list_approved_media(connection, school_id))
        | exceptions.write_rule_files(connection, school_id, files, zone=zone, now_ns=now_ns)
        | pauses.write_rule_files(connection, school_id, files, zone=zone, now_ns=now_ns)
    )


def _in_folder(files: Mapping[str, str]) -> dict[str, str]:
    return {own_rules.FOLDER + name: text for name, text in files.items()}


def _find_timetable(files: Mapping[str, str]) -> Timetable:
    """Return the timetable in files, or the usual one when there is none or they are not right, which is told later."""
    if not any("[timetable]" in text for text in files.values()):
        return Timetable()
    try:
        return parse_files(files).arrangements.timetable or Timetable()
    except RuleFormatError:
        return Timetable()


def find_zone(timetable: Timetable) -> ZoneInfo:
    """Return the zone of a timetable; UTC on a machine without a time zone database."""
    try:
        return ZoneInfo(timetable.zone)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def _find_weakenings(files: dict[str, str], in_force: list[Bundle], verifier: Verifier, school_id: str) -> list[str]:
    """Return what the files take away from the safeguards of what is in force.

    While a roll-out is under way two versions are, each with the words that it needed: one that is no weaker than
    either of them takes nothing away.
    """
    found = [_compare(bundle, files, verifier, school_id) for bundle in in_force]
    return found[0] if all(found) else []


def _compare(bundle: Bundle, files: dict[str, str], verifier: Verifier, school_id: str) -> list[str]:
    try:
        verify_signature(bundle, verifier)
        # Most publications change the allow list alone.
        if read_files(bundle) == files:
            return []
        before = open_bundle(bundle, verifier, school_id=school_id)
    except SchoolwardenError:
        # Written by somebody else, or by a version of this program that read rules in another way.
        return [UNREADABLE]
    return find_weakenings(before, parse_files(files))


def _name_layers(files: Mapping[str, str]) -> dict[str, str]:
    """Return files with the pack's own in a folder too: one that becomes a parent's is the same file."""
    pack = own_rules.read_pack(files) or "pack"
    return {name if "/" in name else f"{pack}/{name}": text for name, text in files.items()}


def _is_for_people(name: str) -> bool:
    is_written = name.startswith(own_rules.FOLDER) and not own_rules.is_own(name)
    return not is_written or name.startswith(own_rules.FOLDER + pauses.RULE_FILE)
