# SPDX-License-Identifier: Apache-2.0
"""Targets: what a machine says of itself; its users, and whoever plugs something in, decide that."""

import io
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from agent.errors import ChannelError, ParseError
from agent.parsing.channel import decode_answer, encode_found
from agent.parsing.process import load_parsers
from agent.session.messages import decode_order, decode_report, encode
from agent.system.linux.packages import PackageListError, parse_dpkg_status, parse_snap_yaml
from agent.system.linux.posture import netfilter
from agent.system.linux.posture.antivirus import parse_clamav_header
from agent.system.linux.release import parse_release
from agent.system.linux.screens.x11 import read_answer
from agent.system.linux.starts import _decode as decode_start
from agent.system.linux.traffic import parse_connection
from agent.system.linux.usb.devices import read_text
from agent.system.linux.usb.events import decode_event as decode_usb_event
from tests.fuzz.folder import scratch_folder
from tests.fuzz.target import Target

SAMPLES = Path(__file__).resolve().parent.parent / "agent" / "parsing" / "parsers"
FORGIVEN = (ParseError, MemoryError, ValueError, KeyError, EOFError, OSError, RuntimeError)
"""What `agent.parsing.process` makes a fault of. Errors that speak of a mistake of ours are not among them."""
STICK = scratch_folder("stick") / "product"


def make_parser_run(parser: Callable[[BinaryIO], Any]) -> Callable[[bytes], None]:
    """What a parser finds can be said to the service, which takes it; that is asked of all of them."""

    def run(data: bytes) -> None:
        found = parser(io.BufferedReader(io.BytesIO(data)))
        datagram = encode_found(found)
        if b'"fault"' not in datagram:
            assert isinstance(decode_answer(datagram), dict)

    return run


def run_usb_event(data: bytes) -> None:
    """A message of the kernel or of udev."""
    event = decode_usb_event(data)
    assert event is None or event.path


def run_usb_text(data: bytes) -> None:
    """What a stick says of itself can be printed, whatever it is."""
    STICK.write_bytes(data)
    assert all(each.isprintable() for each in read_text(STICK))


def run_netfilter(data: bytes) -> None:
    """One message about a chain, and one about a rule."""
    netfilter._to_chain(data)
    list(netfilter._list_steps(data))


def run_report(data: bytes) -> None:
    """What a watcher says, in the hands of its user, and the way back."""
    report = decode_report(data)
    assert decode_report(encode(report)) == report


def run_start(data: bytes) -> None:
    """A message of the process connector."""
    decode_start(data, (0, 0))


def list_seeds(name: str) -> tuple[bytes, ...]:
    """Return the files that the parser's own tests rest on."""
    folder = SAMPLES / name
    return tuple(path.read_bytes()[:65536] for path in sorted(folder.glob("*"))) if folder.is_dir() else ()


PARSER_SEEDS = {
    "archive": (b"PK\x05\x06" + bytes(18), b"\x1f\x8b\x08" + bytes(20), b"7z\xbc\xaf\x27\x1c" + bytes(26), bytes(512)),
    "elf": (b"\x7fELF\x02\x01\x01" + bytes(57), b"\x7fELF\x01\x01\x01" + bytes(45)),
    "executable": (b"\x7fELF\x02\x01\x01" + bytes(57) + b"text of a program\0" * 40,),
    "extension_manifest": (b'{"manifest_version":3,"name":"__MSG_name__","version":"1.2","default_locale":"en"}',),
    "extension_messages": (b'{"name":{"message":"Ad blocker"}}',),
    "firefox_extensions": (b'{"addons":[{"id":"a@b","version":"1","type":"extension","active":true}]}',),
    "flatpak_metadata": (b"[Application]\nname=org.example.App\nruntime=org.example.Platform/x86_64/1\n",),
    "node_package": (b'{"name":"left-pad","version":"1.3.0"}',),
    "user_dirs": (b'XDG_DOWNLOAD_DIR="$HOME/Downloads"\nXDG_MUSIC_DIR="$HOME/Music"\n',),
    "xscreensaver": (b"timeout:\t0:10:00\nlock:\tTrue\nmode:\tblank\n",),
    "kscreenlocker": (b"[Daemon]\nAutolock=true\nTimeout=5\n",),
}

START = struct.pack("=IHHII", 76, 3, 0, 1, 0) + struct.pack("=IIIIHH", 1, 1, 1, 0, 40, 0)
START += struct.pack("=IIQII", 2, 0, 1, 4711, 4711) + bytes(16)
CONNECTION = struct.pack(
    "=4BHH16s16sIQ5I", 2, 1, 0, 0, 1, 1, bytes(16), bytes([10, 0, 0, 7] * 4), 0, 7, 0, 0, 0, 1000, 9
)
CONNECTION += struct.pack("=HH", 4 + 200, 2) + bytes(200)
TARGETS = (
    *(
        Target(
            name=f"file_{name}",
            run=make_parser_run(parser),
            refuses_with=FORGIVEN,
            modules=(parser.__module__,),
            seeds=PARSER_SEEDS.get(name, ()) + list_seeds(name),
            max_bytes=8192,
        )
        for name, parser in sorted(load_parsers().items())
    ),
    Target(
        name="parsing_answer",
        run=decode_answer,
        refuses_with=(ParseError,),
        modules=("agent.parsing.channel",),
        seeds=(b'{"found":{"name":"a"}}', b'{"fault":"it is broken"}'),
    ),
    Target(
        name="watcher_report",
        run=run_report,
        refuses_with=(ChannelError,),
        modules=("agent.session.messages",),
        seeds=(
            b'{"kind":"ready"}',
            b'{"kind":"state","state":"watching","detail":""}',
            b'{"kind":"found","sentence":"a b","start":0,"end":1,"tier":3}',
        ),
    ),
    Target(
        name="watcher_order",
        run=decode_order,
        refuses_with=(ChannelError,),
        modules=("agent.session.messages",),
        seeds=(b'{"kind":"stop"}', b'{"kind":"drill","nonce":""}'),
    ),
    Target(
        name="usb_event",
        run=run_usb_event,
        modules=("agent.system.linux.usb.events",),
        seeds=(
            b"add@/devices/pci/usb1/1-1\0ACTION=add\0DEVPATH=/devices/pci/usb1/1-1\0SUBSYSTEM=usb\0SEQNUM=12\0",
            b"libudev\0\xfe\xed\xca\xfe" + bytes(28),
        ),
    ),
    Target(
        name="usb_text",
        run=run_usb_text,
        modules=("agent.system.linux.usb.devices", "agent.system.linux.files"),
        seeds=(b"DataTraveler 3.0\n", "Stick\u202egpj.exe\n".encode()),
    ),
    Target(name="process_start", run=run_start, modules=("agent.system.linux.starts",), seeds=(START,)),
    Target(
        name="netfilter",
        run=run_netfilter,
        refuses_with=(struct.error, ValueError, KeyError, IndexError),
        modules=("agent.system.linux.posture.netfilter",),
        seeds=(b"\x02\0\0\0\x09\0\x01\0filter\0\0\x08\0\x03\0out\0",),
    ),
    Target(name="traffic", run=parse_connection, modules=("agent.system.linux.traffic",), seeds=(CONNECTION,)),
    Target(
        name="dpkg_status",
        run=parse_dpkg_status,
        refuses_with=(PackageListError,),
        modules=("agent.system.linux.packages",),
        seeds=(b"Package: tor\nStatus: install ok installed\nVersion: 0.4\nDescription: a\n b\n\nPackage: x\n\n",),
    ),
    Target(
        name="snap_yaml",
        run=parse_snap_yaml,
        refuses_with=(PackageListError, ValueError),
        modules=("agent.system.linux.packages",),
        seeds=(b"name: firefox\nversion: '1.2'\n",),
    ),
    Target(
        name="os_release",
        run=parse_release,
        modules=("agent.system.linux.release",),
        seeds=(b'PRETTY_NAME="Debian"\nID=debian\nVERSION_ID="12"\n',),
    ),
    Target(
        name="clamav_header",
        run=parse_clamav_header,
        modules=("agent.system.linux.posture.antivirus",),
        seeds=(b"ClamAV-VDB:14 Nov 2026 08-00 +0000:27000:2000000:90:X:X:raynman:1700000000" + bytes(400),),
    ),
    Target(
        name="screen_answer",
        run=lambda data: read_answer(data, not_before_s=0.0, not_after_s=10.0),
        modules=("agent.system.linux.screens.x11",),
        seeds=(b'{"at_s":1,"is_locked":false,"idle_ms":10,"saver_since_ms":5,"saver_is_on":true,"timeout_s":600}',),
    ),
)
