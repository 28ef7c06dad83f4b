# SPDX-License-Identifier: Apache-2.0
"""Puts the agent together: the only place that builds things. What it then does is in `pipeline`."""

import json
import logging
import os
import shutil
import signal
import threading
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from agent import checks
from agent.budget import Budget
from agent.checks.accounts.check import Accounts
from agent.checks.interface import Check
from agent.checks.keywords.check import Keywords
from agent.config import AGENT_VERSION, CHECKS, Config
from agent.errors import EnrolmentError, SpoolDamagedError, SpoolError
from agent.identity import Identity, IdentityFolder
from agent.pipeline import Pipeline
from agent.policy import PolicyStore
from agent.readers import ReaderStore
from agent.recorder import Record, Recorder
from agent.seal import Sealer
from agent.spool import Spool
from agent.system import current
from agent.system.interface import System
from agent.throttle import Throttle
from agent.uplink.calls import enrol
from agent.uplink.line import LineState, Tell, Uplink
from proto.drill import verify_drill
from proto.errors import DrillError, SchoolwardenError
from proto.events import (
    AgentStarted,
    ChainRestarted,
    PolicyApplied,
    PolicyRefused,
    RecipientsApplied,
    RecipientsRefused,
)
from proto.files import make_private_folder, verify_own_folder, write_private
from proto.sealed import SUBJECT_KEY_BYTES
from proto.token import decode_token
from proto.wire import Bundle, DeviceFacts, DrillOrder, Safeguarding

log = logging.getLogger(__name__)

FLUSH_S = 3.0


def enrol_machine(config: Config, token_text: str, *, again: bool) -> Identity:
    """Make this machine a device of the school in the token.

    Raises:
        EnrolmentError: it is one already, or the collector refused.
        TokenError: the token cannot be used.
        CollectorUnreachableError: the collector does not answer.
        UnsafeFolderError: others can change what lies in the state folder.
    """
    verify_own_folder(config.state)
    token = decode_token(token_text)
    folder = IdentityFolder(config.state)
    if folder.is_enrolled():
        identity = folder.load()
        if not again:
            raise EnrolmentError(
                f"this machine is enrolled already: device {identity.device_id} of {identity.school_name}",
                hint="add --again to enrol it as a new device; what waits in its queue is set aside",
            )
        _verify_stopped(config, identity)
    machine = current().describe()
    facts = DeviceFacts(agent_version=AGENT_VERSION, **asdict(machine))
    reply = enrol(token, folder.make_request(token, facts))
    folder.verify_reply(token, reply)
    _set_aside(config.spool_file)
    # A new collector has not heard what the checks remember to have told.
    _forget_told(config)
    identity = folder.complete(token, reply)
    Spool(config.spool_file, identity.spool_key).close()
    write_private(config.policy_file, reply.bundle.SerializeToString())
    PolicyStore(config.policy_file, identity).load()
    return identity


class Agent:
    """A running agent."""

    def __init__(self, config: Config, system: System) -> None:
        verify_own_folder(config.state)
        make_private_folder(config.state)
        folder = IdentityFolder(config.state)
        self._config = config
        self._system = system
        self._identity, self._spool, lost = _open_chain(config, folder, folder.load())
        recorder = Recorder(self._identity, self._spool, system.boot_id())
        if lost is not None:
            # Before anything else and past the throttle: a collector takes a new epoch only if it begins with this.
            recorder.record([Record(lost, lost.severity)], bundle_version=0)
        self._policy = PolicyStore(config.policy_file, self._identity)
        self._readers = ReaderStore(config.readers_file, self._identity, config.pin_file)
        self._budget = Budget(system)
        self.pipeline = self._build_pipeline(recorder)
        self._load_policy()
        self._load_readers()
        self._policy.on_change = self._on_policy
        self._readers.on_change = self._on_readers
        self._submit_started()
        self._uplink = Uplink(
            self._identity,
            self._spool,
            agent_version=AGENT_VERSION,
            bundle_version=lambda: self._policy.version,
            tell=Tell(
                bundle=self._on_bundle,
                safeguarding=self._on_safeguarding,
                drill=self._on_drill,
                account_key=self._on_account_key,
                state=self._on_line,
            ),
        )
        self._ended = threading.Event()
        self._status_due = threading.Event()
        self._line_told = (False, "")

    def run(self) -> None:
        """Watch and send until SIGTERM or SIGINT."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda number, _: self.stop(signal.Signals(number).name))
        status = threading.Thread(target=self._write_status, name="status", daemon=True)
        status.start()
        self._uplink.start()
        log.info("device %s of %s, watching", self._identity.device_id, self._identity.school_name)
        try:
            self.pipeline.run()
        finally:
            self._uplink.stop(flush_s=FLUSH_S)
            self._ended.set()
            self._status_due.set()
            status.join(timeout=5)
            self._keep_status(is_running=False)
            self._spool.close()

    def stop(self, reason: str) -> None:
        """End, after saying so to the collector if it answers in time. A signal handler may call it."""
        self.pipeline.stop(reason)

    def _build_pipeline(self, recorder: Recorder) -> Pipeline:
        found: list[Pipeline] = []
        watching: list[Check] = []
        for name in CHECKS:
            check = checks.load(name)(
                self._system,
                lambda: self._policy.in_force,
                state_folder=self._config.checks_folder,
                wake=lambda name=name: found[0].wake(name) if found else None,  # type: ignore[misc]
            )
            if isinstance(check, Keywords):
                check.readers = self._readers
                self._keywords = check
            elif isinstance(check, Accounts):
                check.device_id = self._identity.device_id
                self._accounts = check
            watching.append(check)
        pipeline = Pipeline(
            watching,
            self._policy,
            recorder,
            Throttle(time.monotonic),
            Sealer(self._identity, self._readers, self._system.describe().hostname),
            self._budget,
            clock_ns=time.time_ns,
            monotonic_s=time.monotonic,
        )
        found.append(pipeline)
        return pipeline

    def _submit_started(self) -> None:
        self.pipeline.submit(
            AgentStarted(
                agent_version=AGENT_VERSION,
                **asdict(self._system.describe()),
                checks=CHECKS,
                not_watched=self._system.not_watched(),
            )
        )

    def _load_policy(self) -> None:
        try:
            self._policy.load()
        except SchoolwardenError as error:
            log.error("the policy of the last run is not used: %s", error)
            self.pipeline.submit(PolicyRefused(0, error.message))

    def _on_bundle(self, bundle: Bundle) -> None:
        try:
            self._policy.accept(bundle)
        except SchoolwardenError as error:
            log.error("a policy was refused: %s", error)
            self.pipeline.submit(PolicyRefused(bundle.version, error.message))
        except OSError as error:
            log.error("a policy could not be kept: %s", error)

    def _on_policy(self) -> None:
        in_force = self._policy.in_force
        if in_force is not None:
            self.pipeline.submit(PolicyApplied(in_force.policy.version, in_force.sha256.hex()))
            self._status_due.set()
        self.pipeline.wake()

    def _load_readers(self) -> None:
        try:
            self._readers.load()
        except SchoolwardenError as error:
            log.error("the readers of the last run are not used: %s", error)
            self.pipeline.submit(RecipientsRefused(0, error.message))

    def _on_safeguarding(self, message: Safeguarding) -> None:
        try:
            self._readers.accept(message)
        except SchoolwardenError as error:
            log.error("a set of readers was refused: %s", error)
            # Its version is not told: nothing of a set that does not verify is read.
            self.pipeline.submit(RecipientsRefused(0, error.message))
        except OSError as error:
            log.error("a set of readers could not be kept: %s", error)

    def _on_readers(self) -> None:
        readers = self._readers.in_force
        if readers is not None:
            self.pipeline.submit(
                RecipientsApplied(readers.recipients.version, readers.sha256.hex(), readers.root_fingerprint.hex())
            )
        self.pipeline.wake(Keywords.name)

    def _on_drill(self, order: DrillOrder) -> None:
        try:
            verify_drill(
                order, self._identity.policy_verifier, device_id=self._identity.device_id, now_ns=time.time_ns()
            )
        except DrillError as error:
            log.error("%s", error)
        else:
            self._keywords.order_drill(order.nonce)

    def _on_account_key(self, key: bytes) -> None:
        """Take the key that references of accounts are made with. It is kept in memory only: each welcome brings it."""
        if len(key) == SUBJECT_KEY_BYTES:
            self._accounts.account_key = key
            self.pipeline.wake(Accounts.name)

    def _on_line(self, state: LineState) -> None:
        """Have it written down at once when the line comes or goes: whoever sets a machine up waits for just that."""
        if self._line_told != (state.is_connected, state.problem):
            self._line_told = state.is_connected, state.problem
            self._status_due.set()

    def _write_status(self) -> None:
        while not self._ended.is_set():
            self._status_due.clear()
            self._keep_status(is_running=True)
            self._status_due.wait(self._config.status_every_s)

    def _keep_status(self, *, is_running: bool) -> None:
        try:
            # It is of use only while we run: the disk need not turn for it day and night.
            content = json.dumps(self._status(is_running=is_running)).encode()
            write_private(self._config.status_file, content, durable=False)
        except (OSError, SpoolError) as error:
            log.error("the status cannot be written: %s", error)

    def _status(self, *, is_running: bool) -> dict[str, Any]:
        line = self._uplink.state
        return {
            "running": is_running,
            "pid": os.getpid(),
            "written_at_ns": time.time_ns(),
            "school": self._identity.school_name,
            "device": self._identity.device_id,
            "epoch": self._identity.epoch,
            "collector": self._identity.events_address,
            "connected": line.is_connected,
            "problem": line.problem,
            "last_answer_ns": line.last_answer_ns,
            "clock_offset_ns": line.clock_offset_ns,
            "waiting_events": self._spool.count(),
            "policy_version": self._policy.version,
            "recipients_version": self._readers.version,
            "level": self._budget.level.value,
            "not_watched": list(self._system.not_watched()),
            "checks": [result.to_json() for result in list(self.pipeline.results.values())],
        }


def _verify_stopped(config: Config, identity: Identity) -> None:
    """Return if no agent runs on this identity.

    Raises:
        AlreadyRunningError: one does.
    """
    try:
        Spool(config.spool_file, identity.spool_key).close()
    except SpoolDamagedError:
        log.warning("the queue of the old identity cannot be read; it is set aside")


def _open_chain(
    config: Config, folder: IdentityFolder, identity: Identity
) -> tuple[Identity, Spool, ChainRestarted | None]:
    """Open the queue; if it is gone or damaged, begin a new chain and say so. The identity stays the same."""
    reason = "the queue was gone"
    if config.spool_file.exists():
        try:
            spool = Spool(config.spool_file, identity.spool_key, max_bytes=config.spool_max_bytes)
            head = spool.head(identity.epoch)
        except SpoolDamagedError as error:
            log.error("%s", error)
            reason = "the queue was damaged"
        else:
            # A new chain that was made and not yet begun: the power went in between.
            is_unsaid = identity.epoch > 1 and head.seq == 0
            return identity, spool, ChainRestarted("the queue was lost", identity.epoch - 1) if is_unsaid else None
    # Events that told of something may have been in it; first of all, for nothing says later that this is to be done.
    _forget_told(config)
    before = identity.epoch
    # Then the identity: should the power go now, the next start skips a number, which is harmless.
    identity = folder.start_epoch(identity)
    _set_aside(config.spool_file)
    spool = Spool(config.spool_file, identity.spool_key, max_bytes=config.spool_max_bytes)
    return identity, spool, ChainRestarted(reason, before)


def _forget_told(config: Config) -> None:
    """Let the checks tell everything once more."""
    shutil.rmtree(config.checks_folder, ignore_errors=True)


def _set_aside(path: Path) -> None:
    """Keep an old queue for whoever wants to look, one at the most."""
    aside = path.with_name(path.name + ".old")
    for suffix in ("", "-journal"):
        if path.with_name(path.name + suffix).exists():
            os.replace(path.with_name(path.name + suffix), aside.with_name(aside.name + suffix))
