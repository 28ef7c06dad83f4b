# SPDX-License-Identifier: Apache-2.0
"""Who reads the flags of this machine: the newest set that the pinned safeguarding root signed, kept over a restart.

The collector brings the set and cannot make one. A set is taken whole or not at all; one that is older, broken or
signed by another root is refused and the one in force stays. Who is absent and the key of references are the
collector's word: what that can do is little, and each change of it is told. How people are chosen is `rules.route`'s.
"""

import base64
import binascii
import json
import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from google.protobuf.message import DecodeError

from agent.identity import Identity
from proto.errors import RecipientsError
from proto.files import write_private
from proto.recipients import RecipientSet, fingerprint, open_recipients, sha256_of
from proto.sealed import SUBJECT_KEY_BYTES
from proto.wire import Safeguarding
from rules.keywords.named import NameFinder
from rules.route import Holder, Route, choose_route, find_readers, list_holders

FORMAT = 1
_FIELDS = {"format": int, "enrolled_fingerprint": str, "safeguarding": str}
_PIN_FIELDS = {"format": int, "device_id": str, "enrolled_fingerprint": str} | {
    "root_fingerprint": str,
    "version": int,
    "sha256": str,
}
_DIRECTORY = "directory:"


@dataclass(frozen=True, slots=True)
class Pin:
    """How far this identity has come: no other root, no older set and no second one of that version is taken."""

    root_fingerprint: bytes
    version: int = 0
    sha256: bytes | None = None


@dataclass(frozen=True)
class Readers:
    """A set in force, and how it is applied. It never changes: who asks twice of one asks the same people."""

    recipients: RecipientSet
    subject_key: bytes = field(repr=False)
    absent: frozenset[str]
    """Ids of recipients who are away."""
    sha256: bytes
    root_fingerprint: bytes
    """Of the root that signed it."""

    @cached_property
    def _names(self) -> NameFinder:
        return NameFinder({each.id: each.aliases for each in self.recipients.recipients})

    @cached_property
    def _readers(self) -> tuple[Holder, ...]:
        return list_holders(self.recipients)

    @cached_property
    def _everybody(self) -> tuple[Holder, ...]:
        """With those who have not opened a test item yet: they read nothing, and a flag can be about them."""
        everybody = tuple(replace(each, tested=True) for each in self.recipients.recipients)
        return list_holders(replace(self.recipients, recipients=everybody))

    def find_subjects(self, account: str, *texts: str) -> frozenset[str]:
        """Return the ids of role-holders whom a sentence may be about: who typed it, and who is named in the texts."""
        typed = frozenset(
            each.id
            for each in self.recipients.recipients
            if _fold_account(account) in {_fold_account(own) for own in each.accounts}
        )
        return typed.union(*map(self._names.find, texts))

    def choose(self, subjects: Collection[str]) -> tuple[Route, tuple[str, ...]]:
        """Return the route of a flag about these people, and the keys of whoever reads what goes there.

        The recovery key of that very route is one of them, if there is one: a key for a lower route would open a flag
        about those who hold it. For `OUTSIDE` it may be the only one, or there is none at all.
        """
        about = [holder for holder in self._everybody if holder.id in subjects]
        # Whom it is about counts only for how high it must go: the route lies above every position of these.
        route = choose_route([*self._readers, *about], subjects)
        readers = find_readers(self._readers, route, self.absent)
        keys = [each.age_key for each in self.recipients.tested if each.id in readers]
        keys += [each.age_key for each in self.recipients.recoveries if each.route == route.value]
        return route, tuple(keys)


class ReaderStore:
    """Holds the set in force and keeps it over a restart; and apart from it the pin, which only ever goes forward."""

    def __init__(self, path: Path, identity: Identity, pin_file: Path | None = None) -> None:
        """`pin_file` lies beside the identity, so that a lost set does not bring a former root back.

        By default it lies beside the set.
        """
        self._path = path
        self._pin_file = pin_file or path.with_name("pin.json")
        self._identity = identity
        self._lock = threading.Lock()
        enrolled = identity.safeguarding_root_fingerprint
        self._enrolment = {"device_id": identity.device_id, "enrolled_fingerprint": enrolled.hex()}
        self._pin = Pin(enrolled)
        self._in_force: Readers | None = None
        self.on_change: Callable[[], None] = lambda: None
        """Called after something of what is in force changed, in the thread that brought it."""

    @property
    def in_force(self) -> Readers | None:
        """The set in force, or None before the first."""
        return self._in_force

    @property
    def version(self) -> int:
        """Version of the set in force; 0 before the first."""
        return self._in_force.recipients.version if self._in_force else 0

    @property
    def root_fingerprint(self) -> bytes:
        """The root that sets must come from; empty if this machine was enrolled without one."""
        return self._pin.root_fingerprint

    @property
    def device_id(self) -> str:
        """The device whose flags these are."""
        return self._identity.device_id

    def load(self) -> None:
        """Bring the set of the last run back into force, if it still verifies.

        Raises:
            RecipientsError: it does not, or cannot be read. None is in force; the collector sends it again. When it is
                the pin that cannot be read, no root is pinned and no set is taken any more.
        """
        self._pin = self._load_pin()
        kept = self._load_kept()
        # A machine that was enrolled again pins what its new token says, and nothing of before.
        if kept is None or kept["enrolled_fingerprint"] != self._identity.safeguarding_root_fingerprint.hex():
            return
        try:
            message = Safeguarding.FromString(base64.b64decode(kept["safeguarding"], validate=True))
        except (ValueError, binascii.Error, DecodeError) as error:
            raise _unreadable(error) from error
        opened = self._open(message)
        try:
            # The power may have gone before it was kept.
            self._keep_pin(opened)
        except OSError as error:
            raise _unreadable(error) from error
        self._in_force = opened

    def accept(self, message: Safeguarding) -> bool:
        """Bring what the collector sends into force; return whether that changed anything.

        1. The pinned root signed the set, or vouches for the root that did; it is for this school and not older.
        2. It is on the disk, and then the root and the version behind which nothing goes from now on.
        3. It is in force. Who is absent and the key of references may change under the same set, and that is told too.

        Raises:
            RecipientsError: it is refused; what is in force stays.
            OSError: it cannot be kept on the disk; what is in force stays.
        """
        with self._lock:
            before = self._in_force
            # 1
            opened = self._open(message)
            if opened == before:
                return False
            # 2
            kept = {
                "format": FORMAT,
                "enrolled_fingerprint": self._identity.safeguarding_root_fingerprint.hex(),
                "safeguarding": base64.b64encode(message.SerializeToString()).decode(),
            }
            write_private(self._path, json.dumps(kept).encode())
            self._keep_pin(opened)
            # 3
            self._in_force = opened
        self.on_change()
        return True

    def _open(self, message: Safeguarding) -> Readers:
        content = open_recipients(
            message.recipients,
            pinned_fingerprint=self._pin.root_fingerprint,
            school_id=self._identity.school_id,
            minimum_version=self._pin.version,
            current_sha256=self._pin.sha256,
        )
        if len(message.subject_key) != SUBJECT_KEY_BYTES:
            raise RecipientsError("the set came with a key of another length than references are made with")
        return Readers(
            recipients=content,
            subject_key=message.subject_key,
            absent=frozenset(message.absent) & {each.id for each in content.recipients},
            sha256=sha256_of(message.recipients),
            root_fingerprint=fingerprint(message.recipients.root_public_key),
        )

    def _load_kept(self) -> dict[str, Any] | None:
        try:
            return _load_fields(self._path, _FIELDS)
        except (OSError, ValueError, RecursionError) as error:
            raise _unreadable(error) from error

    def _load_pin(self) -> Pin:
        enrolled = Pin(self._identity.safeguarding_root_fingerprint)
        try:
            kept = _load_fields(self._pin_file, _PIN_FIELDS)
            # That of another enrolment says nothing of this one.
            if kept is None or self._enrolment.items() - kept.items():
                return enrolled
            return Pin(bytes.fromhex(kept["root_fingerprint"]), kept["version"], bytes.fromhex(kept["sha256"]))
        except (OSError, ValueError, RecursionError) as error:
            # To begin again with the root of the enrolment would be to trust one that was given up.
            self._pin = Pin(b"")
            raise RecipientsError(
                f"which safeguarding root is pinned cannot be read: {type(error).__name__}",
                hint="enrol this machine with a new token",
            ) from error

    def _keep_pin(self, opened: Readers) -> None:
        pin = Pin(opened.root_fingerprint, opened.recipients.version, opened.sha256)
        if pin == self._pin:
            return
        kept = {
            "format": FORMAT,
            **self._enrolment,
            "root_fingerprint": pin.root_fingerprint.hex(),
            "version": pin.version,
            "sha256": opened.sha256.hex(),
        }
        write_private(self._pin_file, json.dumps(kept).encode())
        self._pin = pin


def _fold_account(account: str) -> str:
    # A directory takes Smith and smith for the same person, and tells the name as it was typed at sign-in.
    return account.casefold() if account.startswith(_DIRECTORY) else account


def _load_fields(path: Path, types: dict[str, type]) -> dict[str, Any] | None:
    """Return what is in a file of ours, or None if there is no file.

    Raises:
        OSError: it cannot be read.
        ValueError: it holds something else.
    """
    try:
        kept = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    if not isinstance(kept, dict) or any(type(kept.get(name)) is not each for name, each in types.items()):
        raise ValueError("other fields than those of the format")
    return kept


def _unreadable(error: Exception) -> RecipientsError:
    return RecipientsError(
        f"the set of readers on the disk cannot be read: {type(error).__name__}",
        hint="start the agent: the collector sends it again",
    )
