# SPDX-License-Identifier: Apache-2.0
"""What can be changed in the policy, each as a value that is kept while it waits for a second person's word.

Each is done to what is in force when it is published, inside that transaction. Who may is the business of `agreement`,
whether the policy is sound afterwards that of `composition`.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import ClassVar

from sqlalchemy import Connection

from collector import own_rules, pauses, rollouts
from collector.composition import find_zone, read_chosen, read_files
from collector.errors import StoreError, UsageError
from collector.publications import find_version
from rules.arrangements import Timetable


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """On whose behalf and when something is amended."""

    school_id: str
    author: str
    seconded_by: str
    """Empty when nobody has to."""
    reason: str
    now_ns: int


@dataclass(frozen=True, slots=True)
class FileAdded:
    """A rule file of the school's own comes, or takes the place of the one of this name."""

    do: ClassVar[str] = "add"
    name: str
    text: str

    @property
    def subject(self) -> str:
        """What is changed, for people."""
        return f"rule file {self.name}"

    def apply(self, connection: Connection, about: Circumstances) -> None:
        """Do it.

        Raises:
            UsageError: the collector writes files of such a name itself.
        """
        own_rules.put_own_file(
            connection, about.school_id, self.name, self.text, actor=about.author, now_ns=about.now_ns
        )


@dataclass(frozen=True, slots=True)
class FileRemoved:
    """A rule file of the school's own goes."""

    do: ClassVar[str] = "remove"
    name: str

    @property
    def subject(self) -> str:
        """What is changed, for people."""
        return f"rule file {self.name} removed"

    def apply(self, connection: Connection, about: Circumstances) -> None:
        """Do it.

        Raises:
            UsageError: there is none of that name.
        """
        own_rules.remove_own_file(connection, about.school_id, self.name)


@dataclass(frozen=True, slots=True)
class PackChosen:
    """The school works under another pack; or under the same one, as this version of the program brings it."""

    do: ClassVar[str] = "pack"
    pack: str

    @property
    def subject(self) -> str:
        """What is changed, for people."""
        return f"pack {self.pack}"

    def apply(self, connection: Connection, about: Circumstances) -> None:
        """Do it.

        Raises:
            UsageError: there is none of that name.
        """
        own_rules.put_pack(connection, about.school_id, self.pack, actor=about.author, now_ns=about.now_ns)


@dataclass(frozen=True, slots=True)
class PauseBegun:
    """A safeguard is off for a while, from the moment on at which a second person agrees."""

    do: ClassVar[str] = "pause"
    what: str
    duration_s: int

    @property
    def subject(self) -> str:
        """What is changed, for people."""
        return f"pause of {self.what} for {pauses.show_length(self.duration_s)}"

    def apply(self, connection: Connection, about: Circumstances) -> None:
        """Do it.

        Raises:
            UsageError: there is no such thing, it is too short or too long, the same is paused already, or a roll-out
                is under way.
        """
        policy = read_chosen(connection, about.school_id)
        pauses.verify_what(self.what, policy)
        if rollouts.find_rollout(connection, about.school_id) is not None:
            raise UsageError(
                "a roll-out is under way, and a pause is for every device",
                hint="end the roll-out first: policy everywhere, or policy back",
            )
        zone = find_zone(policy.arrangements.timetable or Timetable())
        pauses.begin_pause(
            connection,
            about.school_id,
            self.what,
            pauses.find_span(self.duration_s, zone, about.now_ns),
            reason=about.reason,
            asked_by=about.author,
            decided_by=about.seconded_by,
            now_ns=about.now_ns,
        )


@dataclass(frozen=True, slots=True)
class WentBack:
    """Pack and own rule files are again as they were in a version; the registers stay as they are now."""

    do: ClassVar[str] = "back"
    version: int

    @property
    def subject(self) -> str:
        """What is changed, for people."""
        return f"back to version {self.version}"

    def apply(self, connection: Connection, about: Circumstances) -> None:
        """Do it, and end a roll-out that is under way.

        Raises:
            UsageError: there was no such version.
            StoreError: it cannot be read any more.
        """
        bundle = find_version(connection, about.school_id, self.version)
        if bundle is None:
            raise UsageError(f"there was no version {self.version}", hint="see: schoolwarden-collector policy history")
        files = read_files(bundle)
        if not files:
            raise StoreError(f"version {self.version} cannot be read any more", hint="go back to another one")
        actor, now_ns = about.author, about.now_ns
        rollouts.withdraw_rollout(connection, about.school_id, actor=actor, now_ns=now_ns)
        pack, own = read_choice(files)
        own_rules.put_pack(connection, about.school_id, pack, actor=actor, now_ns=now_ns)
        own_rules.replace_own_files(connection, about.school_id, own, actor=actor, now_ns=now_ns)


def read_choice(files: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """Return what a school had chosen in the files of a bundle: the pack, and its own rule files by name."""
    own = {name.removeprefix(own_rules.FOLDER): text for name, text in files.items() if own_rules.is_own(name)}
    return own_rules.read_pack(files), own


Amendment = FileAdded | FileRemoved | PackChosen | PauseBegun | WentBack

_KINDS: dict[str, Callable[..., Amendment]] = {
    each.do: each for each in (FileAdded, FileRemoved, PackChosen, PauseBegun, WentBack)
}


def dump_amendment(amendment: Amendment) -> str:
    """Return it as the table of changes keeps it."""
    return json.dumps({"do": amendment.do} | asdict(amendment))


def load_amendment(kept: str) -> Amendment:
    """Return what the table of changes kept."""
    values = json.loads(kept)
    return _KINDS[values.pop("do")](**values)
