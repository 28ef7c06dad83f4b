# SPDX-License-Identifier: Apache-2.0
"""Puts the agent together: the only place that builds things. What it then does is in `pipeline`."""

import logging
import signal
import time
from dataclasses import asdict
from typing import Any

from agent import checks
from agent.budget import Budget
from agent.checks.accounts.check import Accounts
from agent.checks.interface import Check
from agent.checks.keywords.check import Keywords
from agent.clock import Clock
from agent.config import AGENT_VERSION, CHECKS, Config
from agent.enrolment import describe_device
from agent.identity import IdentityFolder
from agent.limits import describe_pauses
from agent.pipeline import Pipeline
from agent.policy import PolicyStore
from agent.readers import ReaderStore
from agent.recorder import Record, Recorder
from agent.renewal import Renewal
from agent.seal import Sealer
from agent.status import StatusFile
from agent.succession import Pace, Succession
from agent.system.interface import System
from agent.throttle import Throttle
from agent.uplink.comparison import Break
from agent.uplink.line import LineState, Tell, Uplink
from proto.drill import verify_drill
from proto.errors import DrillError, SchoolwardenError
from proto.events import (
    AgentStarted,
    PolicyApplied,
    PolicyRefused,
    RecipientsApplied,
    RecipientsRefused,
)
from proto.files import make_private_folder, verify_own_folder
from proto.sealed import SUBJECT_KEY_BYTES
from proto.wire import Bundle, DrillOrder, Safeguarding

log = logging.getLogger(__name__)

FLUSH_S = 3.0


def run_agent(config: Config, system: System) -> None:
    """Watch and send until SIGTERM or SIGINT. When the chain cannot go on, mend it and go on in the same process.

    Raises:
        NotEnrolledError: this machine is not enrolled, or its identity cannot be read.
        AlreadyRunningError: an agent runs with this folder.
        SpoolError: the queue cannot be opened.
    """
    told_to_stop: list[str] = []
    running: list[Agent] = []

    def stop(number: int, _: object) -> None:
        told_to_stop.append(signal.Signals(number).name)
        for agent in running:
            agent.stop(told_to_stop[0])

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    pace, happened, held = Pace(), "", list[Record]()
    # Told to stop while a chain is mended, the next one still says so, and takes what the one before left.
    while True:
        agent = Agent(config, system, pace=pace, happened=happened)
        agent.pipeline.inherit(held)
        running[:] = [agent]
        if told_to_stop:
            agent.stop(told_to_stop[0])
        found = agent.run()
        if found is None:
            return
        held = agent.pipeline.take_held()
        pace.note()
        try:
            agent.succession.mend(agent.identity, found)
            happened = found.to_text()
        except (SchoolwardenError, OSError, ValueError) as error:
            # The chain that is in force stays so, and what is wrong with it will show again.
            happened = f"{found.to_text()}; that did not succeed: {error}"
        log.warning("%s", happened)


class Agent:
    """A running agent on one chain."""

    def __init__(self, config: Config, system: System, *, pace: Pace | None = None, happened: str = "") -> None:
        verify_own_folder(config.state)
        make_private_folder(config.state)
        self._config = config
        self._system = system
        self._pace = pace or Pace()
        self._happened = happened
        """What became of the chain before this one, in words."""
        self._found: Break | None = None
        self.succession = Succession(config, system.boot_id())
        self.identity, self._spool = self.succession.open_chain()
        self._policy = PolicyStore(config.policy_file, self.identity)
        self._readers = ReaderStore(config.readers_file, self.identity, config.pin_file)
        self._budget = Budget(system)
        self.pipeline = self._build_pipeline(Recorder(self.identity, self._spool, system.boot_id()))
        self._status = StatusFile(config.status_file, config.status_every_s, self._to_status)
        self._load_policy()
        self._load_readers()
        self._policy.on_change = self._on_policy
        self._readers.on_change = self._on_readers
        self._submit_started()
        renewal = Renewal(IdentityFolder(config.state), self.identity)
        self._uplink = Uplink(
            self.identity,
            self._spool,
            agent_version=AGENT_VERSION,
            bundle_version=lambda: self._policy.version,
            boot_id=system.boot_id(),
            tell=Tell(
                bundle=self._on_bundle,
                safeguarding=self._on_safeguarding,
                drill=self._on_drill,
                account_key=self._on_account_key,
                state=self._on_line,
                trust=renewal.take_trust,
                go_back=renewal.go_back,
                renew=renewal.renew_if_due,
                broken=self._on_broken,
            ),
        )
        self._policy.find_clock_offset_ns = self._uplink.find_clock_offset_ns
        self._line_told = (False, "")

    def run(self) -> Break | None:
        """Watch and send until stopped; return what has to be mended then, if that is why."""
        self._status.start()
        self._uplink.start()
        log.info("device %s of %s, watching", self.identity.device_id, self.identity.school_name)
        try:
            self.pipeline.run()
        finally:
            self._uplink.stop(flush_s=FLUSH_S)
            self._status.end()
            self._spool.close()
        return self._found

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
                check.device_id = self.identity.device_id
                self._accounts = check
                self._policy.find_people = check.find_present
            watching.append(check)
        pipeline = Pipeline(
            watching,
            self._policy,
            recorder,
            Throttle(time.monotonic),
            Sealer(self.identity, self._readers, self._system.describe().hostname),
            self._budget,
            Clock(),
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
            self._status.write_soon()
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
            # By the collector's clock, which the order was made by: ours may be years off.
            now_ns = time.time_ns() - self._uplink.find_clock_offset_ns()
            verify_drill(order, self.identity.policy_verifier, device_id=self.identity.device_id, now_ns=now_ns)
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
            self._status.write_soon()

    def _on_broken(self, found: Break) -> float:
        """Have everything ready to mend the chain, then end; or say how long to wait before that."""
        pause_s = self._pace.find_pause_s()
        if not pause_s:
            if found.is_succession:
                # As it is on the disk: since we started, it may have heard of another address or another CA.
                identity = IdentityFolder(self._config.state).load()
                self.succession.ask(identity, found, describe_device(self._system))
            self._found = found
            self.pipeline.stop()
        return pause_s

    def _to_status(self) -> dict[str, Any]:
        line, identity = self._uplink.state, self._uplink.identity
        quarantined = self._spool.count_quarantined()
        return {
            "school": self.identity.school_name,
            "device": self.identity.device_id,
            "epoch": self.identity.epoch,
            "keys": self.identity.keys.store,
            "collector": identity.events_address,
            "certificate_ends_at_s": identity.certificate_not_after_s,
            "connected": line.is_connected,
            "problem": line.problem,
            "happened": self._happened,
            "last_answer_ns": line.last_answer_ns,
            "clock_offset_ns": self._uplink.find_clock_offset_ns(),
            "waiting_events": self._spool.count(),
            "quarantined_events": quarantined,
            "quarantined_why": self._spool.list_quarantined()[-1].why if quarantined else "",
            "policy_version": self._policy.version,
            "paused": describe_pauses(self._policy.pauses, time.time_ns()),
            "recipients_version": self._readers.version,
            "level": self._budget.level.value,
            "not_watched": list(self._system.not_watched()),
            "checks": [result.to_json() for result in list(self.pipeline.results.values())],
        }
