# SPDX-License-Identifier: Apache-2.0
"""Tests of how one chain ends and the next begins, with the power going before every change on the disk."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agent.config import Config
from agent.errors import CollectorUnreachableError, EnrolmentError
from agent.identity import Identity, IdentityFolder
from agent.recorder import Record, Recorder
from agent.spool import Spool
from agent.succession import MEND_PAUSE_S, Pace, Succession
from agent.uplink.comparison import COLLECTOR_RESTORED, QUARANTINED, RESET, Break, ChainBrokenError
from agent.uplink.exchange import Exchange
from proto.enrolment import FORKED, proof_bytes, succession_bytes
from proto.events import AgentRekeyed, AgentStopped, ChainRestarted, EventsDropped, Kind
from proto.keys import to_verifier
from proto.wire import DeviceFacts, EnrolReply, RekeyRequest, decode_event, encode_body
from tests.agent.books import Books, talk
from tests.agent.collector import DEVICE_ID, FACTS, FakeCollector, open_as_collector
from tests.agent.cuts import every_cut
from tests.agent.spooled import peek_all
from tests.fakes import FakeClock

COLLECTOR = FakeCollector()
BOOT_ID = b"b" * 16
SUCCESSOR_ID = "f" * 16
TOLD = [AgentStopped(f"event {number}") for number in range(1, 7)]
ACKNOWLEDGED = 2
WAITING = TOLD[ACKNOWLEDGED:]
FORK = Break(reason=FORKED, detail="said the test")


class Admitting:
    """The collector's side of a re-key."""

    def __init__(self) -> None:
        self.requests: list[RekeyRequest] = []
        self.error: Exception | None = None

    def __call__(self, identity: Identity, request: RekeyRequest) -> EnrolReply:
        if self.error is not None:
            raise self.error
        self.requests.append(request)
        return COLLECTOR.answer(request, device_id=SUCCESSOR_ID)


@pytest.fixture
def admitting(monkeypatch: pytest.MonkeyPatch) -> Admitting:
    """What answers instead of the network."""
    admitting = Admitting()
    monkeypatch.setattr("agent.succession.rekey", admitting)
    return admitting


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """The folder of a device with four events that wait, which no agent has open."""
    return make_state(tmp_path / "state", acknowledged=ACKNOWLEDGED)


def make_state(state: Path, *, acknowledged: int) -> Path:
    """Enrol a machine and let it record, and its collector take some of it."""
    config = Config(state)
    identity = COLLECTOR.enrol(state)
    spool = Spool(config.spool_file, identity.spool_key)
    Recorder(identity, spool, BOOT_ID).record([Record(each, 1) for each in TOLD], bundle_version=1)
    spool.acknowledge(acknowledged)
    spool.close()
    return state


def mend(state: Path, found: Break) -> None:
    """Do what a running agent does about a broken chain."""
    succession = Succession(Config(state), BOOT_ID)
    identity, spool = succession.open_chain()
    spool.close()
    if found.is_succession:
        succession.ask(identity, found, FACTS)
    succession.mend(identity, found)


def restart(state: Path) -> tuple[Identity, list[Kind | None]]:
    """Start anew and return who this is and what waits, which a collector can open."""
    identity, spool = Succession(Config(state), BOOT_ID).open_chain()
    try:
        waiting = peek_all(spool)
        assert spool.head(identity.epoch).seq == waiting[-1].seq
        if waiting[0].seq == 1:
            open_as_collector(identity, waiting)
        return identity, [decode_event(event.kind, event.payload.body) for event in waiting]
    finally:
        spool.close()


def rekeyed(events: list[Kind | None]) -> bool:
    """Return whether these are the events of the device that goes on."""
    return events == [AgentRekeyed(DEVICE_ID, 1, ACKNOWLEDGED, FORKED, len(WAITING)), *WAITING]


# A new device


def test_successor_goes_on_with_what_waited(state: Path, admitting: Admitting) -> None:
    """It says whom it goes on for, and every event that no collector has taken is told under its name."""
    mend(state, FORK)
    identity, events = restart(state)
    assert (identity.device_id, identity.epoch) == (SUCCESSOR_ID, 1)
    assert rekeyed(events)
    assert sorted(each.name for each in (state / "spool").iterdir() if "journal" not in each.name) == ["spool.db"]


def test_both_keys_sign_for_the_successor(state: Path, admitting: Admitting) -> None:
    """The new one that it is held, the former one that it hands over and why."""
    former = IdentityFolder(state).load()
    mend(state, FORK)
    (request,) = admitting.requests
    new = to_verifier(request.evidence_algorithm, request.evidence_public_key)
    new.verify(
        request.evidence_proof,
        proof_bytes(
            school_id=former.school_id,
            token_secret_sha256=b"",
            certificate_request=request.certificate_request,
            algorithm=request.evidence_algorithm,
            public_key=request.evidence_public_key,
        ),
    )
    to_verifier(former.signer.algorithm, former.signer.public_key).verify(
        request.former_proof,
        succession_bytes(
            school_id=former.school_id,
            former_device_id=former.device_id,
            reason=FORKED,
            algorithm=request.evidence_algorithm,
            public_key=request.evidence_public_key,
        ),
    )
    assert IdentityFolder(state).load().signer.public_key == request.evidence_public_key


@pytest.mark.parametrize("error", [EnrolmentError("not today"), CollectorUnreachableError("away")])
def test_nothing_changes_until_the_collector_admits_it(state: Path, admitting: Admitting, error: Exception) -> None:
    """The old chain stays in force with everything in it."""
    admitting.error = error
    with pytest.raises(type(error)):
        mend(state, FORK)
    identity, events = restart(state)
    assert (identity.device_id, events) == (DEVICE_ID, WAITING)


def test_no_successor_without_the_collector(state: Path) -> None:
    """Nobody becomes another device by himself."""
    identity = IdentityFolder(state).load()
    with pytest.raises(EnrolmentError, match="not admitted"):
        Succession(Config(state), BOOT_ID).mend(identity, FORK)
    assert restart(state)[1] == WAITING


# A new epoch


@pytest.mark.parametrize(
    ("found", "epoch", "begins"),
    [
        (
            Break(reason=COLLECTOR_RESTORED, collector_epoch=1, lost_first_seq=1, lost_last_seq=2),
            2,
            [ChainRestarted(COLLECTOR_RESTORED, 1, 1, 2, 4), *WAITING],
        ),
        (Break(reason=RESET, collector_epoch=8), 9, [ChainRestarted(RESET, 1, 0, 0, 4), *WAITING]),
        (
            Break(reason=QUARANTINED, quarantined_seq=4, detail="malformed"),
            2,
            [
                ChainRestarted(QUARANTINED, 1, 0, 0, 3),
                EventsDropped("agent.stopped", QUARANTINED, 1),
                *(each for each in WAITING if each != TOLD[3]),
            ],
        ),
    ],
)
def test_new_epoch_says_why_and_goes_on(state: Path, found: Break, epoch: int, begins: list[Kind]) -> None:
    """The device stays the same; its epoch is later than any that the collector has seen of it."""
    mend(state, found)
    identity, events = restart(state)
    assert (identity.device_id, identity.epoch, events) == (DEVICE_ID, epoch, begins)


def test_what_the_collector_forgot_is_told_by_the_checks_again(state: Path) -> None:
    """What they remember to have told is not known there any more; after a reset of this machine it is."""
    told = state / "checks" / "software.json"
    for reason, is_kept in ((RESET, True), (COLLECTOR_RESTORED, False)):
        told.parent.mkdir(exist_ok=True)
        told.write_text("{}")
        mend(state, Break(reason=reason))
        assert told.exists() is is_kept


def test_machine_that_is_reset_each_night_stays_one_device(tmp_path: Path) -> None:
    """A lab is set back to its image again and again, as the school declared: each day is a chain of its own, what the
    image held is told once, and nothing looks like a second machine."""
    image, books = make_state(tmp_path / "image", acknowledged=0), Books(COLLECTOR)
    books.admit(IdentityFolder(image).load())
    books.welcome_changes = {"is_reset_often": True}
    for day in range(1, 5):
        machine, boot_id = tmp_path / f"day {day}", bytes([day]) * 16
        shutil.copytree(image, machine)
        succession = Succession(Config(machine), boot_id)
        for morning in (True, False):
            identity, spool = succession.open_chain()
            made = [Record(AgentStopped(f"day {day}, {morning}"), 1)]
            Recorder(identity, spool, boot_id).record(made, bundle_version=1)
            found = None
            try:
                talk(Exchange(identity, spool, boot_id=boot_id), books, identity.device_id)
            except ChainBrokenError as error:
                found = error.found
            spool.close()
            if found is not None:
                assert found.reason == RESET
                succession.mend(identity, found)
    (device,) = books.devices.values()
    counted = books.count()
    assert {counted[encode_body(each)] for each in TOLD} == {1}
    days = [encode_body(AgentStopped(f"day {day}, {morning}")) for day in range(1, 5) for morning in (True, False)]
    assert {counted[each] for each in days} == {1}
    assert (device.epoch, books.refused) == (4, [])


# The power


@pytest.mark.parametrize("reason", [FORKED, COLLECTOR_RESTORED, QUARANTINED])
def test_power_may_go_at_any_moment(state: Path, admitting: Admitting, tmp_path: Path, reason: str) -> None:
    """After a cut before any change on the disk a restart finds the old chain or the new one, whole, and comes to the
    end: every event is there once."""
    found = Break(reason=reason, quarantined_seq=3 if reason == QUARANTINED else 0)
    mend_whole = tmp_path / "whole"
    shutil.copytree(state, mend_whole)
    mend(mend_whole, found)
    expected = restart(mend_whole)[1]
    cuts = old = 0
    for cut in every_cut():
        trial = tmp_path / f"cut {cut.number}"
        shutil.copytree(state, trial)
        with cut:
            mend(trial, found)
        cuts += 1
        identity, events = restart(trial)
        if (identity.device_id, identity.epoch) == (DEVICE_ID, 1):
            assert events == WAITING
            old += 1
            mend(trial, found)
            identity, events = restart(trial)
        assert events == expected
        assert {each.name for each in (trial / "spool").iterdir()} <= {"spool.db", "spool.db-journal"}
        shutil.rmtree(trial)
    assert 0 < old < cuts
    keys = {request.evidence_public_key for request in admitting.requests}
    assert reason != FORKED or len(keys) > 1, "each trial is a machine of its own"


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(b"")], ids=["gone", "damaged"])
def test_power_may_go_while_a_lost_queue_is_replaced(
    state: Path, tmp_path: Path, damage: Callable[[Path], Any]
) -> None:
    """However often: the chain that comes of it begins with the reason, and its epoch is a new one."""
    for cut in every_cut():
        trial = tmp_path / f"cut {cut.number}"
        shutil.copytree(state, trial)
        damage(trial / "spool" / "spool.db")
        with cut:
            restart(trial)
        identity, events = restart(trial)
        (restarted,) = events
        assert isinstance(restarted, ChainRestarted)
        assert restarted.reason in ("lost", "damaged")
        assert identity.epoch > restarted.previous_epoch >= 1
        shutil.rmtree(trial)


# How often


def test_chains_are_mended_once_a_minute_and_then_less(state: Path) -> None:
    """A collector that refuses whatever is sent does not make a machine spin; after a quiet time all is as before."""
    clock = FakeClock()
    pace, pauses = Pace(clock), []
    for _ in range(9):
        pauses.append(pace.find_pause_s())
        clock.advance(pace.find_pause_s())
        pace.note()
    assert pauses == [0.0, 60.0, 120.0, 240.0, 480.0, 960.0, 1920.0, 3600.0, 3600.0]
    clock.advance(3 * 3600.0)
    assert pace.find_pause_s() == 0.0
    pace.note()
    assert pace.find_pause_s() == MEND_PAUSE_S


def test_facts_go_along(state: Path, admitting: Admitting) -> None:
    """The collector can show side by side what two machines with one identity are made of."""
    identity = IdentityFolder(state).load()
    Succession(Config(state), BOOT_ID).ask(identity, FORK, DeviceFacts(serial="PF-1"))
    assert (admitting.requests[0].facts.serial, admitting.requests[0].reason) == ("PF-1", FORKED)
