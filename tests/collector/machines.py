# SPDX-License-Identifier: Apache-2.0
"""What machines say of themselves, for tests: software, hardware, USB storage, sessions."""

from collections.abc import Iterable
from typing import Any

from collector.arrivals import NOTES, Arrived
from collector.ledger import find_head, find_headers
from collector.store.engine import writing
from proto.events import AccountSignedIn, Disk, HardwareListed, Program, SoftwareListed, UsbDevice, UsbWritten
from proto.sealed import make_account_ref
from proto.wire import decode_body, decode_header, encode_body
from tests.collector.school import School

VIM = Program("vim", source="dpkg", version="9.0")
NEWER_VIM = Program("vim", source="dpkg", version="9.1")
GIMP = Program("org.gimp.GIMP", source="flatpak", version="2.10")
ZORK = Program("zork", source="pip", version="1.0")

LAPTOP = HardwareListed(
    manufacturer="LENOVO",
    product="ThinkPad L14",
    serial="PF0A1B2C",
    firmware="R1CET70W 1.39",
    processor="AMD Ryzen 5 PRO 4650U",
    cores=12,
    memory_bytes=16_500_000_000,
    disks=(Disk("SAMSUNG MZVLB256", serial="S4GDNX0R", size_bytes=256_060_514_304, technology="ssd"),),
)
STICK = UsbDevice(
    vendor_id="0781",
    product_id="5567",
    vendor="SanDisk",
    product="Ultra",
    serial="4C5300",
    driver="usb-storage",
    protection="plain",
    is_mounted=True,
    size_bytes=16_000_000_000,
    volumes=1,
)
WRITTEN = UsbWritten(STICK, written_bytes=1_200_000)
ACCOUNT_KEY = bytes(range(32))


def list_of(*programs: Program, first: bool = True) -> SoftwareListed:
    """Return a list of software."""
    return SoftwareListed(tuple(programs), first=first)


def sign_in(account: str, session: int, **fields: Any) -> AccountSignedIn:
    """Return the beginning of a session of a directory account that one person has."""
    values: dict[str, Any] = {"account_kind": "personal", "is_local": False, "session_type": "x11"}
    return AccountSignedIn(
        account_ref=make_account_ref(ACCOUNT_KEY, account),
        session_ref=session.to_bytes(8, "big"),
        **{**values, **fields},
    )


def names_of(programs: Iterable[Any]) -> list[tuple[str, str]]:
    """Return programs as name and version."""
    return [(each.name, each.version) for each in programs]


def tell(school: School, device_id: str, *contents: Any) -> None:
    """Let a device of `School.add_device` say things that are kept in tables, as ingest keeps them."""
    for content in contents:
        event_id = school.add_event(device_id, content)
        head = find_head(school.engine, device_id)
        (raw,) = find_headers(school.engine, device_id, head.epoch, head.seq, head.seq)
        body = decode_body(content.kind, encode_body(content))
        arrived = Arrived(school.id, device_id, event_id, decode_header(raw), body, school.now_ns)
        with writing(school.engine) as connection:
            assert list(NOTES[content.kind](connection, arrived)) == []
