# SPDX-License-Identifier: Apache-2.0
"""Groups of devices that rules speak of: a room, the laptops that go home.

They reach devices inside the policy bundle as a rule file of its own (`write_rule_files`), so whoever changes one
publishes the policy: `policies.publish_change` does both or neither. What a rule makes of a group is in `rules.bounds`.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select

from collector import audit
from collector.approved_media import to_toml_string
from collector.errors import UsageError
from collector.store.schema import device_groups, devices
from rules.arrangements_grammar import MAX_DEVICES
from rules.table import ID, MAX_ID_CHARACTERS

RULE_FILE = "device-groups"
"""How the rule file is called; a school's own file may not have a name that begins so."""
MAX_MEMBERS = 20_000
"""In all groups together: all of them travel in the policy, to every device."""
DEVICES_A_FILE = 5_000
"""So that a file of full groups is not larger than a rule file may be."""
_TABLE = device_groups.c


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A device in a group."""

    group: str
    device: str
    hostname: str
    added_by: str
    added_at_ns: int


def list_members(connection: Connection, school_id: str, group: str = "") -> list[Member]:
    """Return who is in which group, or in one, by group and host name."""
    query = (
        select(device_groups, devices.c.hostname)
        .join_from(device_groups, devices, devices.c.device_id == _TABLE.device_id)
        .where(_TABLE.school_id == school_id, *([_TABLE.name == group] if group else []))
        .order_by(_TABLE.name, devices.c.hostname, _TABLE.device_id)
    )
    return [
        Member(
            group=row.name,
            device=row.device_id,
            hostname=row.hostname,
            added_by=row.added_by,
            added_at_ns=row.added_at_ns,
        )
        for row in connection.execute(query)
    ]


def add_to_group(
    connection: Connection, school_id: str, group: str, named: Iterable[str], *, actor: str, now_ns: int
) -> None:
    """Put devices, by id or host name, into a group in the transaction that publishes the policy. Who is in it stays.

    Raises:
        UsageError: this is no name of a group, a name is nobody's or several devices', or there is no room.
    """
    if not ID.fullmatch(group) or len(group) > MAX_ID_CHARACTERS:
        raise UsageError(
            f"{group!r:.80} is no name of a group", hint="small letters, digits and single hyphens: laptops"
        )
    everybody = list_members(connection, school_id)
    known = {each.device for each in everybody if each.group == group}
    new = [each for each in find_devices(connection, school_id, named) if each not in known]
    if not new:
        raise UsageError(f"they are in {group} already", hint="list it: schoolwarden-collector devices group list")
    if len(known) + len(new) > MAX_DEVICES:
        raise UsageError(f"a group has {MAX_DEVICES} devices at most", hint="make two of it: a rule can name several")
    if len(everybody) + len(new) > MAX_MEMBERS:
        raise UsageError(f"all groups together have {MAX_MEMBERS} devices at most", hint="take some out")
    connection.execute(
        insert(device_groups),
        [
            {"school_id": school_id, "name": group, "device_id": each, "added_at_ns": now_ns, "added_by": actor}
            for each in new
        ],
    )
    _record(connection, school_id, group, "device_group.added", new, actor, now_ns)


def remove_from_group(
    connection: Connection, school_id: str, group: str, named: Iterable[str], *, actor: str, now_ns: int
) -> None:
    """Take devices, by id or host name, out of a group in the transaction that publishes the policy. A group that
    nobody is left in is gone, and a rule for it then counts on every device.

    Raises:
        UsageError: one of them is not in it, or its name is nobody's or several devices'.
    """
    known = {each.device for each in list_members(connection, school_id, group)}
    gone = find_devices(connection, school_id, named)
    for each in gone:
        if each not in known:
            raise UsageError(f"{each} is not in the group {group}", hint="schoolwarden-collector devices group list")
    connection.execute(
        delete(device_groups).where(_TABLE.school_id == school_id, _TABLE.name == group, _TABLE.device_id.in_(gone))
    )
    _record(connection, school_id, group, "device_group.removed", gone, actor, now_ns)


def find_devices(connection: Connection, school_id: str, named: Iterable[str]) -> list[str]:
    """Return the ids of devices that are named by id or host name, each once.

    Raises:
        UsageError: a name is nobody's, or that of several devices.
    """
    found: dict[str, None] = {}
    for name in named:
        is_it = (devices.c.device_id == name) | (devices.c.hostname == name)
        ids = list(
            connection.execute(select(devices.c.device_id).where(devices.c.school_id == school_id, is_it)).scalars()
        )
        if not ids:
            raise UsageError(f"there is no device {name!r:.80}", hint="list them: schoolwarden-collector devices")
        if len(ids) > 1:
            raise UsageError(f"{len(ids)} devices are called {name!r:.80}", hint=f"name it by its id: {ids[0]}")
        found[ids[0]] = None
    return list(found)


def write_rule_files(connection: Connection, school_id: str) -> dict[str, str]:
    """Return the groups as rule files, by name: a `[[device_group]]` for each. Without a group there is no file."""
    groups: dict[str, list[str]] = {}
    for each in list_members(connection, school_id):
        groups.setdefault(each.group, []).append(each.device)
    parts: list[list[str]] = []
    room = 0
    for group, members in groups.items():
        if len(members) > room:
            parts.append([])
            room = DEVICES_A_FILE
        parts[-1].append(_to_toml(group, members))
        room -= len(members)
    return {
        f"{RULE_FILE}.toml" if number == 1 else f"{RULE_FILE}-{number}.toml": "\n".join(part)
        for number, part in enumerate(parts, start=1)
    }


def _to_toml(group: str, members: list[str]) -> str:
    # A line for each: no line of a rule file may be very long.
    lines = "".join(f"  {to_toml_string(each)},\n" for each in sorted(members))
    return f"[[device_group]]\nname = {to_toml_string(group)}\ndevices = [\n{lines}]\n"


def _record(
    connection: Connection, school_id: str, group: str, action: str, ids: list[str], actor: str, now_ns: int
) -> None:
    detail = ", ".join(ids[:10]) + (f" and {len(ids) - 10} more" if len(ids) > 10 else "")
    subject = f"device-group/{group}"
    audit.record(connection, school_id, actor=actor, action=action, subject=subject, detail=detail, now_ns=now_ns)
