# SPDX-License-Identifier: Apache-2.0
"""The machine's own accounts: who can sign in, who may administer, who needs no password and how old passwords are.

From passwd, shadow, group, sudoers and the settings of the three usual display managers. A directory's accounts are
not listed, but those of its names that the machine's lists let administer are. Keys for a remote sign-in, and groups
that only polkit knows, are not read.
"""

import configparser
from collections.abc import Iterator
from dataclasses import dataclass

from agent.system.linux.posture.files import SystemFiles
from agent.system.linux.posture.sudoers import Sudoers, read_sudoers
from agent.system.posture import LocalAccount, LocalAccounts, NotKnownError

ADMINISTRATORS = ("sudo", "wheel", "admin")
"""Groups that the distributions make for administrators."""
_MAX_LIST_BYTES = 4 * 1024 * 1024
_MAX_ACCOUNTS = 5000
_MAX_CHARACTERS = 64
_DAY_NS = 24 * 3600 * 10**9
_NO_SHELLS = ("nologin", "false", "sync", "halt", "shutdown")
_DISPLAY_MANAGERS = (
    # Place, sections, and the key that names who is signed in without being asked
    ("etc/gdm3/daemon.conf", ("daemon",), "automaticlogin"),
    ("etc/gdm3/custom.conf", ("daemon",), "automaticlogin"),
    ("etc/gdm/custom.conf", ("daemon",), "automaticlogin"),
    ("etc/lightdm/lightdm.conf", ("seat:*", "seatdefaults"), "autologin-user"),
    ("etc/lightdm/lightdm.conf.d/", ("seat:*", "seatdefaults"), "autologin-user"),
    ("etc/sddm.conf", ("autologin",), "user"),
    ("etc/sddm.conf.d/", ("autologin",), "user"),
)


@dataclass(frozen=True, slots=True)
class _Password:
    """What shadow says of one."""

    text: bytes
    changed_at_ns: int | None


def read_accounts(files: SystemFiles) -> LocalAccounts:
    """Return the accounts that somebody can sign in with.

    Raises:
        NotKnownError: one of the lists cannot be read; most of them are open to root only.
    """
    passwords = dict(_list_passwords(files.load("etc/shadow", _MAX_LIST_BYTES)))
    groups = list(_list_rows(files.load("etc/group", _MAX_LIST_BYTES), 4))
    sudoers = read_sudoers(files)
    automatic, unread = _read_automatic(files)
    rows = list(_list_rows(files.load("etc/passwd", _MAX_LIST_BYTES), 7))
    if len(rows) > _MAX_ACCOUNTS:
        raise NotKnownError(f"there are more than {_MAX_ACCOUNTS} local accounts")
    administrators, gids = _find_administrators(groups, sudoers)
    accounts = []
    for name, password, uid, gid, _, _, shell in rows:
        if uid == b"0" or gid in gids or sudoers.is_everybody:
            administrators.add(_to_text(name))
        if shell.rpartition(b"/")[2].decode("utf-8", "replace") in _NO_SHELLS:
            continue
        # An `x` says that the password stands in shadow; anything else is the password itself.
        kept = passwords.get(name, _Password(b"!", None)) if password == b"x" else _Password(password, None)
        accounts.append(_to_account(_to_text(name), kept, administrators, automatic))
    local = {_to_text(row[0]) for row in rows}
    if sudoers.unclear:
        unread.insert(0, f"sudoers: {sudoers.unclear} lines or names were not understood")
    return LocalAccounts(tuple(accounts), tuple(sorted(administrators - local)), tuple(unread))


def _find_administrators(groups: list[list[bytes]], sudoers: Sudoers) -> tuple[set[str], set[bytes]]:
    """Return who is named, and the ids of the groups whose own accounts administer too."""
    names, gids = set(sudoers.users), set()
    wanted = {*ADMINISTRATORS, *sudoers.groups}
    for name, _, gid, members in groups:
        if _to_text(name) in wanted:
            gids.add(gid)
            names |= {_to_text(member) for member in members.split(b",") if member}
    return names, gids


def _to_account(name: str, password: _Password, administrators: set[str], automatic: set[str]) -> LocalAccount:
    # A hash begins with none of these; what does is a lock, or no password that anything fits.
    has_password = bool(password.text) and not password.text.startswith((b"!", b"*"))
    return LocalAccount(
        name=name,
        is_administrator=name in administrators,
        has_password=has_password,
        password_changed_at_ns=password.changed_at_ns if has_password else None,
        needs_no_password=not password.text or name in automatic,
    )


def _list_passwords(content: bytes) -> Iterator[tuple[bytes, _Password]]:
    for name, text, changed, *_ in _list_rows(content, 9):
        # Day 0 asks for a new password at the next sign-in; of when the old one is, is not told.
        is_told = changed.isdigit() and 0 < int(changed[:6]) < 100_000
        yield name, _Password(text, int(changed) * _DAY_NS if is_told else None)


def _list_rows(content: bytes, width: int) -> Iterator[list[bytes]]:
    for line in content.splitlines():
        fields = line.split(b":")
        # A name with a sign in front is an order to ask the directory.
        if len(fields) == width and fields[0] and fields[0][:1] not in b"+-#":
            yield fields


def _read_automatic(files: SystemFiles) -> tuple[set[str], list[str]]:
    """Return who is signed in at the start of the machine without being asked, and which settings of that are broken.

    A display manager may understand what we do not.
    """
    found: set[str] = set()
    unread: dict[str, None] = {}
    for place, sections, key in _DISPLAY_MANAGERS:
        names = files.list_names(place) if place.endswith("/") else [""]
        for name in names:
            if name and not name.endswith(".conf"):
                continue
            settings = configparser.ConfigParser(interpolation=None, strict=False, allow_no_value=True)
            try:
                settings.read_string((files.find(place + name) or b"").decode("utf-8", "replace"))
            except configparser.Error:
                unread[f"/{place} was not understood"] = None
                continue
            for section in settings.sections():
                values = settings[section]
                # gdm has a switch beside the name.
                is_on = (values.get("automaticloginenable") or "true").lower() in ("true", "1", "yes")
                if section.lower() in sections and values.get(key) and is_on:
                    found.add(_to_text((values.get(key) or "").strip().encode()))
    return found, list(unread)


def _to_text(value: bytes) -> str:
    text = value.decode("utf-8", "replace")[:_MAX_CHARACTERS]
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)
