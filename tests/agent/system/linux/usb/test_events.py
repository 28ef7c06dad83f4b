# SPDX-License-Identifier: Apache-2.0
"""Tests of the events of devices: decoded from bytes as the kernel and udev send them, and noticed by the thread."""

import struct
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.system.linux.usb.events import Event, UsbEvents, concerns_usb, decode_event

DISK = "/devices/pci0000:00/usb1/1-1/1-1:1.0/host0/target0:0:0/0:0:0:0/block/sda"
DEADLINE_S = 20.0


def encode(path: str, *, subsystem: str = "block", action: str = "add", number: str = "7", udev: bool = False) -> bytes:
    fields = {"ACTION": action, "DEVPATH": path, "SUBSYSTEM": subsystem, "SEQNUM": number}
    body = b"".join(f"{key}={value}\0".encode() for key, value in fields.items())
    if not udev:
        return f"{action}@{path}\0".encode() + body
    header = struct.pack("=8sIIIIIIII", b"libudev\0", 0xFEEDCAFE, 40, 40, len(body), 0, 0, 0, 0)
    return header + body


@pytest.mark.parametrize("udev", [False, True])
def test_both_forms_of_an_event_are_read(udev: bool):
    """The kernel's, and udev's with its header."""
    assert decode_event(encode(DISK, udev=udev)) == Event(udev, "add", DISK, "block", "7")


@pytest.mark.parametrize(
    "content", [b"", b"\0", b"libudev\0", b"libudev\0" + b"\xff" * 32, b"add@/x", b"\xff" * 100, b"DEVPATH=\0"]
)
def test_what_is_no_event_is_none(content: bytes):
    """Whatever comes."""
    assert decode_event(content) is None


@pytest.mark.parametrize(
    ("path", "subsystem", "is_ours"),
    [
        (DISK, "block", True),
        ("/devices/virtual/block/dm-0", "block", True),
        ("/devices/virtual/block/loop0", "block", False),
        ("/devices/pci0000:00/rtsx_pci_sdmmc.0/mmc_host/mmc0/mmc0:aaaa/block/mmcblk0", "block", True),
        ("/devices/pci0000:00/rtsx_pci_sdmmc.0/mmc_host/mmc0/mmc0:aaaa/block/mmcblk0/mmcblk0p1", "block", True),
        ("/devices/pci0000:00/0000:00:1f.2/ata1/host0/block/sda", "block", False),
        ("/devices/pci0000:00/usb1/1-1", "usb", True),
        ("/devices/pci0000:00/usb1/1-1/1-1:1.0/net/eth0", "net", False),
    ],
)
def test_only_what_concerns_usb_has_all_read_again(path: str, subsystem: str, is_ours: bool):
    """A machine tells of much else."""
    assert concerns_usb(Event(False, "add", path, subsystem, "1")) is is_ours


@pytest.fixture
def events() -> Iterator[UsbEvents]:
    events = UsbEvents(Path("/proc/self/mountinfo"), lambda: None, has_udev=True)
    yield events
    events.close()
    events.close()


def test_udev_is_awaited_for_each_event_of_the_kernel(events: UsbEvents):
    """By the number that both carry; what goes away is awaited no more."""
    device = DISK.partition("/1-1:1.0")[0]

    def hear(content: bytes) -> None:
        event = decode_event(content)
        assert event is not None
        events._note(event)

    hear(encode(DISK, number="7"))
    hear(encode(f"{DISK}/sda1", number="8"))
    assert events.is_pending(device)
    assert not events.is_pending(f"{device}2")
    hear(encode(DISK, number="7", udev=True))
    assert events.is_pending(device)
    hear(encode(f"{DISK}/sda1", number="8", udev=True))
    assert not events.is_pending(device)
    hear(encode(DISK, number="9", action="change"))
    hear(encode(DISK, number="10", action="remove"))
    assert events.is_pending(device)
    hear(encode(DISK, number="10", action="remove", udev=True))
    assert not events.is_pending(device)
    assert events.take().touched == (DISK, f"{DISK}/sda1")
    assert events.take().touched == ()


def test_a_change_of_mounts_wakes(tmp_path: Path):
    """The table of mounts of a namespace of its own, in which something is mounted."""
    holder = subprocess.Popen(
        ["unshare", "-rm", "sh", "-c", "echo ready; read go; mount -t tmpfs x /mnt; echo mounted; read end"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert holder.stdin is not None
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"ready\n"
    woken = threading.Event()
    events = UsbEvents(Path(f"/proc/{holder.pid}/mountinfo"), woken.set, has_udev=False)
    try:
        events.take()
        woken.clear()
        holder.stdin.write(b"go\n")
        holder.stdin.flush()
        assert woken.wait(DEADLINE_S)
        assert events.take().are_mounts_changed
    finally:
        events.close()
        holder.communicate(b"end\n", timeout=DEADLINE_S)


def test_without_a_table_of_mounts_the_rest_goes_on(tmp_path: Path):
    """The first look reads everything anyway."""
    events = UsbEvents(tmp_path / "none", lambda: None, has_udev=False)
    assert events.take().is_changed
    events.close()
