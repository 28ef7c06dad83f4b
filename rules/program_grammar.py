# SPDX-License-Identifier: Apache-2.0
"""How one `[[rule.program]]` becomes a `ProgramPattern`. Which kinds of events have a program is `grammar`'s business.

    [[rule.program]]                            # any one of these is enough: executables, packages, flatpaks, snaps,
    name = "Tor"                                # python_packages, node_packages, extensions, paths; and by content:
    executables = ["tor", "tor-*"]              # sha256, build_ids, sketches (see `schoolwarden-agent fingerprint`)

A program that is recognised by nothing, or by what every machine has, is an error.
"""

import re

from rules import wildcard
from rules.likeness import parse_sketch
from rules.model import ProgramPattern
from rules.names import to_comparable
from rules.table import Table, shown

_NAMES = ("executables", "packages", "flatpaks", "snaps", "python_packages", "node_packages", "paths")
PROGRAM_KEYS = ("name", *_NAMES, "extensions", "sha256", "build_ids", "sketches")

_SHA256 = re.compile(r"[0-9a-fA-F]{64}")
_BUILD_ID = re.compile(r"([0-9a-fA-F]{2}){8,64}")
_SCOPED = re.compile(r"@[^/\\]+/[^/\\]+")
# Chromium's and its kin's: 32 letters. Firefox's: like an address, or a GUID in braces.
_EXTENSION = re.compile(r"[A-Za-z0-9{}@._+~-]+")

# A pattern that fits one of these would report what everybody does all day.
_ORDINARY = {
    "executables": ("bash", "chrome", "explorer", "firefox", "msedge", "python3", "soffice.bin", "svchost", "systemd"),
    "packages": ("bash", "firefox-esr", "libc6", "libreoffice", "python3", "systemd"),
    "flatpaks": ("org.mozilla.firefox", "org.libreoffice.libreoffice"),
    "snaps": ("core22", "firefox", "libreoffice"),
    "python_packages": ("pip", "setuptools", "requests"),
    "node_packages": ("npm", "corepack", "typescript"),
    "paths": (
        "/usr/bin/python3",
        "/usr/lib/firefox-esr/firefox-esr",
        "c:/program files/mozilla firefox/firefox.exe",
        "c:/windows/system32/svchost.exe",
    ),
}


def parse_program(table: Table) -> ProgramPattern:
    """Read one program.

    Raises:
        RuleFormatError: it breaks the format, fits what everybody uses, or is recognised by nothing.
    """
    names = {key: _parse_names(table, key) for key in _NAMES}
    codes = {
        "extensions": table.codes("extensions", _EXTENSION, "give the id, not the title"),
        "sha256": table.codes("sha256", _SHA256, "a SHA-256 is 64 hexadecimal digits"),
        "build_ids": table.codes("build_ids", _BUILD_ID, "a build id is 16 hexadecimal digits or more"),
        "sketches": _parse_sketches(table),
    }
    pattern = ProgramPattern(name=table.text("name"), **names, **codes)
    if not any(names.values()) and not any(codes.values()):
        raise table.fault(
            f"{pattern.name!r} is not recognised by anything, so it could never match",
            hint=f"give one of {', '.join(PROGRAM_KEYS[1:])}",
        )
    return pattern


def _parse_sketches(table: Table) -> tuple[str, ...]:
    sketches = table.texts("sketches", ())
    for sketch in sketches:
        if parse_sketch(sketch) is None:
            hint = "copy what `schoolwarden-agent fingerprint FILE` prints: s1: and 512 hexadecimal digits"
            raise table.fault(f"{shown(sketch)} is no sketch", key="sketches", hint=hint)
    return sketches


def _parse_names(table: Table, key: str) -> tuple[str, ...]:
    names = table.texts(key, ())
    for name in names:
        fault = wildcard.find_fault(name)
        if fault:
            raise table.fault(f"{shown(name)} {fault}", key=key)
        if key == "paths" and not name.startswith(("/", "*")) and name[1:2] != ":":
            raise table.fault(f"{shown(name)} is no absolute path", key=key, hint="start with /, * or a drive: */tor/*")
        is_scoped = key == "node_packages" and _SCOPED.fullmatch(name)
        if key != "paths" and not is_scoped and ("/" in name or "\\" in name):
            raise table.fault(f"{shown(name)} is a path", key=key, hint="write it under paths")
        hit = _find_ordinary(name, key) if wildcard.is_wildcard(name) else None
        if hit:
            raise table.fault(f"{shown(name)} fits ordinary programs too, such as {hit}", key=key, hint="be narrower")
    return names


def _find_ordinary(name: str, key: str) -> str | None:
    regex = re.compile(wildcard.to_regex(to_comparable(name, key)), re.DOTALL)
    return next((each for each in _ORDINARY[key] if regex.match(each)), None)
