# SPDX-License-Identifier: Apache-2.0
"""The readers of a school, each with the opener on a computer of his own, and what goes between them as files.

Everything is done by the command, as a person or a script calls it: mostly in this process, because a start takes
longer than most of what it does; where the program itself matters, as a process of its own.
"""

import io
import json
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pyrage

from collector.opener.cli import main
from collector.opener.documents import dump_document, to_base64
from collector.opener.identity import Identity
from proto.recipients import fingerprint, load_signed, open_recipients
from proto.sealed import FlagContent, encode_flag, seal
from tests.path import Said, run
from tests.wrapped import wrap_lightly

OPENER = "schoolwarden-open"
WORDS = "able baby cabin dad eager fabric"
"""Of every identity that was not made here."""
SCHOOL_ID = "school-1"
SCHOOL_NAME = "Hilltop School"
POSITIONS = {"anna": "dsl", "ben": "deputy_dsl", "cara": "headteacher", "dan": "chair_of_governors"}
"""By name at the console."""
HOLDERS = {
    "dsl": ("headteacher", "chair", "trust safeguarding lead"),
    "head": ("chair", "trust safeguarding lead", "trust chief executive"),
    "chair": ("trust safeguarding lead", "trust chief executive", "local authority"),
}
FLAG_ID = "00f1a90000000001"
NOTE = "spoke to him\nand to his mother"
MADE_AT_NS = 1_700_000_000 * 10**9


Runner = Callable[..., Said]
"""Runs the opener with arguments and what is given on its standard input."""


def run_here(*arguments: str, given: str = "") -> Said:
    """Run the opener in this process, with streams like those that a script gives it."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    with redirect_stdout(out), redirect_stderr(err), patch.object(sys, "stdin", io.StringIO(given)):
        try:
            code = main(arguments)
        except SystemExit as end:  # argparse ends so, after help and after a wrong call.
            code = int(end.code or 0)
    printed, talked = (stream.buffer.getvalue().decode() for stream in (out, err))
    return Said(code, printed, talked)


def run_apart(*arguments: str, given: str = "") -> Said:
    """Run the opener as the program that is installed."""
    said = run(OPENER, *arguments, given=given)
    assert "Traceback" not in said.err, said
    return said


@dataclass
class Reader:
    """One of them, with his folder."""

    name: str
    folder: Path
    runner: Runner = run_here
    passphrase: str = ""
    age_key: str = ""

    def __call__(self, *arguments: str | Path, given: str = "") -> Said:
        """Run a verb."""
        return self.runner(*map(str, arguments), "--folder", str(self.folder), given=given)

    def good(self, *arguments: str | Path, given: str = "") -> Any:
        """Run a verb that must end well, and return what it printed as JSON."""
        said = self(*arguments, "--format", "json", given=given)
        assert said.code == 0, said
        return said.json

    def unlocked(self, *arguments: str | Path) -> Any:
        """Run a verb that asks for the passphrase."""
        return self.good(*arguments, "--passphrase-file", "-", given=self.passphrase + "\n")

    def make_identity(self) -> None:
        """Make his key."""
        made = self.good("identity", "make", "--yes")
        self.passphrase, self.age_key = made["passphrase"], made["age_key"]

    def take_identity(self) -> None:
        """Keep a key that was made elsewhere, which opens at once."""
        self.passphrase = WORDS
        file = self.folder.with_name(f"{self.name}-made-elsewhere.json")
        file.write_text(make_identity(self.passphrase).to_document())
        self.age_key = self.unlocked("identity", "import", file)["age_key"]


@dataclass
class Staff:
    """All of them, in one folder of a test."""

    path: Path
    readers: dict[str, Reader] = field(default_factory=dict)

    @classmethod
    def gather(cls, path: Path, names: Sequence[str] = tuple(POSITIONS), *, runner: Runner = run_here) -> "Staff":
        """Let them come together, with nothing made yet."""
        return cls(path, {name: Reader(name, path / name, runner) for name in names})

    def copy_to(self, path: Path) -> "Staff":
        """Return the same people in another folder, whose files were copied there."""
        return Staff(path, {each.name: replace(each, folder=path / each.name) for each in self})

    def make_sheets(self) -> None:
        """Let the DSL make a recovery key for each route, which opens the root as well."""
        for route, holders in HOLDERS.items():
            named = [part for holder in holders for part in ("--holder", holder)]
            self["anna"].good("recovery", "make", "--route", route, *named, "--sheets", self.path / "sheets", "--yes")

    def read_back(self, candidates: Path, items: Path) -> list[str]:
        """Let the DSL seal a code to each and each read his own back; return them as they are given to `sign`."""
        assert self["anna"].good("readers", "test", candidates, "-o", items)["people"] == list(self.readers)
        codes = []
        for each in self:
            answer = each.unlocked("readers", "answer", items, "--id", each.name)
            assert answer["age_key"] == each.age_key
            codes.append(f"--code={each.name}={answer['code']}")
        return codes

    def __iter__(self) -> Iterator[Reader]:
        return iter(self.readers.values())

    def __getitem__(self, name: str) -> Reader:
        return self.readers[name]

    def candidates(self, *, version: int = 0, name: str = "candidates.json", **changes: Any) -> Path:
        """Write the list as the collector does; `changes` replace a person's fields."""
        people = [
            {
                "id": each.name,
                "positions": [POSITIONS[each.name]],
                "age_key": each.age_key,
                "aliases": [each.name.title()],
                "accounts": [f"directory:{each.name}"],
            }
            | changes.get(each.name, {})
            for each in self
            if changes.get(each.name, {}) is not None
        ]
        values = {"school_id": SCHOOL_ID, "school_name": SCHOOL_NAME, "version": version, "people": people}
        path = self.path / name
        path.write_text(dump_document("schoolwarden candidates v1", values))
        return path

    def words(self, route: str, *numbers: int) -> str:
        """Return the words of sheets as they stand on the paper, a line each."""
        return "".join(
            read_words(self.path / "sheets" / f"recovery-{route}-{number}.html") + "\n" for number in numbers
        )

    def readers_of(self, path: Path) -> Any:
        """Return a signed set as a device reads it."""
        signed = load_signed(path.read_text())
        pinned = bytes.fromhex(self["anna"].good("root", "show")["fingerprint"])
        assert fingerprint(signed.root_public_key) == pinned
        return open_recipients(signed, pinned_fingerprint=pinned, school_id=SCHOOL_ID)


def make_identity(passphrase: str) -> Identity:
    """Make an identity that opens at once."""
    made = pyrage.x25519.Identity.generate()
    return Identity(str(made.to_public()), wrap_lightly(str(made), passphrase))


def read_words(sheet: Path) -> str:
    """Return the words of a sheet, with the numbers that stand before them."""
    found = re.findall(r"<li><b>(\d+)</b> ([a-z]+)</li>", sheet.read_text())
    return " ".join(f"{number}. {word}" for number, word in found)


def make_content(**changes: Any) -> FlagContent:
    """Return what a device seals."""
    values: dict[str, Any] = {
        "school_id": SCHOOL_ID,
        "device_id": "0123456789abcdef",
        "hostname": "library-01",
        "made_at_ns": MADE_AT_NS,
        "tier": "alert",
        "route": "dsl",
        "account": "directory:pupil1",
        "account_name": "pupil1",
        "account_kind": "pupil",
        "category": "self_harm",
        "rule": "self_harm.3",
        "severity": 3,
        "why": "says that he hurts himself",
        "sentence": "nobody knows that i hurt myself",
        "start": 18,
        "end": 31,
        "application": "firefox",
        "window": "Essay",
        "notice_version": "2026-1",
        "recipients_version": 1,
    }
    return FlagContent(**(values | changes))


def write_flag(path: Path, age_keys: Sequence[str], *, content: FlagContent | None = None, **outside: Any) -> Path:
    """Write a flag as the console gives it; `outside` replaces what the collector says of it."""
    content = content or make_content()
    note = {"format": "schoolwarden note v1", "flag_id": FLAG_ID, "made_by": "anna", "text": NOTE}
    values = {
        "school_id": content.school_id,
        "flag_id": FLAG_ID,
        "device_id": content.device_id,
        "hostname": content.hostname,
        "tier": content.tier,
        "route": content.route,
        "drill": bool(content.drill_nonce),
        "device_time_ns": content.made_at_ns + 10**6,
        "received_at_ns": content.made_at_ns + 10**9,
        "recipients_version": content.recipients_version,
        "sealed": to_base64(seal(encode_flag(content), age_keys)),
        "notes": [
            {
                "made_by": "anna",
                "made_at_ns": content.made_at_ns + 10**10,
                "sealed": to_base64(seal(json.dumps(note).encode() + b" " * 9, age_keys)),
            }
        ],
    } | outside
    path.write_text(json.dumps({"format": "schoolwarden flag v1", **values}))
    return path
