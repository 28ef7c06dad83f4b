# SPDX-License-Identifier: Apache-2.0
"""Targets: what people upload, paste and mistype, and how a device's words are shown to them."""

import unicodedata

from collector.commands.output import to_cell
from collector.console.pages.identity import parse_identity as parse_uploaded_identity
from collector.console.scripts import read_base64
from collector.console.text import LONGEST_SHOWN, show
from collector.errors import CollectorError
from collector.opener.documents import parse_document
from collector.opener.errors import OpenerError
from collector.opener.identity import Identity, parse_identity
from collector.opener.recovery import join, read_share, split
from collector.opener.text import show as show_offline
from collector.opener.words import tidy_passphrase
from collector.people.roster import COLUMNS, read_roster
from collector.summaries import quote
from tests.fuzz.target import Target, to_text


def run_roster(data: bytes) -> None:
    """Every line is taken or refused with a reason; nobody is taken twice."""
    roster = read_roster(data)
    ids = [person.person_id for _, person in roster.people]
    assert len(ids) == len(set(ids)) or roster.refused


def run_shown(data: bytes) -> None:
    """Nothing that moves a cursor, hides or turns text round reaches a page, a terminal or a spreadsheet."""
    text = to_text(data)
    for shown in (show(text), quote(text), show_offline(text)):
        assert not any(unicodedata.category(each) in ("Cc", "Cf", "Cs", "Zl", "Zp") for each in shown)
    assert len(show(text)) < 12 * LONGEST_SHOWN
    cell = to_cell(text)
    assert not cell.lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r"))


def run_sheet(data: bytes) -> None:
    """The words of a recovery sheet, mistyped in any way."""
    read_share(to_text(data))


def run_sheets(data: bytes) -> None:
    """Two sheets."""
    first, _, second = to_text(data).partition("\n")
    join([first, second])


# Wrapped by nobody: what is inside is opened by age alone.
IDENTITY = Identity(
    "age1" + "q" * 58, b"age-encryption.org/v1\n-> scrypt " + b"A" * 22 + b" 16\n" + b"B" * 43 + b"\n---\n"
)
SHEETS = split(bytes(range(32)))
TARGETS = (
    Target(
        name="roster",
        run=run_roster,
        refuses_with=(CollectorError,),
        modules=("collector.csv_file", "collector.people.roster", "collector.people.values"),
        seeds=(
            f"{','.join(COLUMNS)}\np1,Ann Example,pupil,,,7,7A,uid:1001@x,,2026-09-01,\n".encode(),
            b"\xef\xbb\xbf" + f"{';'.join(COLUMNS)}\np1;=cmd;staff;dsl|head;Mrs A;;;;;;\n".encode(),
        ),
    ),
    Target(
        name="shown",
        run=run_shown,
        modules=("collector.console.text", "collector.summaries", "collector.commands.output"),
        seeds=("a\u202eb\x1b[2J=1+1".encode(), b"@SUM(A1)", "e\u0301\u0301\u0301\u0301".encode()),
    ),
    Target(
        name="document",
        run=lambda data: parse_document(to_text(data), "f", {"a": str, "b": int}, "it", {"c": list}),
        refuses_with=(OpenerError,),
        modules=("collector.opener.documents",),
        seeds=(b'{"format":"f","a":"x","b":1,"c":["y"]}',),
    ),
    Target(
        name="identity",
        run=lambda data: parse_identity(to_text(data), "it"),
        refuses_with=(OpenerError,),
        modules=("collector.opener.identity",),
        seeds=(IDENTITY.to_document().encode(),),
    ),
    Target(
        name="uploaded_identity",
        run=parse_uploaded_identity,
        refuses_with=(CollectorError,),
        modules=("collector.console.pages.identity",),
        seeds=(IDENTITY.to_document().encode(),),
    ),
    Target(
        name="base64",
        run=lambda data: read_base64(to_text(data)),
        refuses_with=(CollectorError,),
        modules=("collector.console.scripts",),
        seeds=(b"AAAA", b"AA=="),
    ),
    Target(
        name="recovery_sheet",
        run=run_sheet,
        refuses_with=(OpenerError,),
        modules=("collector.opener.recovery",),
        seeds=tuple(each.encode() for each in SHEETS),
    ),
    Target(
        name="recovery_sheets",
        run=run_sheets,
        refuses_with=(OpenerError,),
        modules=("collector.opener.recovery",),
        seeds=("\n".join(SHEETS[:2]).encode(), "\n".join((SHEETS[0], SHEETS[0])).encode()),
    ),
    Target(name="passphrase", run=lambda data: tidy_passphrase(to_text(data)), modules=("collector.opener.words",)),
)
