# SPDX-License-Identifier: Apache-2.0
"""Tests of the check of storage on USB, with the rules of the baseline pack and a watch in memory."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from agent.checks.interface import CheckResult
from agent.checks.usb_storage.check import SETTLE_S, WRITTEN_FROM_BYTES, UsbStorage, is_written_to
from agent.system.interface import System
from agent.system.usb import AttachedUsb, UsbListing, UsbWatch
from proto.events import Kind, State, UsbAttached, UsbChanged, UsbDevice, UsbWritten
from rules.evaluate import Evaluator
from rules.load import load_pack, parse_files
from rules.model import Policy
from rules.settings import Medium
from tests.agent.checks.policies import InForce
from tests.fakes import FakeClock, FakeSystem

KB = 1024
MB = 1024 * KB
BASELINE = parse_files(load_pack("uk-baseline"))
FAT = UsbDevice("0781", "5581", "SanDisk", "Ultra", "4C53", protection="plain", protection_by="vfat", size_bytes=MB)
LUKS = replace(FAT, protection="encrypted", protection_by="luks2")
APPROVED = Medium(vendor_id="0781", product_id="5581", serial="4c53", until="2026-07-31")


class FakeUsbWatch(UsbWatch):
    """What a test plugs in."""

    def __init__(self) -> None:
        self.attached: dict[str, AttachedUsb] = {}
        self.has_usb = True
        self.unread: tuple[str, ...] = ()
        self.is_closed = False

    def plug(self, key: str, device: UsbDevice, written_bytes: int = 0, *, is_settled: bool = True) -> None:
        takes_unseen = device.form == "phone"
        self.attached[key] = AttachedUsb(key, device, written_bytes, takes_unseen=takes_unseen, is_settled=is_settled)

    def list_devices(self) -> UsbListing:
        return UsbListing(tuple(self.attached.values()), self.unread, has_usb=self.has_usb)

    def close(self) -> None:
        self.is_closed = True


class Room:
    """A machine with USB and the check."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock, self.system, self.watch = FakeClock(), FakeSystem(), FakeUsbWatch()
        self.system.usb = self.watch
        self.today = date(2026, 7, 1)
        self.rules: InForce | None = None
        self.use(BASELINE)
        self.check = self.restart()

    def use(self, policy: Policy) -> None:
        self.rules = InForce(policy, Evaluator(policy))

    def approve(self, *media: Medium) -> None:
        self.use(replace(BASELINE, settings=replace(BASELINE.settings, media=media)))

    def restart(self) -> UsbStorage:
        self.check = UsbStorage(
            self.system, lambda: self.rules, state_folder=self.folder, clock_s=self.clock, find_today=lambda: self.today
        )
        return self.check

    def look(self, advance_s: float = 1.0) -> list[Kind]:
        self.clock.advance(advance_s)
        return [each for each in self.check.observe(int(self.clock.now_s) * 10**9) if isinstance(each, Kind)]

    @property
    def result(self) -> CheckResult:
        return self.check.result()


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path)


def test_a_device_is_told_once(room: Room):
    """And what was there when the agent started is marked as such."""
    room.watch.plug("1-1:5", FAT)
    assert room.look() == [UsbAttached(FAT, was_there=True)]
    room.watch.plug("1-2:6", LUKS)
    assert room.look() == [UsbAttached(LUKS)]
    assert room.look() == []
    assert room.result.state is State.PASS
    assert room.result.facts == {"attached": "2"}


def test_the_system_is_given_a_moment_to_look_at_a_device(room: Room):
    """Then it is told with what is known."""
    room.look()
    unknown = replace(FAT, protection="unknown")
    room.watch.plug("1-1:5", unknown, is_settled=False)
    assert room.look() == []
    room.watch.plug("1-1:5", LUKS)
    assert room.look() == [UsbAttached(LUKS)]

    room.watch.plug("1-2:6", unknown, is_settled=False)
    assert room.look() == []
    assert room.look(SETTLE_S) == [UsbAttached(unknown)]
    room.watch.plug("1-2:6", FAT)
    assert room.look() == [UsbChanged(FAT)]


def test_a_memory_card_without_numbers_is_called_one(room: Room):
    """A reader that is not on USB has none."""
    room.watch.plug("mmc0:aaaa:5", replace(FAT, vendor_id="", product_id="", form="card_reader"), MB)
    room.look()
    assert (room.result.state, room.result.facts["written"]) == (State.FAIL, "memory card plain")


def test_a_phone_is_no_pass_unless_it_is_approved(room: Room):
    """What goes there is counted nowhere."""
    phone = UsbDevice("18d1", "4ee1", "Google", "Pixel", "AB12", form="phone", protection="not_applicable")
    room.watch.plug("1-1:5", phone)
    room.look()
    assert room.result.state is State.UNKNOWN
    assert room.result.summary.endswith("there are some: 18d1:4ee1.")
    assert room.result.facts == {"attached": "1", "unseen": "18d1:4ee1", "unseen_count": "1"}
    room.approve(Medium(vendor_id="18d1", product_id="4ee1", serial="ab12", until=""))
    room.look()
    assert (room.result.state, room.result.facts) == (State.PASS, {"attached": "1"})


@pytest.mark.parametrize(
    "changed",
    [
        replace(LUKS, is_unlocked=True),
        replace(LUKS, is_mounted=True),
        replace(LUKS, protection="plain"),
        replace(LUKS, size_bytes=0),
    ],
)
def test_a_change_that_matters_is_told(room: Room, changed: UsbDevice):
    """Unlocked, mounted, protected otherwise, another medium."""
    room.watch.plug("1-1:5", LUKS)
    room.look()
    room.watch.plug("1-1:5", changed)
    assert room.look() == [UsbChanged(changed)]
    assert room.look() == []


def test_reading_is_no_breach(room: Room):
    """Opening a volume and reading it writes a little, the more the more is read."""
    room.watch.plug("1-1:5", FAT, WRITTEN_FROM_BYTES - 512)
    assert [each.kind for each in room.look()] == ["usb.attached"]
    assert room.result.state is State.PASS
    assert is_written_to(AttachedUsb("", FAT, 40 * KB, read_bytes=64 * KB))
    assert not is_written_to(AttachedUsb("", FAT, 40 * KB, read_bytes=7 * MB))
    assert is_written_to(AttachedUsb("", FAT, 300 * KB, read_bytes=7000 * MB))


def test_writing_to_an_unprotected_device_fails_as_long_as_it_is_there(room: Room):
    """It is told again at each doubling, and the facts stay the same meanwhile."""
    room.look()
    room.watch.plug("1-1:5", FAT, 20 * KB)
    assert room.look() == [UsbAttached(FAT), UsbWritten(FAT, 20 * KB)]
    failed = room.result
    assert failed.state is State.FAIL
    assert failed.facts == {"written": "0781:5581 plain", "written_count": "1"}
    for written, told in ((30 * KB, []), (41 * KB, [UsbWritten(FAT, 41 * KB)]), (80 * KB, [])):
        room.watch.plug("1-1:5", FAT, written)
        assert room.look() == told
        assert room.result.facts == failed.facts
    room.watch.attached.clear()
    assert room.look() == []
    assert room.result.state is State.PASS


@pytest.mark.parametrize(
    ("protection", "state"),
    [
        ("plain", State.FAIL),
        ("partly", State.FAIL),
        ("unknown", State.UNKNOWN),
        ("blank", State.UNKNOWN),
        ("possibly_encrypted", State.UNKNOWN),
        ("encrypted", State.PASS),
        ("hardware_encrypted", State.PASS),
        ("no_medium", State.PASS),
        ("not_applicable", State.PASS),
    ],
)
def test_what_writing_means_depends_on_the_protection(room: Room, protection: str, state: State):
    """What cannot be told is unknown, and never a pass."""
    room.watch.plug("1-1:5", replace(FAT, protection=protection), MB)
    assert [each.kind for each in room.look()] == ["usb.attached", "usb.written"]
    assert room.result.state is state


def test_a_failure_is_told_before_what_is_unknown(room: Room):
    """Of two devices the worse one counts."""
    room.watch.plug("1-1:5", replace(FAT, protection="unknown"), MB)
    room.watch.plug("1-2:6", FAT, MB)
    room.look()
    assert room.result.state is State.FAIL
    assert room.result.facts["written_count"] == "1"


def test_what_becomes_worse_after_it_was_written_to_is_told_anew(room: Room):
    """A disk whose encryption is taken away is another disk."""
    room.watch.plug("1-1:5", LUKS, MB)
    room.look()
    room.watch.plug("1-1:5", FAT, MB)
    assert room.look() == [UsbChanged(FAT), UsbWritten(FAT, MB)]
    assert room.result.state is State.FAIL


def test_approval_is_by_the_register_and_does_not_replace_encryption(room: Room):
    """An approved plain stick is a finding still; one of which nobody can tell is settled by it."""
    room.approve(APPROVED)
    room.watch.plug("1-1:5", FAT, MB)
    attached, written = room.look()
    assert isinstance(attached, UsbAttached)
    assert isinstance(written, UsbWritten)
    assert attached.device.is_approved
    assert room.result.state is State.FAIL
    assert room.rules is not None
    assert [each.rule.severity for each in room.rules.evaluator.match(written.kind, written)] == [2]
    room.watch.plug("1-1:5", replace(FAT, protection="unknown"), MB)
    room.look()
    assert room.result.state is State.PASS


def test_an_approval_ends(room: Room):
    """On the day after its last."""
    room.approve(APPROVED)
    room.today = date(2026, 8, 1)
    room.watch.plug("1-1:5", FAT)
    assert room.look() == [UsbAttached(FAT, was_there=True)]


def test_a_restart_of_the_agent_repeats_nothing(room: Room):
    """But a device that was plugged in anew is told, and after a restart of the machine all are."""
    room.watch.plug("1-1:5", FAT, MB)
    room.look()
    room.restart()
    assert room.look() == []
    assert room.result.state is State.FAIL
    room.watch.attached.clear()
    room.watch.plug("1-1:9", FAT)
    assert [each.kind for each in room.look()] == ["usb.attached"]
    room.system.boot = bytes(16)
    room.restart()
    assert [each.kind for each in room.look()] == ["usb.attached"]


def test_what_was_not_taken_is_told_again(room: Room):
    """A device counts as told once the next event is asked for."""
    room.watch.plug("1-1:5", FAT)
    next(room.check.observe(0))
    assert room.look() == [UsbAttached(FAT, was_there=True)]


def _no_watch(room: Room) -> None:
    room.system.usb = None


def _no_usb(room: Room) -> None:
    room.watch.has_usb = False


def _no_policy(room: Room) -> None:
    room.rules = None


def _unread(room: Room) -> None:
    room.watch.unread = ("more than 256 devices",)


@pytest.mark.parametrize(
    ("prepare", "state"),
    [
        (_no_watch, State.UNKNOWN),
        (_no_usb, State.NOT_APPLICABLE),
        (_no_policy, State.UNKNOWN),
        (_unread, State.UNKNOWN),
    ],
)
def test_what_stands_in_the_way_is_no_pass(room: Room, prepare: Callable[[Room], None], state: State):
    """No watch, no policy or no USB."""
    prepare(room)
    room.look()
    assert room.result.state is state


def test_the_watch_ends_with_the_check(room: Room):
    """It holds a thread of the system's."""
    room.look()
    room.check.close()
    room.check.close()
    assert room.watch.is_closed
    assert isinstance(room.system, System)


def test_after_a_pause_what_is_there_was_there(room: Room):
    """What was attached meanwhile is told, and not as of now."""
    room.look()
    room.check.close()
    room.watch.plug("1-1:5", FAT)
    assert room.look() == [UsbAttached(FAT, was_there=True)]
