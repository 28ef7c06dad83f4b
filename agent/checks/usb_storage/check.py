# SPDX-License-Identifier: Apache-2.0
"""The check `usb_storage`: nothing is written to storage on USB that is not protected as the policy asks.

That a device is attached, or read, is information. It fails when a rule of the policy matches what was written to a
device, and does not know when such a device does not show whether it is encrypted, or when a phone is attached that
nobody approved: what goes there is not counted. What is attached and how it is protected is asked of
`agent.system.usb`; names of files are asked of nobody.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

from agent.checks.interface import Answer, Check, Rules
from agent.checks.usb_storage.approval import find_approved, identify
from agent.checks.usb_storage.told import Shown, Told, ToldDevices
from agent.errors import MachineError
from agent.system.interface import System
from agent.system.usb import AttachedUsb, UsbListing, UsbWatch
from proto.events import Kind, State, UsbAttached, UsbChanged, UsbDevice, UsbWritten

# Measured on sticks in a guest (Linux 6.1; NTFS with ntfs-3g). To mount, read a file and unmount writes 1.5 kB on FAT,
# 1.5 kB on exFAT, 8 kB on NTFS, 11 kB on ext4. A document of 20 kB writes 22 to 25 kB, 90 kB on NTFS, 42 kB on ext4.
# To read 300 files of 20 kB, whose times of access are renewed once a day, writes 30 kB on FAT, 39 kB on exFAT, 170 kB
# on ext4. Not covered, so told as written: NTFS that Windows did not close (its log, 2 MB and more), and what ext4 does
# at the first mount after formatting (megabytes).
WRITTEN_FROM_BYTES = 16 * 1024
"""Less than this is what systems write by themselves when they open a volume and close it."""
READ_FOR_WRITTEN = 128
"""For so many bytes that are read, one more is written to say so."""
MOST_FOR_READING_BYTES = 240 * 1024
"""The most that is taken for that, so that much reading does not hide a file that is written."""
SETTLE_S = 4.0
"""After this time a device is told with what is known of it."""

_UNCERTAIN = ("unknown", "possibly_encrypted", "blank")


class UsbStorage(Check):
    """Tells what is attached to USB, how it is protected, and that it was written to."""

    name = "usb_storage"
    poll_interval_s = 1.0

    def __init__(
        self,
        system: System,
        find_rules: Callable[[], Rules | None],
        *,
        state_folder: Path | None = None,
        wake: Callable[[], None] | None = None,
        clock_s: Callable[[], float] = time.monotonic,
        find_today: Callable[[], date] = lambda: datetime.now().astimezone().date(),
    ) -> None:
        """As for every check; `clock_s` never goes back, `find_today` is the date where the machine is."""
        super().__init__(system, find_rules, state_folder=state_folder, wake=wake)
        self._clock_s = clock_s
        self._find_today = find_today
        self._watch: UsbWatch | None = None
        self._told: ToldDevices | None = None
        self._rules: Rules | None = None
        self._listing: UsbListing | None = None
        self._unsettled_s: dict[str, float] = {}
        self._were_there: frozenset[str] | None = None
        self._written: dict[str, UsbWritten] = {}
        self._unseen: list[UsbDevice] = []

    def close(self) -> None:
        """End the watch. What is attached when somebody looks again was there."""
        if self._watch is not None:
            self._watch.close()
            self._watch = None
        self._were_there = None

    def _observe(self) -> Iterator[Kind]:
        self._rules = self._find_rules()
        if self._watch is None:
            self._watch = self._system.watch_usb(self._wake)
        if self._watch is None:
            return
        if self._told is None:
            self._told = ToldDevices(self._state_folder, self._find_boot())
        self._listing = self._watch.list_devices()
        present = {each.key for each in self._listing.devices}
        if self._were_there is None:
            self._were_there = frozenset(present)
        self._told.forget_others(present)
        for mine in (self._unsettled_s, self._written):
            for key in [key for key in mine if key not in present]:
                del mine[key]
        media = self._rules.policy.settings.media if self._rules else ()
        approved = find_approved((each.device for each in self._listing.devices), media, self._find_today())
        self._unseen = [
            each.device for each in self._listing.devices if each.takes_unseen and identify(each.device) not in approved
        ]
        for each in self._listing.devices:
            if self._is_ready(each):
                device = replace(each.device, is_approved=identify(each.device) in approved)
                yield from self._tell(each, device, self._told)
        self._told.keep()

    def _tell(self, attached: AttachedUsb, device: UsbDevice, told: ToldDevices) -> Iterator[Kind]:
        """Yield what is new of one device, and note each as told once the next one is asked for."""
        key, shown, before = attached.key, Shown.of(device), told.find(attached.key)
        if before is None:
            yield UsbAttached(device, was_there=key in (self._were_there or ()))
            before = Told(shown)
        elif before.shown != shown:
            yield UsbChanged(device)
            is_other = (before.shown.protection, before.shown.size_bytes) != (shown.protection, shown.size_bytes)
            before = Told(shown, 0 if is_other else before.written_bytes)
        told.note(key, before)
        written_bytes = attached.written_bytes
        if not is_written_to(attached):
            self._written.pop(key, None)
            return
        event = UsbWritten(device, written_bytes)
        self._written[key] = event
        if not before.written_bytes or written_bytes >= 2 * before.written_bytes:
            yield event
            told.note(key, Told(shown, written_bytes))

    def _is_ready(self, attached: AttachedUsb) -> bool:
        """Tell whether to speak of a device now, or to wait a moment for the system to look at it."""
        if attached.is_settled:
            self._unsettled_s.pop(attached.key, None)
            return True
        return self._clock_s() - self._unsettled_s.setdefault(attached.key, self._clock_s()) >= SETTLE_S

    def _find_boot(self) -> str:
        try:
            return self._system.boot_id().hex()
        except MachineError:
            return ""

    def _answer(self) -> Answer:
        if self._listing is None:
            return Answer(State.UNKNOWN, "Storage on USB cannot be watched on this system yet.")
        if not self._listing.has_usb:
            return Answer(State.NOT_APPLICABLE, "This machine has no USB.")
        if self._rules is None:
            return Answer(State.UNKNOWN, "There is no policy yet, so no device can be judged.")
        evaluator = self._rules.evaluator
        wrong = [each.device for each in self._written.values() if any(evaluator.match(each.kind, each))]
        if certain := [device for device in wrong if device.protection not in _UNCERTAIN]:
            facts = {"written": _join(certain), "written_count": str(len(certain))}
            return Answer(State.FAIL, f"Written to, and not protected as the policy asks: {facts['written']}.", facts)
        if wrong:
            facts = {"unclear": _join(wrong), "unclear_count": str(len(wrong))}
            summary = f"Written to, and nobody can tell whether it is encrypted: {facts['unclear']}."
            return Answer(State.UNKNOWN, summary, facts)
        facts = {"attached": str(len(self._listing.devices))}
        if self._listing.unread:
            return Answer(State.UNKNOWN, f"Not all could be read: {'; '.join(self._listing.unread)}.", facts)
        if self._unseen:
            facts |= {"unseen": ", ".join(sorted(map(_name, self._unseen))), "unseen_count": str(len(self._unseen))}
            summary = f"What goes to phones and cameras cannot be seen, and there are some: {facts['unseen']}."
            return Answer(State.UNKNOWN, summary, facts)
        return Answer(State.PASS, "Nothing was written to storage on USB that the policy would not allow.", facts)


def is_written_to(attached: AttachedUsb) -> bool:
    """Tell whether more was written to a device than opening and reading it does."""
    for_reading = min(attached.read_bytes // READ_FOR_WRITTEN, MOST_FOR_READING_BYTES)
    return attached.written_bytes >= WRITTEN_FROM_BYTES + for_reading


def _join(devices: list[UsbDevice]) -> str:
    """Return devices by their numbers: what they call themselves is anybody's text."""
    return ", ".join(sorted(f"{_name(each)} {each.protection}" for each in devices))


def _name(device: UsbDevice) -> str:
    return f"{device.vendor_id}:{device.product_id}" if device.vendor_id else "memory card"
