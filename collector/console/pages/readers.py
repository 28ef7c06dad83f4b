# SPDX-License-Identifier: Apache-2.0
"""Who reads safeguarding flags, by the set that the safeguarding root signed; and the drill that shows that it works.

Nothing here makes anybody a reader: a signed set does, and the key that signs is not at the collector.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from collector.absences import list_absent
from collector.console.flag_reader import find_reader_of
from collector.console.guard import Route
from collector.console.visit import Visit
from collector.devices import DeviceState, list_devices
from collector.drills import list_drills, order_drill
from collector.errors import UsageError
from collector.identities import Identity, list_identities
from collector.readers import list_readers
from collector.recipients import find_root_fingerprint, load_set, publish_set
from collector.roles import Permission, list_permissions
from collector.users import list_users
from proto.errors import RecipientsError
from proto.recipients import FEWEST_TESTED, Recipient, RecipientSet, load_signed
from rules.route import RUNGS, find_readers, list_holders

DRILLS_SHOWN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One person of the signed set, or one who wants to be in it."""

    name: str
    positions: tuple[str, ...]
    age_key: str
    state: str
    """in words"""
    is_away: bool = False
    is_ready: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """Where one kind of flag goes today."""

    readers: tuple[str, ...]
    """Who reads it here, from the next one up if nobody in the set holds its own position."""
    has_holder: bool
    """Whether somebody in the set holds its own position."""
    disabled: tuple[str, ...]
    """Who is still sealed to, and cannot sign in any more."""
    is_for_nobody: bool
    """Whether the set has nobody to seal it to."""


def show_readers(visit: Visit, error: UsageError | None = None, error_field: str = "") -> Response:
    """Show who reads what, who waits for a signature, and the drills."""
    content = load_set(visit.engine, visit.school_id)
    away = list_absent(visit.engine, visit.school_id, visit.now_ns)
    keys = {each.user: each for each in list_identities(visit.engine, visit.school_id)}
    disabled = {user.name for user in list_users(visit.engine, visit.school_id) if user.is_disabled}
    signed = [_judge(each, keys, away, disabled) for each in content.recipients] if content else []
    may_drill = visit.may(Permission.READ_FLAGS)
    devices = [each for each in list_devices(visit.engine, visit.school_id) if each.state == DeviceState.ACTIVE]
    return visit.page(
        "readers.html",
        error=error,
        error_field=error_field,
        content=content,
        fewest_tested=FEWEST_TESTED,
        root=_group(find_root_fingerprint(visit.engine, visit.school_id)),
        signed=signed,
        ways=_list_ways(visit, content, away, disabled) if content else {},
        waiting=_list_waiting(visit, keys, {each.name for each in signed}),
        devices=devices if may_drill else [],
        **(_list_drills(visit) if may_drill else {}),
    )


def show_drills(visit: Visit) -> Response:
    """Answer a page on which a drill waits for its answer."""
    return visit.page("drill_rows.html", **_list_drills(visit))


def take_set(visit: Visit) -> Response:
    """Take a signed set from a file."""
    text = visit.upload("file").decode("utf-8", "replace")
    try:
        if not text.strip():
            raise UsageError("choose the file with the signed set")
        try:
            signed = load_signed(text)
            publish_set(visit.engine, visit.school_id, signed, actor=visit.user.user, now_ns=visit.now_ns)
        except RecipientsError as error:
            raise UsageError(error.message, hint=error.hint) from error
    except UsageError as error:
        return show_readers(visit, error, "file")
    return visit.redirect("/readers", done="published")


def drill(visit: Visit) -> Response:
    """Order a device to drill; only somebody to whom the answer comes can see that it came."""
    try:
        if not find_reader_of(visit).routes:
            raise UsageError("no flags come to you at the moment, so you would not see the answer")
        order_drill(
            visit.engine,
            visit.school_id,
            device_id=visit.field("device"),
            actor=visit.user.user,
            now_ns=visit.now_ns,
        )
    except UsageError as error:
        return show_readers(visit, error, "device")
    return visit.redirect("/readers", done="drilled")


def _list_drills(visit: Visit) -> dict[str, Any]:
    drills = list_drills(visit.engine, visit.school_id, limit=DRILLS_SHOWN)
    is_waiting = any(each.answered_at_ns is None and each.expires_at_ns > visit.now_ns for each in drills)
    return {"drills": drills, "is_waiting": is_waiting}


def _judge(each: Recipient, keys: Mapping[str, Identity], away: frozenset[str], disabled: set[str]) -> Standing:
    identity = keys.get(each.id)
    if each.id in disabled:
        state = "is disabled: sign a new set"
    elif identity is not None and identity.age_key != each.age_key:
        state = "made a new key that is not signed yet: opens nothing until it is"
    elif each.tested:
        state = "reads"
    else:
        state = "has still to read the test item aloud"
    return Standing(
        name=each.id,
        positions=each.positions,
        age_key=each.age_key,
        state=state,
        is_away=each.id in away,
        is_ready=state == "reads",
    )


def _list_ways(visit: Visit, content: RecipientSet, away: frozenset[str], disabled: set[str]) -> dict[str, Way]:
    holders = list_holders(content)
    ways = {}
    for route, positions in RUNGS.items():
        sealed_to = find_readers(holders, route, away)
        ways[route.value] = Way(
            readers=tuple(sorted(list_readers(visit.engine, visit.school_id, route, visit.now_ns))),
            has_holder=any(holder.positions & positions for holder in holders),
            disabled=tuple(sorted(sealed_to & disabled)),
            is_for_nobody=not sealed_to,
        )
    return ways


def _list_waiting(visit: Visit, keys: Mapping[str, Identity], signed: set[str]) -> list[Standing]:
    """Users whose role reads flags and who are in no signed set."""
    waiting = []
    for user in list_users(visit.engine, visit.school_id):
        if user.is_disabled or user.name in signed or Permission.READ_FLAGS not in list_permissions(user.roles):
            continue
        identity = keys.get(user.name)
        waiting.append(
            Standing(
                name=user.name,
                positions=tuple(sorted(user.roles)),
                age_key=identity.age_key if identity else "",
                state="waits for a signature" if identity else "has no key yet",
            )
        )
    return waiting


def _group(fingerprint: bytes) -> str:
    """Return a fingerprint as it is read aloud and compared with the recovery sheet."""
    text = fingerprint.hex()
    return " ".join(text[start : start + 4] for start in range(0, len(text), 4))


ROUTES = (
    Route(method="GET", path="/readers", page=show_readers, needs=Permission.SEE_READERS),
    Route(method="POST", path="/readers", page=take_set, needs=Permission.READ_FLAGS, max_files=1),
    Route(
        method="GET",
        path="/readers/drills",
        page=show_drills,
        needs=Permission.READ_FLAGS,
        refreshes_itself=True,
    ),
    Route(method="POST", path="/readers/drill", page=drill, needs=Permission.READ_FLAGS),
)
