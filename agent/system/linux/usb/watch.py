# SPDX-License-Identifier: Apache-2.0
"""Storage on USB under Linux: everything is read again only when an event told that it may have changed, and between
two events only the counters of the disks.

Read by `devices`, judged by `protection`; `events` tells when. The disk that this very system runs from is
no storage that somebody attached, so it is left out.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from agent.system.linux.usb.devices import Attached, UsbReader
from agent.system.linux.usb.events import UsbEvents
from agent.system.linux.usb.facts import Unit, UsbFacts
from agent.system.linux.usb.mounts import find_mountinfo
from agent.system.linux.usb.protection import Judgement, judge_device, name_form, sum_written
from agent.system.linux.usb.sample import Sampler
from agent.system.usb import AttachedUsb, UsbListing, UsbWatch
from proto.events import UsbDevice

READ_ANYWAY_S = 60.0
"""So often everything is read without a reason: an event may have been missed."""
_TEXT_LIMIT = 200
_PROTECTED = ("encrypted", "hardware_encrypted")
_AWAITED = Judgement("unknown", "it is being looked at")
"""What is not certain yet is called encrypted at no moment."""


class LinuxUsbWatch(UsbWatch):
    """Watches through the kernel's events and udev's answers."""

    def __init__(
        self, wake: Callable[[], None], root: Path = Path("/"), clock_s: Callable[[], float] = time.monotonic
    ) -> None:
        """Begin to watch; `wake` is called from other threads."""
        self._clock_s = clock_s
        self._sampler = Sampler(root / "dev", self._wake_reader)
        self._reader = UsbReader(root, self._sampler.find)
        self._wake = wake
        self._is_sample_there = False
        self._attached = Attached((), has_usb=True)
        self._listed: dict[str, AttachedUsb] = {}
        self._read_s = -READ_ANYWAY_S
        self._events = UsbEvents(find_mountinfo(root), wake, has_udev=(root / "run/udev/control").exists())

    def list_devices(self) -> UsbListing:
        """Return what is attached now."""
        if self._is_reading_due():
            self._read_all()
        else:
            self._count()
        return UsbListing(
            tuple(self._listed[each.key] for each in self._attached.devices),
            self._attached.unread,
            has_usb=self._attached.has_usb,
        )

    def close(self) -> None:
        """End the watch. A second call does nothing."""
        self._events.close()

    def _wake_reader(self) -> None:
        self._is_sample_there = True
        self._wake()

    def _is_reading_due(self) -> bool:
        noticed = self._events.take()
        for path in noticed.touched:
            # .../block/sda, .../block/sda/sda1: whatever was read of this disk may be another thing now.
            self._sampler.forget(path.rpartition("/block/")[2].partition("/")[0])
        is_sample_there, self._is_sample_there = self._is_sample_there, False
        return (
            noticed.is_changed
            or is_sample_there
            or not self._events.is_listening
            or (noticed.are_mounts_changed and bool(self._attached.devices))
            or self._clock_s() - self._read_s >= READ_ANYWAY_S
            or not all(each.is_settled for each in self._listed.values())
        )

    def _read_all(self) -> None:
        self._read_s = self._clock_s()
        attached = self._reader.read()
        # A disk loses its partitions just before it goes, and would look like another for that moment.
        if self._events.drain():
            self._wake()
        devices = tuple(each for each in attached.devices if not each.is_system)
        self._attached = attached._replace(devices=devices)
        self._listed = {each.key: self._judge(each) for each in devices}

    def _count(self) -> None:
        """Renew what was written, which is all that changes without an event."""
        devices: list[UsbFacts] = []
        for facts in self._attached.devices:
            units: tuple[Unit, ...] = self._reader.count_written(facts)
            counted = facts if units == facts.units else replace(facts, units=units)
            if counted is not facts:
                self._listed[facts.key] = self._judge(counted)
            devices.append(counted)
        self._attached = self._attached._replace(devices=tuple(devices))

    def _judge(self, facts: UsbFacts) -> AttachedUsb:
        protection, by, is_unlocked = judge_device(facts)
        is_settled = facts.is_complete and not self._events.is_pending(facts.path)
        if not is_settled and protection in _PROTECTED:
            protection, by, is_unlocked = _AWAITED
        volumes = [volume for unit in facts.units for volume in unit.volumes]
        device = UsbDevice(
            vendor_id=facts.vendor_id,
            product_id=facts.product_id,
            vendor=facts.vendor,
            product=facts.product,
            serial=facts.serial,
            form=name_form(facts),
            driver=facts.driver,
            protection=protection,
            protection_by=by[:_TEXT_LIMIT],
            is_unlocked=is_unlocked,
            is_mounted=any(volume.is_mounted for volume in volumes),
            size_bytes=sum(unit.size_bytes for unit in facts.units if not unit.is_optical),
            volumes=len(volumes),
        )
        read_bytes = sum(unit.read_bytes for unit in facts.units)
        return AttachedUsb(facts.key, device, sum_written(facts), read_bytes, is_settled, takes_unseen=facts.is_phone)
