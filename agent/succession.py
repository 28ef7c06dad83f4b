# SPDX-License-Identifier: Apache-2.0
"""How a chain ends and the next one begins: under a new epoch, or under a new device that goes on for the old one.

    1 ask       for a new device only: the collector admits it, signed for by the old key; the answer is kept beside
    2 build     the queue of the new chain, beside the old one, whole
    3 commit    the identity changes: one file or one folder that is swapped
    4 move      the new queue takes the old one's place

The power may go anywhere. Up to 3 the old chain is in force and what was built is thrown away and built again; from 3
on `open_chain` does 4. Steps 2 to 4 want every file closed; 1 runs beside an agent that goes on watching. What was
wrong with the chain is judged in `uplink`, what its new events look like in `rechain`.
"""

import logging
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from agent.config import Config
from agent.errors import EnrolmentError, SpoolDamagedError
from agent.identity import Identity, IdentityFolder
from agent.queue_file import remove_queue_file, replace_queue_file
from agent.rechain import Poisoned, build_queue, name_queue
from agent.spool import Spool
from agent.uplink.calls import rekey
from agent.uplink.comparison import COLLECTOR_RESTORED, Break
from proto.events import AgentRekeyed, ChainRestarted
from proto.files import sync_folder
from proto.wire import DeviceFacts

log = logging.getLogger(__name__)

LOST, DAMAGED = "lost", "damaged"
MEND_PAUSE_S = 60.0
MEND_PAUSE_MAX_S = 3600.0


class Pace:
    """How often a chain may be mended: each time soon after the last one, the next has to wait twice as long."""

    def __init__(self, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._clock_s = clock_s
        self._last_s: float | None = None
        self._pause_s = MEND_PAUSE_S

    def find_pause_s(self) -> float:
        """Return how long the next has to wait; 0 if it may be now."""
        if self._last_s is None:
            return 0.0
        return max(0.0, self._last_s + self._pause_s - self._clock_s())

    def note(self) -> None:
        """Take down that a chain was mended, or that it was tried."""
        now_s = self._clock_s()
        if self._last_s is not None:
            is_soon = now_s - self._last_s < 2 * self._pause_s
            self._pause_s = min(2 * self._pause_s, MEND_PAUSE_MAX_S) if is_soon else MEND_PAUSE_S
        self._last_s = now_s


@dataclass(frozen=True, slots=True)
class Succession:
    """Changes the chain of the device that keeps its things in a state folder."""

    config: Config
    boot_id: bytes

    @property
    def _folder(self) -> IdentityFolder:
        return IdentityFolder(self.config.state)

    def ask(self, identity: Identity, found: Break, facts: DeviceFacts) -> None:
        """Step 1: have the collector admit the device that goes on for this one.

        Raises:
            EnrolmentError: it does not.
            CollectorUnreachableError: it does not answer.
            KeyStoreError: the keys cannot be made or used.
        """
        request = self._folder.make_rekey_request(identity, found.reason, facts)
        self._folder.prepare_successor(identity, rekey(identity, request))

    def mend(self, identity: Identity, found: Break) -> None:
        """Steps 2 to 4, for a chain that is broken. No agent may run on it.

        Raises:
            EnrolmentError: step 1 was not done.
            SpoolError: the queue cannot be read or built.
            OSError: the same.
        """
        if found.is_succession or found.reason == COLLECTOR_RESTORED:
            # What was told is not known any more where it was told, or another device told it.
            forget_told(self.config)
        former = Spool(self.config.spool_file, identity.spool_key)
        try:
            begin, waiting = former.begin(identity.epoch), former.count()
            if found.is_succession:
                successor = self._folder.find_prepared()
                if successor is None:
                    raise EnrolmentError("the collector has not admitted the device that is to go on")
                rekeyed = AgentRekeyed(identity.device_id, identity.epoch, begin.seq, found.reason, waiting)
                build_queue(
                    name_queue(self.config.spool_file, successor), successor, rekeyed, self.boot_id, former=former
                )
            else:
                poisoned = Poisoned(found.quarantined_seq, found.detail) if found.quarantined_seq else None
                restarted = ChainRestarted(
                    found.reason,
                    identity.epoch,
                    found.lost_first_seq,
                    found.lost_last_seq,
                    waiting - (1 if poisoned else 0),
                )
                successor = replace(identity, epoch=max(identity.epoch, found.collector_epoch) + 1)
                path = name_queue(self.config.spool_file, successor)
                build_queue(path, successor, restarted, self.boot_id, former=former, poisoned=poisoned)
        finally:
            former.close()
        self._commit(identity, successor)

    def open_chain(self) -> tuple[Identity, Spool]:
        """Open the identity and its queue as they are in force; if the queue is gone or damaged, begin a new chain.

        Raises:
            NotEnrolledError: there is no identity.
            AlreadyRunningError: another agent runs with this folder.
            SpoolError: the queue cannot be opened.
        """
        identity, spool_file = self._folder.load(), self.config.spool_file
        self._settle(identity)
        reason = LOST
        if spool_file.exists():
            try:
                spool = Spool(spool_file, identity.spool_key, max_bytes=self.config.spool_max_bytes)
            except SpoolDamagedError as error:
                log.error("%s", error)
                reason = DAMAGED
            else:
                if self._is_of(spool, identity):
                    return identity, spool
                spool.close()
        # Events that told of something may have been in it. First of all, for nothing says later that it is to be done.
        forget_told(self.config)
        successor = replace(identity, epoch=identity.epoch + 1)
        restarted = ChainRestarted(reason, identity.epoch)
        build_queue(name_queue(spool_file, successor), successor, restarted, self.boot_id)
        set_aside(spool_file)
        self._commit(identity, successor)
        return self._folder.load(), Spool(spool_file, successor.spool_key, max_bytes=self.config.spool_max_bytes)

    def _commit(self, identity: Identity, successor: Identity) -> None:
        """Steps 3 and 4."""
        if successor.device_id == identity.device_id:
            self._folder.start_epoch(identity, successor.epoch)
        else:
            self._folder.commit_successor()
        replace_queue_file(name_queue(self.config.spool_file, successor), self.config.spool_file)

    def _settle(self, identity: Identity) -> None:
        """Do step 4 if the power went before it; remove what was built for a chain that did not come to be."""
        spool_file = self.config.spool_file
        ours = name_queue(spool_file, identity)
        if ours.exists():
            replace_queue_file(ours, spool_file)
        for each in spool_file.parent.glob(f"{spool_file.name}.*.*"):
            if not each.name.endswith("-journal"):
                remove_queue_file(each)

    def _is_of(self, spool: Spool, identity: Identity) -> bool:
        """Return whether a queue is this identity's. A later epoch that has not begun lost the queue that it began."""
        try:
            head = spool.head(identity.epoch)
        except SpoolDamagedError as error:
            log.error("%s", error)
            return False
        return identity.epoch == 1 or head.seq > 0


def forget_told(config: Config) -> None:
    """Let the checks tell everything once more."""
    shutil.rmtree(config.checks_folder, ignore_errors=True)


def set_aside(path: Path) -> None:
    """Keep an old queue for whoever wants to look, one at the most."""
    aside = path.with_name(path.name + ".old")
    for suffix in ("", "-journal"):
        if path.with_name(path.name + suffix).exists():
            os.replace(path.with_name(path.name + suffix), aside.with_name(aside.name + suffix))
    if path.parent.exists():
        sync_folder(path.parent)
