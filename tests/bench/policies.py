# SPDX-License-Identifier: Apache-2.0
"""What a policy of many rules costs at the collector: 10,000 devices, 25 to 200 rules, in one run and on one database.

The events are the same under each number of rules and fit the same few rules, which are in all of them. What grows is
what the others cost: those that could match, since they watch the same kinds of events, and those that could not.
`step_4` is what the evaluator and the judgement of one event cost; `in_whole` is ingest from the envelope to the
commit, with signatures, chain and database. Both are processor time. Of ten events of a device two fit: many more than
in a school.
"""

import gc
import secrets
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from sqlalchemy import Engine, insert

from collector.circumstances import Circumstances, Sessions
from collector.config import Config
from collector.ingest import Answer, Ingest, Submission
from collector.judgement import observe
from collector.store.engine import make_ledger_key, migrate, open_engine, writing
from collector.store.schema import device_keys, devices, schools
from proto.events import AgentStopped, Kind, PostureFound, Program, ProgramFound, ProgramStarted
from proto.keys import Ed25519Signer
from proto.wire import Ack, Envelope, decode_body, encode_body
from rules.arrangements import Arrangements, DeviceGroup, Period, Timetable
from rules.evaluate import Evaluator
from rules.model import ActionClass, Condition, Escalation, Operator, Policy, ProgramPattern, Rule, Times, Who
from tests.bench.measure import spread
from tests.collector.evidence import Device

DEVICES, QUICK_DEVICES = 10_000, 400
RUNS, QUICK_RUNS = 5, 2
RULES = (25, 50, 100, 200)
EVENTS: tuple[Kind, ...] = (
    *[AgentStopped("SIGTERM")] * 5,
    ProgramStarted(Program("gedit", "/usr/bin/gedit", "ab" * 32, "process")),
    ProgramFound(Program("vim", source="dpkg", version="9.0")),
    PostureFound("updates", "unknown", "12 days"),
    ProgramStarted(Program("game-0", "/opt/game-0", "cd" * 32, "process")),
    ProgramStarted(Program("game-1", "/opt/game-1", "ef" * 32, "process")),
)
"""Of one device, in one envelope: five of no rule's kind, three of some rule's that fit none, one that fits a rule and
is an incident, one that counts for a threshold."""
_KINDS = [("program.started", "program.found")] * 3 + [("posture.found",), ("usb.attached",)]


def run(*, quick: bool) -> dict[str, Any]:
    """Return the figures as JSON values."""
    count, runs = (QUICK_DEVICES, QUICK_RUNS) if quick else (DEVICES, RUNS)
    with tempfile.TemporaryDirectory() as folder:
        school = _School(Path(folder), count)
        try:
            return {"devices": count, "events_a_device": len(EVENTS)} | _measure(school, runs)
        finally:
            school.engine.dispose()


def _measure(school: "_School", runs: int) -> dict[str, Any]:
    evaluators = {number: Evaluator(_make_policy(number, school.device_ids)) for number in RULES}
    step_4: dict[int, list[float]] = {number: [] for number in RULES}
    whole: dict[int, list[float]] = {number: [] for number in RULES}
    ingest = Ingest(school.engine, school.id, evaluators[RULES[0]])
    part = len(school.speakers) // runs
    try:
        for turn in range(runs):
            speakers = school.speakers[turn * part : (turn + 1) * part]
            # Not measured: keys are looked up and incidents are opened, which no number of rules has to do again.
            ingest.evaluator = evaluators[RULES[0]]
            _submit(ingest, [speaker.say(*EVENTS) for speaker in speakers])
            for place in range(len(RULES)):
                number = RULES[(turn + place) % len(RULES)]
                ingest.evaluator = evaluators[number]
                whole[number].append(_submit(ingest, [speaker.say(*EVENTS) for speaker in speakers]))
                step_4[number].append(_observe(evaluators[number], school.device_ids))
    finally:
        ingest.close()
    return {
        "us_per_event_at_step_4": {f"{number}_rules": spread(step_4[number], 2).to_json() for number in RULES},
        "us_per_event_in_whole": {f"{number}_rules": spread(whole[number], 1).to_json() for number in RULES},
        "ratio_to_25_rules": {
            f"{number}_rules": {
                "rules_that_could_match": round(_count_watching(number) / _count_watching(RULES[0]), 2),
                "step_4": _ratio(step_4, number),
                "in_whole": _ratio(whole, number),
            }
            for number in RULES[1:]
        },
    }


def _ratio(figures: dict[int, list[float]], number: int) -> dict[str, float]:
    """Turn by turn: what slows a machine down for a while slows both down."""
    return spread([each / first for each, first in zip(figures[number], figures[RULES[0]], strict=True)], 2).to_json()


def _submit(ingest: Ingest, envelopes: Sequence[Envelope]) -> float:
    """Hand all over and return microseconds of processor time for an event."""
    gc.collect()
    waiting: list[Future[Answer]] = [Future() for _ in envelopes]
    started = time.process_time()
    for envelope, answer in zip(envelopes, waiting, strict=True):
        ingest.submit(Submission(envelope.device_id, envelope, answer))
    refused = Counter(type(answer.result(120)).__name__ for answer in waiting)
    cost_s = time.process_time() - started
    assert set(refused) == {Ack.__name__}, refused
    return cost_s / (len(envelopes) * len(EVENTS)) * 1e6


def _observe(evaluator: Evaluator, device_ids: Sequence[str]) -> float:
    """Judge the same events without a database and return microseconds of processor time for an event."""
    decoded = [(event.kind, decode_body(event.kind, encode_body(event))) for event in EVENTS]
    now_ns = time.time_ns()
    circumstances = Circumstances(lambda _: Sessions(), lambda _: {})
    asked = [*device_ids[:500]] * 5
    started = time.process_time()
    for number, device_id in enumerate(asked):
        for kind, content in decoded:
            if kind in evaluator.kinds:
                find_moment = partial(
                    circumstances.find_moment, device_id, now_ns, now_ns, needs_people=kind in evaluator.needs_people
                )
                observe(evaluator, kind, content, find_moment, device_id=device_id, event_id=number, heard_ns=now_ns)
    return (time.process_time() - started) / (len(asked) * len(EVENTS)) * 1e6


def _make_policy(number: int, device_ids: Sequence[str]) -> Policy:
    groups = tuple(DeviceGroup(name=f"room-{room}", devices=frozenset(device_ids[room::50])) for room in range(50))
    periods = tuple(
        Period(kind="lesson", name=str(hour), starts=f"{hour:02}:00", ends=f"{hour:02}:50") for hour in range(8, 16)
    )
    return Policy(
        pack="bench",
        title="Bench",
        rules=tuple(_make_rule(each) for each in range(number)),
        arrangements=Arrangements(timetable=Timetable(periods=periods), device_groups=groups),
    )


def _make_rule(number: int) -> Rule:
    """Return one of the rules; the first two fit what the devices tell, the others are of every sort."""
    kinds = _KINDS[number % len(_KINDS)]
    names = (f"game-{number}", f"game-{number}-*", f"launcher-{number}")
    is_about_program = kinds[0] == "program.started"
    item = Condition("item", Operator.EQUALS, (f"item-{number}",))
    vendor = Condition("device.vendor_id", Operator.ONE_OF, (f"{number:04x}", f"{number + 1000:04x}"))
    sort = number % 7
    return Rule(
        id=f"rule-{number}",
        title=f"Rule {number}",
        why="To measure.",
        action_class=ActionClass.UNACCEPTABLE,
        severity=3,
        kinds=kinds,
        programs=(ProgramPattern(name=f"Game {number}", executables=names, packages=names),)
        if is_about_program
        else (),
        when=() if is_about_program else (item if kinds == ("posture.found",) else vendor,),
        threshold=1000 if sort == 1 else 1,
        window_s=7200 if sort in (1, 2) else 0,
        least_devices=3 if sort == 2 else 1,
        grace_s=3600 if sort == 3 else 0,
        escalations=(Escalation(after=3, within_s=7 * 86_400, severity=4),) if sort == 4 else (),
        times=Times(during=("lesson",)) if sort == 5 else Times(),
        who=Who(devices=(f"room-{number % 50}",)) if sort == 6 else Who(),
    )


def _count_watching(number: int) -> int:
    """Return, over the events of a device, how many rules watch their kind."""
    return sum(event.kind in _make_rule(each).kinds for event in EVENTS for each in range(number))


@dataclass(slots=True)
class _School:
    """A collector's database with its devices, and the devices."""

    engine: Engine
    id: str
    speakers: list[Device]

    def __init__(self, folder: Path, count: int) -> None:
        self.id = secrets.token_hex(8)
        config = Config(folder=folder, school_id=self.id, school_name="Bench", database="")
        config.ledger_key.parent.mkdir(parents=True, exist_ok=True)
        make_ledger_key(config.ledger_key)
        self.engine = open_engine(config)
        migrate(self.engine)
        self.speakers = [self._make_speaker() for _ in range(count)]
        now_ns = time.time_ns()
        with writing(self.engine) as connection:
            connection.execute(insert(schools).values(school_id=self.id, name="Bench", created_at_ns=now_ns))
            connection.execute(
                insert(devices), [self._to_device(each, number, now_ns) for number, each in enumerate(self.speakers)]
            )
            connection.execute(insert(device_keys), [self._to_key(each, now_ns) for each in self.speakers])

    @property
    def device_ids(self) -> list[str]:
        return [each.id for each in self.speakers]

    def _make_speaker(self) -> Device:
        identity: Any = SimpleNamespace(
            school_id=self.id, device_id=secrets.token_hex(8), signer=Ed25519Signer.generate()
        )
        return Device(identity, wall_clock_ns=time.time_ns())

    def _to_device(self, speaker: Device, number: int, now_ns: int) -> dict[str, Any]:
        facts = {"os": "Debian", "os_version": "12", "architecture": "x86_64", "agent_version": "0.1.0"}
        times = {"enrolled_at_ns": now_ns, "last_seen_at_ns": now_ns}
        return {
            "school_id": self.id,
            "device_id": speaker.id,
            "state": "active",
            "hostname": f"pc-{number:05}",
            **facts,
            **times,
        }

    def _to_key(self, speaker: Device, now_ns: int) -> dict[str, Any]:
        signer = speaker.identity.signer
        return {
            "school_id": self.id,
            "device_id": speaker.id,
            "algorithm": signer.algorithm,
            "public_key": signer.public_key,
            "certificate_request": b"",
            "proof": b"",
            "certificate_sha256": bytes(32),
            "token_sha256": bytes(32),
            "made_at_ns": now_ns,
        }
