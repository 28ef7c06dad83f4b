# SPDX-License-Identifier: Apache-2.0
"""A school whose keyboards are watched, set up as its people would do it: with the three commands and nothing else.

    readers = Readers(tmp_path / "readers", collector)
    readers.gather()                       a root, four readers with keys of their own, sheets, a signed set
    readers.watch(groups=["pupils"])       the policy with its (marked) impact assessment
    readers.wait_for_flag(); readers.read(flag_id, "dana")

One thing is not done as a person does it: the wrapped identity goes into the collector past its page.
"""

import base64
import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select

from collector import identities
from collector.store.engine import reading
from collector.store.schema import flags
from collector.store.schema import payloads as payload_rows
from proto.events import FlagRaised
from proto.sealed import FlagContent, decode_flag
from proto.wire import decode_body
from tests.path import RunningAgent, RunningCollector, Said, run, wait_for

POSITIONS = {"dana": "dsl", "dev": "deputy_dsl", "heather": "headteacher", "charles": "chair_of_governors"}
"""By name at the console."""

SCHOOL = "Saint Quandary's Academy"
"""A name that stands nowhere else: what is planted where something is looked for."""

KEYWORDS = """
[keywords]
enabled = true
dpia_reference = "TEST: not a real assessment"
dpia_review_date = "{review_date}"
notice_version = "test-1"
notice_title = "This computer is watched"
notice_text = "What you type here is compared with a list of words by a program on this computer."
watch_groups = [{groups}]
days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
hours = "00:00-24:00"
out_of_hours_reference = "TEST: runs at night"
away_reference = "TEST: runs anywhere"
"""


@dataclass
class Person:
    """A reader, with the folder of his own computer."""

    name: str
    folder: Path
    passphrase: str = ""
    age_key: str = ""
    password: str = ""
    """The one-time password at the console."""

    def run(self, *arguments: str | Path, given: str = "") -> Said:
        """Run the opener on his computer."""
        said = run("schoolwarden-open", *map(str, arguments), "--folder", str(self.folder), given=given)
        assert said.code == 0, said
        return said

    def unlocked(self, *arguments: str | Path) -> Any:
        """Run what asks for his passphrase, and return what it says."""
        said = self.run(*arguments, "--passphrase-file", "-", "--format", "json", given=self.passphrase + "\n")
        return said.json


@dataclass
class Readers:
    """The people of a school who may read flags."""

    folder: Path
    collector: RunningCollector
    people: dict[str, Person] = field(default_factory=dict)
    root_fingerprint: str = ""

    def gather(self) -> None:
        """Do the whole ceremony; after it, tokens carry the root's fingerprint."""
        self.folder.mkdir()
        for name, position in POSITIONS.items():
            self.people[name] = self._add(name, position)
        first, second = self.people["dana"], self.people["heather"]
        made = first.run("root", "make", "--school", "A school", "--to", second.age_key, "--format", "json").json
        self.root_fingerprint = made["fingerprint"]
        self.sign()

    def sign(self) -> None:
        """Test every key and publish a set."""
        first = self.people["dana"]
        candidates, items, signed = (self.folder / name for name in ("candidates.json", "items.json", "set.txt"))
        for path in (items, signed):
            path.unlink(missing_ok=True)
        candidates.write_text(self._collector("readers", "candidates").out)
        first.run("readers", "test", candidates, "-o", items)
        codes = []
        for person in self.people.values():
            answer = person.unlocked("readers", "answer", items, "--id", person.name)
            codes += ["--code", f"{person.name}={answer['code']}"]
        first.unlocked("readers", "sign", candidates, *codes, "-o", signed, "--yes")
        self._collector("readers", "publish", str(signed))

    def watch(self, *groups: str) -> None:
        """Publish the policy under which members of these groups are watched."""
        path = self.folder / "keywords.toml"
        review_date = (datetime.now(UTC).date() + timedelta(days=300)).isoformat()
        listed = ", ".join(f'"{group}"' for group in groups)
        path.write_text(KEYWORDS.format(groups=listed, review_date=review_date))
        self._collector("rules", "add", str(path), "--reason", "the governors decided it")

    def list_flags(self) -> list[Any]:
        """Return the rows of all flags, oldest first."""
        with reading(self.collector.engine) as connection:
            return list(connection.execute(select(flags).order_by(flags.c.received_at_ns)))

    def wait_for_flags(self, count: int, *programs: Any) -> list[Any]:
        """Return the flags once there are so many."""
        return wait_for(lambda: found if len(found := self.list_flags()) >= count else [], f"{count} flags", *programs)

    def sealed_of(self, flag: Any) -> bytes:
        """Return the sealed text of a flag, as it lies in the database."""
        query = select(payload_rows.c.body).where(payload_rows.c.event_id == flag.event_id)
        with reading(self.collector.engine) as connection:
            body = connection.execute(query).scalar_one()
        return bytes(decode_body(FlagRaised.kind, body).sealed)

    def read(self, flag: Any, name: str) -> FlagContent:
        """Return what a reader reads, with his own key."""
        import pyrage

        from proto.sealed import open_sealed

        wrapped = identities.find_identity(self.collector.engine, flag.school_id, name)
        assert wrapped is not None
        person = self.people[name]
        secret = pyrage.passphrase.decrypt(wrapped.wrapped, person.passphrase).decode().strip()
        return decode_flag(open_sealed(self.sealed_of(flag), secret))

    def _add(self, name: str, position: str) -> Person:
        said = self._collector("user", "add", name, "--role", position)
        person = Person(name, self.folder / name)
        found = re.search(r"\b(?:[a-z2-9]{4}-){4}[a-z2-9]{4}\b", said.out)
        assert found, said
        person.password = found.group()
        made = person.run("identity", "make", "--yes", "--format", "json").json
        person.passphrase, person.age_key = made["passphrase"], made["age_key"]
        exported = person.folder / "for-console.json"
        person.run("identity", "export", "-o", exported)
        document = json.loads(exported.read_text())
        identities.keep_identity(
            self.collector.engine,
            self.collector.config.school_id,
            user=name,
            age_key=document["age_key"],
            wrapped=base64.b64decode(document["wrapped"]),
            now_ns=1,
        )
        return person

    def _collector(self, *arguments: str) -> Said:
        said = self.collector.run(*arguments)
        assert said.code == 0, said
        return said


def wait_until_watched(agent: RunningAgent) -> None:
    """Return when the agent says of a session that it is watched."""

    def is_watched() -> bool:
        for check in agent.status().get("checks", []):
            if check["check"] == "keywords" and check["state"] == "pass":
                return True
        return False

    wait_for(is_watched, "a session to be watched", agent)
