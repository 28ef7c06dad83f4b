# SPDX-License-Identifier: Apache-2.0
"""What this machine is made of: what its firmware and the kernel say in /sys and /proc. Whether it leaves, the policy
says.

Built-in disks only: what is on USB, in memory, or made of other disks is none. Cores are those of the processor, not
the threads that it pretends to have. The machine's serial number can be read by root alone.
"""

import re
from contextlib import suppress
from itertools import islice
from pathlib import Path

from agent.system.linux.files import load_words
from proto.events import Disk, HardwareListed

MAX_DISKS = 64
MAX_TEXT_CHARACTERS = 128
_MAX_FILE_BYTES = 1024 * 1024
_SECTOR_BYTES = 512
"""The kernel counts in these, whatever the disk's own are."""
# Made of files, memory, other disks or the network; floppies; optical drives.
_NO_DISK = re.compile(r"(loop|ram|zram|dm-|md|nbd|fd|sr|drbd|rbd|bcache|mtdblock|nullb)")
_BOOT_PART = re.compile(r"mmcblk\d+(boot|rpmb|gp)")
# What makers leave in the firmware when they do not fill it in.
_NOTHING_SAID = re.compile(
    r"(to be filled by o\.?e\.?m\.?|default string|system (serial number|product name|manufacturer)|not specified|"
    r"not applicable|none|n/a|unknown|invalid|0+|o\.e\.m\.?|\.+|x+|123456789\d*)",
    re.IGNORECASE,
)


def read_hardware(root: Path) -> HardwareListed | None:
    """Return what the machine below a root folder is made of, or None when not even its processor can be read."""
    firmware = root / "sys/class/dmi/id"
    processor, cores = _read_processor(root)
    memory_bytes = _read_memory_bytes(root)
    if not cores or not memory_bytes:
        return None
    tree = root / "proc/device-tree"  # ARM machines have no such firmware, and say it there
    version, date = _read_text(firmware / "bios_version"), _read_text(firmware / "bios_date")
    return HardwareListed(
        manufacturer=_read_said(firmware / "sys_vendor"),
        product=_read_said(firmware / "product_name") or _read_said(tree / "model"),
        serial=_read_said(firmware / "product_serial") or _read_said(tree / "serial-number"),
        firmware=f"{version} ({date})" if version and date else version or date,
        processor=processor,
        cores=cores,
        memory_bytes=memory_bytes,
        disks=_read_disks(root / "sys/block"),
    )


def _read_processor(root: Path) -> tuple[str, int]:
    """Return the name and the number of cores of all processors together; threads of one core count once."""
    name, threads = "", 0
    cores: set[tuple[str, str]] = set()
    for block in load_words(root / "proc/cpuinfo", _MAX_FILE_BYTES).split("\n\n"):
        fields = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in block.splitlines())}
        if "processor" not in fields:
            continue
        threads += 1
        name = name or fields.get("model name", "")
        # Where the kernel does not tell which core a thread is of, as on ARM, each is one.
        cores.add((fields.get("physical id", ""), fields.get("core id", f"thread {threads}")))
    return _cut(name), len(cores)


def _read_memory_bytes(root: Path) -> int:
    """Return how much memory the kernel has; a little less than what is built in."""
    found = re.search(r"^MemTotal:\s*(\d{1,15}) kB", load_words(root / "proc/meminfo", _MAX_FILE_BYTES), re.MULTILINE)
    return int(found[1]) * 1024 if found else 0


def _read_disks(blocks: Path) -> tuple[Disk, ...]:
    disks = []
    with suppress(OSError):
        for block in sorted(islice(blocks.iterdir(), 4096)):
            disk = None if _NO_DISK.match(block.name) or _BOOT_PART.match(block.name) else _find_disk(block)
            if disk is not None:
                disks.append(disk)
    # Names such as sda and sdb can change places from one boot to the next.
    return tuple(sorted(disks, key=lambda disk: (disk.model, disk.serial, disk.size_bytes)))[:MAX_DISKS]


def _find_disk(block: Path) -> Disk | None:
    """Return a built-in disk, or None if it is none: on USB, a card reader without a card, or made of nothing."""
    size = _read_text(block / "size")
    size_bytes = int(size) * _SECTOR_BYTES if re.fullmatch(r"\d{1,18}", size) else 0
    if not size_bytes or not (block / "device").exists() or _is_on_usb(block):
        return None
    if (
        "1" in (_read_text(block / "removable"), _read_text(block / "hidden"))
        or _read_text(block / "device/type") == "SD"
    ):
        return None
    rotational = _read_text(block / "queue/rotational")
    # Of a disk that a host makes up, the kernel says anything.
    is_made_up = block.name.startswith(("vd", "xvd"))
    return Disk(
        model=_read_said(block / "device/model") or _read_said(block / "device/name"),
        serial=_read_said(block / "device/serial") or _read_said(block / "serial") or _read_said_by_page(block),
        size_bytes=size_bytes,
        technology="" if is_made_up else {"0": "ssd", "1": "hdd"}.get(rotational, ""),
    )


def _is_on_usb(block: Path) -> bool:
    with suppress(OSError):
        return any(re.fullmatch(r"usb\d+", part) for part in block.resolve().parts)
    return False


def _read_said_by_page(block: Path) -> str:
    """Return the serial number of a SATA or SCSI disk, which stands in a page of its own behind four bytes."""
    try:
        with open(block / "device/vpd_pg80", "rb") as stream:
            page = stream.read(4 + MAX_TEXT_CHARACTERS)
    except OSError:
        return ""
    return _to_said(page[4:].decode("ascii", "replace"))


def _read_said(path: Path) -> str:
    return _to_said(_read_text(path))


def _to_said(text: str) -> str:
    """Return text, or nothing where the maker left in what stands there when nobody fills it in."""
    text = _cut(text)
    return "" if _NOTHING_SAID.fullmatch(text) else text


def _read_text(path: Path) -> str:
    return _cut(load_words(path, _MAX_FILE_BYTES))


def _cut(text: str) -> str:
    """Return text in one line of printable characters, not endless."""
    return "".join(each for each in " ".join(text.split()) if each.isprintable())[:MAX_TEXT_CHARACTERS].strip()
