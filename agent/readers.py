# SPDX-License-Identifier: Apache-2.0
"""Who reads the flags of this machine: the newest set that the pinned safeguarding root signed, kept over a restart.

The collector brings the set and cannot make one. A set is taken whole or not at all; one that is older, broken or
signed by another root is refused and the one in force stays. How people are chosen from it is `rules.route`'s.
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
_FIELDS = {"format": int, "enrolled_fingerprint": str, "root_fingerprint": str, "safeguarding": str}
_DIRECTORY = "directory:"


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

    def find_subjects(self, account: str, sentence: str) -> frozenset[str]:
        """Return the ids of role-holders whom a sentence may be about: who typed it, and whoever is named in it."""
        typed = {
            each.id
            for each in self.recipients.recipients
            if _fold_account(account) in {_fold_account(own) for own in each.accounts}
        }
        return self._names.find(sentence) | typed

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
    """Holds the set in force and keeps it over a restart, with the root that is pinned now."""

    def __init__(self, path: Path, identity: Identity) -> None:
        self._path = path
        self._identity = identity
        self._lock = threading.Lock()
        self._pin = identity.safeguarding_root_fingerprint
        self._in_force: Readers | None = None
        self.on_change: Callable[[], None] = lambda: None
        """Called after another set came into force, in the thread that brought it."""

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
        return self._pin

    @property
    def device_id(self) -> str:
        """The device whose flags these are."""
        return self._identity.device_id

    def load(self) -> None:
        """Bring the set of the last run back into force, if it still verifies.

        Raises:
            RecipientsError: it does not, or cannot be read. None is in force; the collector sends it again.
        """
        kept = self._load_kept()
        # A machine that was enrolled again pins what its new token says, and nothing of before.
        if kept is None or kept["enrolled_fingerprint"] != self._identity.safeguarding_root_fingerprint.hex():
            return
        try:
            pin = bytes.fromhex(kept["root_fingerprint"])
            message = Safeguarding.FromString(base64.b64decode(kept["safeguarding"], validate=True))
        except (ValueError, binascii.Error, DecodeError) as error:
            raise _unreadable(error) from error
        self._in_force = self._open(message, pin)
        self._pin = self._in_force.root_fingerprint

    def accept(self, message: Safeguarding) -> bool:
        """Bring what the collector sends into force; return whether it brought another set.

        1. The pinned root signed the set, or vouches for the root that did; it is for this school and not older.
        2. It is on the disk, with the root that is pinned from now on.
        3. It is in force. Who is absent and the key of references may change under the same set.

        Raises:
            RecipientsError: it is refused; what is in force stays.
            OSError: it cannot be kept on the disk; what is in force stays.
        """
        with self._lock:
            before = self._in_force
            # 1
            opened = self._open(message, self._pin)
            if opened == before:
                return False
            # 2
            kept = {
                "format": FORMAT,
                "enrolled_fingerprint": self._identity.safeguarding_root_fingerprint.hex(),
                "root_fingerprint": opened.root_fingerprint.hex(),
                "safeguarding": base64.b64encode(message.SerializeToString()).decode(),
            }
            write_private(self._path, json.dumps(kept).encode())
            # 3
            self._pin = opened.root_fingerprint
            self._in_force = opened
        is_another = before is None or before.sha256 != opened.sha256
        if is_another:
            self.on_change()
        return is_another

    def _open(self, message: Safeguarding, pin: bytes) -> Readers:
        content = open_recipients(
            message.recipients,
            pinned_fingerprint=pin,
            school_id=self._identity.school_id,
            minimum_version=self.version,
            current_sha256=self._in_force.sha256 if self._in_force else None,
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
            kept = json.loads(self._path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValueError, RecursionError) as error:
            raise _unreadable(error) from error
        if not isinstance(kept, dict) or any(type(kept.get(name)) is not each for name, each in _FIELDS.items()):
            raise _unreadable(ValueError())
        return kept


def _fold_account(account: str) -> str:
    # A directory takes Smith and smith for the same person, and tells the name as it was typed at sign-in.
    return account.casefold() if account.startswith(_DIRECTORY) else account


def _unreadable(error: Exception) -> RecipientsError:
    return RecipientsError(
        f"the set of readers on the disk cannot be read: {type(error).__name__}",
        hint="start the agent: the collector sends it again",
    )
