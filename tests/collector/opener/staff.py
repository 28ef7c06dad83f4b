# SPDX-License-Identifier: Apache-2.0
"""The readers of a school, each with the opener on a computer of his own, and what goes between them as files.

Everything is done by the real program, as a person or a script does it.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from collector.opener.documents import dump_document, to_base64
from proto.recipients import fingerprint, load_signed, open_recipients
from proto.sealed import FlagContent, encode_flag, seal
from tests.path import Said, run

IDENTITIES = Path(__file__).with_name("identities")
"""Made by the browser's library under the words below: `browser` as the console's page does it, the others with hardly
any work, so that a test that unlocks them does not wait a second each time."""
WORDS = "able baby cabin dad eager fabric"
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


@dataclass
class Reader:
    """One of them, with his folder."""

    name: str
    folder: Path
    passphrase: str = ""
    age_key: str = ""

    def __call__(self, *arguments: str | Path, given: str = "") -> Said:
        """Run a verb."""
        said = run("schoolwarden-open", *map(str, arguments), "--folder", str(self.folder), given=given)
        assert "Traceback" not in said.err, said
        return said

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
        """Keep the key that lies ready for him."""
        self.passphrase = WORDS
        self.age_key = self.unlocked("identity", "import", IDENTITIES / f"{self.name}.json")["age_key"]


@dataclass
class Staff:
    """All of them, in one folder of a test."""

    path: Path
    readers: dict[str, Reader] = field(default_factory=dict)

    @classmethod
    def gather(cls, path: Path, names: Sequence[str] = tuple(POSITIONS)) -> "Staff":
        """Let them come together, with nothing made yet."""
        return cls(path, {name: Reader(name, path / name) for name in names})

    def copy_to(self, path: Path) -> "Staff":
        """Return the same people in another folder, whose files were copied there."""
        copies = {each.name: Reader(each.name, path / each.name, each.passphrase, each.age_key) for each in self}
        return Staff(path, copies)

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
