# SPDX-License-Identifier: Apache-2.0
"""The agent's watch of USB on real devices: sticks of every kind in a guest, its own kernel and udev between.

Each answer's time is measured in the guest and shown at the end of the run; it is no condition, for the guest is
emulated. That something plain is never called encrypted, not even for a moment, is one.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent.checks.usb_storage.check import WRITTEN_FROM_BYTES
from tests.rigs.answers import FALSE_IF_NOT, Answer, Answers
from tests.rigs.gadget import CARD_READER, PRETENDER, UNLISTED_VAULT, VAULT, Gadget
from tests.rigs.machine import Machine
from tests.rigs.sticks import PASSPHRASE
from tests.rigs.veracrypt import MULTIPLIER

pytestmark = [pytest.mark.rig, pytest.mark.timeout(300)]

EXPECTED = {
    "fat": ("plain", "vfat"),
    "fat_in_partition": ("plain", "vfat"),
    "exfat": ("plain", "exfat"),
    "ntfs": ("plain", "ntfs"),
    "ext4": ("plain", "ext4"),
    "luks1": ("encrypted", "luks1"),
    "luks2": ("encrypted", "luks2"),
    "luks2_in_partition": ("encrypted", "luks2"),
    "two_luks": ("encrypted", "luks1"),
    "luks_beside_fat": ("partly", "luks2"),
    "bitlocker": ("encrypted", "bitlocker"),
    "bitlocker_to_go": ("encrypted", "bitlocker"),
    "bitlocker_in_partition": ("encrypted", "bitlocker"),
    "apfs": ("unknown", "apfs"),
    "veracrypt_volume": ("possibly_encrypted", "veracrypt"),
    "noise": ("possibly_encrypted", "wiped"),
    "blank": ("blank", ""),
}
MEDIUM = "/var/medium.img"
MEBIBYTE = 1 << 20
Stick = Callable[[str], Path]
Figures = list[tuple[str, ...]]


@pytest.fixture(scope="module")
def answers(machine: Machine) -> Iterator[Answers]:
    """What the agent's watch says in the guest."""
    answers = Answers(machine)
    yield answers
    answers.stop()


@pytest.fixture(autouse=True)
def _tidy(machine: Machine) -> Iterator[None]:
    """Leave nothing behind of a test that failed."""
    yield
    machine.run("umount -l /mnt; dmsetup remove vault")


class Look:
    """One look at one device: what was told and said from its beginning."""

    def __init__(self, machine: Machine, answers: Answers) -> None:
        self._machine, self._answers = machine, answers
        self._events, self._listings = len(machine.events), answers.count

    def wait_for(self, protection: str) -> Answer:
        """Return the answer, once it is that."""
        return self._answers.wait_for(lambda answer: answer.protection == protection)

    def measure(self, answer: Answer) -> str:
        """Return the seconds from the kernel's first word of the device, and of its last disk, to an answer."""
        told = [
            event
            for event in self._machine.events[self._events :]
            if event.source == "kernel" and event.is_usb and event.at_ns < answer.at_ns
        ]
        disks = [event for event in told if event.of["SUBSYSTEM"] == "block"] or told
        return "  ".join(f"{(answer.at_ns - event.at_ns) / 1e9:5.2f} s" for event in (told[0], disks[0]))

    def verify_never_encrypted(self) -> None:
        """Raise if it was called encrypted at any moment."""
        said = self._answers.since(self._listings)
        assert not [answer for answer in said if answer.protection in FALSE_IF_NOT], said


@pytest.mark.parametrize("kind", EXPECTED)
def test_every_kind_of_stick(machine: Machine, answers: Answers, stick: Stick, figures: Figures, kind: str) -> None:
    """A stick of each kind gets the right answer, and one that is not encrypted never the wrong one before it."""
    protection, by = EXPECTED[kind]
    look = Look(machine, answers)
    with answers.plugged(stick(kind)):
        answer = look.wait_for(protection)
        figures.append((kind, answer.protection, answer.by, look.measure(answer)))
        assert by in answer.by
        assert (answer.device["form"], answer.device["driver"]) == ("disk", "usb-storage")
    if protection not in FALSE_IF_NOT:
        look.verify_never_encrypted()


@pytest.mark.parametrize("kind", ["fat_in_partition", "luks2"])
def test_disks_that_do_not_say_they_are_removable(
    machine: Machine, answers: Answers, stick: Stick, figures: Figures, kind: str
) -> None:
    """A large disk speaks UAS and calls itself fixed, and is storage that takes files away all the same."""
    look = Look(machine, answers)
    with answers.plugged(stick(kind), driver="usb-uas", is_removable=False):
        answer = look.wait_for(EXPECTED[kind][0])
        figures.append((f"{kind}, uas", answer.protection, answer.by, look.measure(answer)))
        assert answer.device["driver"] == "uas"
        assert machine.check("cat /sys/block/sda/removable") == "0"


def test_a_phone_has_no_disk(machine: Machine, answers: Answers, tmp_path: Path, figures: Figures) -> None:
    """A phone that shows its files is told as a phone: it has no disk to be encrypted."""
    look = Look(machine, answers)
    machine.plug_phone("phone", tmp_path)
    try:
        answer = look.wait_for("not_applicable")
        figures.append(("phone", answer.protection, answer.by, look.measure(answer)))
        assert answer.device["form"] == "phone"
    finally:
        machine.unplug("phone")
        answers.wait_until_empty()


def make_medium(machine: Machine, kind: str) -> None:
    """Make what is put into a gadget, in the guest."""
    luks = f"cryptsetup luksFormat -q --pbkdf pbkdf2 --pbkdf-force-iterations 1000 {MEDIUM} -"
    command = luks if kind == "luks2" else f"mkfs.vfat {MEDIUM}"
    machine.check(f"rm -f {MEDIUM}; truncate -s 40M {MEDIUM}; {command}", given=PASSPHRASE)


def test_a_stick_that_encrypts_by_itself(machine: Machine, answers: Answers, figures: Figures) -> None:
    """A model that is known for it, and behaves so, is encrypted while it is locked and after it was unlocked."""
    make_medium(machine, "fat")
    look = Look(machine, answers)
    with Gadget(machine, VAULT) as gadget:
        answer = look.wait_for("hardware_encrypted")
        figures.append(("vault, locked", answer.protection, answer.by, look.measure(answer)))
        assert not answer.device["is_unlocked"]
        unlocking = Look(machine, answers)
        gadget.insert(1, MEDIUM)
        answer = answers.wait_for(lambda answer: answer.device["is_unlocked"])
        figures.append(("vault, unlocked", answer.protection, answer.by, unlocking.measure(answer)))
        assert answer.protection == "hardware_encrypted"
        assert answer.device["size_bytes"] == 40 * MEBIBYTE
    answers.wait_until_empty()


def test_a_vault_that_no_table_knows(machine: Machine, answers: Answers, figures: Figures) -> None:
    """A device that behaves as if it encrypted by itself may do so, and is not said to."""
    make_medium(machine, "fat")
    look = Look(machine, answers)
    with Gadget(machine, UNLISTED_VAULT) as gadget:
        look.wait_for("no_medium")
        unlocking = Look(machine, answers)
        gadget.insert(1, MEDIUM)
        answer = look.wait_for("possibly_encrypted")
        figures.append(("unlisted vault, unlocked", answer.protection, answer.by, unlocking.measure(answer)))
    answers.wait_until_empty()
    look.verify_never_encrypted()


def test_a_plain_stick_with_the_name_of_a_vault(machine: Machine, answers: Answers, figures: Figures) -> None:
    """The numbers of a model that encrypts prove nothing: anybody can give them to a plain stick."""
    make_medium(machine, "fat")
    look = Look(machine, answers)
    with Gadget(machine, PRETENDER, {0: MEDIUM}):
        answer = answers.wait_for(lambda answer: answer.device["size_bytes"] > 0)
        figures.append(("pretender", answer.protection, answer.by, look.measure(answer)))
    answers.wait_until_empty()
    look.verify_never_encrypted()


def test_cards_come_and_go(machine: Machine, answers: Answers, figures: Figures) -> None:
    """An empty card reader has no medium; each card that is put in is judged anew."""
    look = Look(machine, answers)
    with Gadget(machine, CARD_READER) as reader:
        answer = look.wait_for("no_medium")
        assert answer.device["form"] == "card_reader"
        figures.append(("card reader, empty", answer.protection, answer.by, look.measure(answer)))
        for kind, protection in (("luks2", "encrypted"), ("fat", "plain")):
            make_medium(machine, kind)
            change = Look(machine, answers)
            reader.insert(0, MEDIUM)
            answer = look.wait_for(protection)
            figures.append((f"card reader, {kind}", answer.protection, answer.by, change.measure(answer)))
            if protection == "plain":
                change.verify_never_encrypted()
            reader.eject(0)
            look.wait_for("no_medium")
    answers.wait_until_empty()


def test_an_unlocked_volume_stays_encrypted(machine: Machine, answers: Answers, stick: Stick) -> None:
    """A LUKS volume that was opened and mounted is encrypted, unlocked and mounted, and what is written counts."""
    with answers.plugged(stick("luks2")):
        answers.wait_for(lambda answer: answer.protection == "encrypted")
        machine.check("cryptsetup open /dev/sda vault", given=PASSPHRASE)
        machine.check("mke2fs -q -t ext4 /dev/mapper/vault && mount /dev/mapper/vault /mnt")
        answer = answers.wait_for(lambda answer: answer.device["is_mounted"])
        assert (answer.protection, answer.device["is_unlocked"]) == ("encrypted", True)
        machine.check("umount /mnt && cryptsetup close vault")
        answer = answers.wait_for(lambda answer: not answer.device["is_unlocked"])
        assert answer.protection == "encrypted"


def test_an_opened_veracrypt_volume_is_encrypted(machine: Machine, answers: Answers, stick: Stick) -> None:
    """Noise that the kernel decrypts is no mere noise."""
    opening = "cryptsetup open --type tcrypt --veracrypt --hash sha512 --cipher aes"
    with answers.plugged(stick("veracrypt_volume")):
        answers.wait_for(lambda answer: answer.protection == "possibly_encrypted")
        machine.check(f"{opening} --veracrypt-pim {MULTIPLIER} /dev/sda vault", given=PASSPHRASE)
        answer = answers.wait_for(lambda answer: answer.device["is_unlocked"])
        assert (answer.protection, answer.by) == ("encrypted", "veracrypt")
        machine.check("cryptsetup close vault")


def test_reading_is_not_writing(machine: Machine, answers: Answers, stick: Stick) -> None:
    """A stick that is mounted and read, even one mounted for writing, has nothing written to it."""
    with answers.plugged(stick("fat_in_partition")):
        answers.wait_for(lambda answer: answer.protection == "plain")
        for options in ("ro", "rw"):
            machine.check(f"mount -o {options} /dev/sda1 /mnt")
            answers.wait_for(lambda answer: answer.device["is_mounted"])
            machine.check("ls -R /mnt; dd if=/dev/sda of=/dev/null bs=1M; sync; umount /mnt")
            answer = answers.wait_for(lambda answer: not answer.device["is_mounted"])
            assert answer.written_bytes < WRITTEN_FROM_BYTES


def test_what_is_written_is_counted(machine: Machine, answers: Answers, stick: Stick) -> None:
    """What goes to a plain stick is counted from when it was attached."""
    with answers.plugged(stick("fat_in_partition")):
        answers.wait_for(lambda answer: answer.protection == "plain")
        machine.check("mount /dev/sda1 /mnt && head -c 1M /dev/urandom > /mnt/essay && sync")
        answer = answers.wait_for(lambda answer: answer.written_bytes >= MEBIBYTE)
        assert answer.written_bytes < 2 * MEBIBYTE
        machine.check("umount /mnt")


def test_only_the_plain_part_counts(machine: Machine, answers: Answers, stick: Stick) -> None:
    """Of a stick with an encrypted and a plain part, only what goes to the plain one is counted."""
    with answers.plugged(stick("luks_beside_fat")):
        answers.wait_for(lambda answer: answer.protection == "partly")
        machine.check("cryptsetup open /dev/sda1 vault", given=PASSPHRASE)
        machine.check("head -c 2M /dev/urandom > /dev/mapper/vault; sync; cryptsetup close vault")
        machine.check("mount /dev/sda2 /mnt && head -c 1M /dev/urandom > /mnt/essay && sync && umount /mnt")
        answer = answers.wait_for(lambda answer: answer.written_bytes >= MEBIBYTE)
        assert answer.written_bytes < 2 * MEBIBYTE


def test_a_reformatted_stick_is_judged_anew(machine: Machine, answers: Answers, stick: Stick) -> None:
    """A stick that was encrypted and is formatted plainly, without being taken out, is plain."""
    with answers.plugged(stick("luks2")):
        answers.wait_for(lambda answer: answer.protection == "encrypted")
        machine.check("wipefs -aq /dev/sda && mkfs.vfat -I /dev/sda")
        answers.wait_for(lambda answer: answer.protection == "plain")
        machine.check("mount /dev/sda /mnt")
        answers.wait_for(lambda answer: answer.device["is_mounted"])
        machine.check("umount /mnt")
        assert answers.now[0].protection == "plain"


@pytest.mark.parametrize("kind", ["fat_behind_luks_header", "fat_behind_bitlocker_header"])
def test_a_forged_header_hides_no_plain_partition(machine: Machine, answers: Answers, stick: Stick, kind: str) -> None:
    """A few bytes in front that look encrypted do not make the partition behind them so."""
    look = Look(machine, answers)
    with answers.plugged(stick(kind)):
        machine.wait_for(lambda: answers.now and answers.now[0].is_settled, "a settled answer")
        machine.check("mount /dev/sda1 /mnt && head -c 1M /dev/urandom > /mnt/essay && sync")
        answers.wait_for(lambda answer: answer.written_bytes >= MEBIBYTE)
        machine.check("umount /mnt")
    look.verify_never_encrypted()


def test_two_sticks_do_not_answer_for_each_other(machine: Machine, answers: Answers, stick: Stick) -> None:
    """An encrypted stick beside a plain one changes nothing about either."""
    with answers.plugged(stick("luks2")):
        answers.wait_for(lambda answer: answer.protection == "encrypted")
        machine.plug("second", stick("fat"))
        try:
            answers.wait_for(lambda answer: answer.protection == "plain")
            assert sorted(answer.protection for answer in answers.now) == ["encrypted", "plain"]
        finally:
            machine.unplug("second")


def test_what_was_there_before(machine: Machine, answers: Answers, stick: Stick) -> None:
    """A stick that was attached before the agent started is found and judged, with what was written to it."""
    with answers.plugged(stick("fat")):
        answers.wait_for(lambda answer: answer.protection == "plain")
        machine.check("mount /dev/sda /mnt && head -c 1M /dev/urandom > /mnt/essay && sync")
        late = Answers(machine)
        answer = late.wait_for(lambda answer: answer.protection == "plain")
        assert answer.device["is_mounted"]
        assert answer.written_bytes >= MEBIBYTE
        late.stop()
        machine.check("umount /mnt")
