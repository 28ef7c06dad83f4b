# SPDX-License-Identifier: Apache-2.0
"""Checks a file of Schoolwarden evidence without trusting whoever made it. It needs Python and `cryptography`, no more.

    python3 schoolwarden_verify.py EVIDENCE.zip --checkpoint HASH --collector FINGERPRINT --device ID=FINGERPRINT

Exit: 0 verifies, 1 does not, 2 wrong call, 3 cannot be tried. Its eight steps go from `read_zip` to `check_anchors`.
"""

import argparse
import json
import re
import struct
import sys
import zlib
from collections import Counter, namedtuple
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

try:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519
    from cryptography.hazmat.primitives.hashes import SHA256
except ImportError as error:
    sys.stderr.write(f"{error}: install the Python package cryptography\n")
    raise SystemExit(3) from error

MAX_FILE_BYTES, MAX_ENTRIES, MAX_PART_BYTES = 512 * 2**20, 10_000, 16 * 2**20
UNREADABLE = (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError, OverflowError, struct.error)
GONE = {1: "its queue was full", 2: "it could not read it back", 3: "it was larger than an event may be"}
SIGNED, RESTS, MISSING, UNHELD = "Who signed what", "What the case rests on", "What is missing", "Held against nothing"
BELIEVED, PROVES = "What is only the collector's word", "What this proves, and what not"
GOOD, CONSISTENT = "This verifies.", "This is consistent in itself; not every key was held against one from elsewhere."
NO_ANCHOR = "Without anchors, who has the collector's keys or made everything anew with other keys could have made it."
# The fields of a header by number, as in proto/v1/events.proto, and how each is written: number, eight bytes, bytes.
HEADER = """school_id device_id epoch seq kind schema_version audience severity tier route drill wall_clock_ns
monotonic_ns boot_id bundle_version payload_commitment previous_hash""".split()
HEADER_WIRES = (2, 2, 0, 0, 2, 0, 0, 0, 0, 2, 0, 1, 1, 2, 0, 2, 2)
_LOCAL, _CENTRAL, _END = struct.Struct("<4s5H3I2H"), struct.Struct("<4s6H3I5H2I"), struct.Struct("<4s4H2IH")
_NAME = re.compile(r"manifest\.sig|read-me\.txt|(manifest|case|keys|(devices/[0-9a-f]{16}/)?[a-z]+-[0-9]{4})\.json")
Event = namedtuple("Event", "hash commitment kind mark wall_clock_ns received_at_ns gone")


class Place(NamedTuple):
    """Where an event stands."""

    device: str
    epoch: int
    seq: int

    def __str__(self) -> str:
        return f"device {quote(self.device)}, epoch {self.epoch}, event {self.seq}"


def read_zip(data: bytes) -> dict[str, memoryview]:
    """Step 1. The zip is the only one that its content can have, to the last byte. Nothing is unpacked or can grow."""
    files: dict[str, memoryview] = {}
    view, at, last, central = memoryview(data), 0, "", bytearray()
    while len(data) <= MAX_FILE_BYTES and data[at : at + 4] == b"PK\x03\x04":
        size, length = _LOCAL.unpack_from(data, at)[8:10]
        start = at + _LOCAL.size + length
        name, content = str(view[start - length : start], "latin-1"), view[start : start + size]
        if not _NAME.fullmatch(name) or name <= last or len(content) != size or len(files) == MAX_ENTRIES:
            raise ValueError(f"file {len(files) + 1} of the zip has no place there, or not all of it is there")
        fields = (20, 0, 0, 0, 33, zlib.crc32(content), size, size, length, 0)
        if data[at : start - length] != _LOCAL.pack(b"PK\x03\x04", *fields):
            raise ValueError(f"{name} does not stand in the zip in the only form it may have, or was changed")
        central += _CENTRAL.pack(b"PK\x01\x02", 20 | 3 << 8, *fields, 0, 0, 0, 0o644 << 16, at) + name.encode()
        files[name], at, last = content, start + size, name
    end = _END.pack(b"PK\x05\x06", 0, 0, len(files), len(files), len(central), at, 0)
    if not files or len(data) != at + len(central) + len(end) or data[at:] != central + end:
        raise ValueError("it is no zip, too large, or its directory is not the only one that it can have")
    return files


def read_number(raw: bytes, at: int) -> tuple[int, int]:
    """Return a number of a protobuf message and where it ends."""
    number = 0
    for place in range(at, at + 10):
        number |= (raw[place] & 127) << 7 * (place - at)
        if raw[place] < 128:
            return number, place + 1
    raise ValueError("a number of a message does not end")


def read_message(raw: bytes) -> Iterator[tuple[int, int, Any]]:
    """Return the fields of a protobuf message: number, wire type, and a number or bytes."""
    at = 0
    while at < len(raw):
        tag, at = read_number(raw, at)
        number, wire = tag >> 3, tag & 7
        size, at = read_number(raw, at) if wire in (0, 2) else ({1: 8, 5: 4}[wire], at)
        if wire and at + size > len(raw):
            raise ValueError("a message ends too early")
        yield number, wire, raw[at : at + size] if wire else size
        at += size if wire else 0


def read_header(raw: bytes) -> dict[str, Any]:
    """Return the fields of a header; one that two programs could read in two ways is refused."""
    fields = [each for each in read_message(raw) if 1 <= each[0] <= len(HEADER)]
    if len({number for number, wire, _ in fields if HEADER_WIRES[number - 1] == wire}) != len(fields):
        raise ValueError("a header can be read in two ways")
    header = {name: (0, bytes(8), b"")[wire] for name, wire in zip(HEADER, HEADER_WIRES, strict=True)}
    return header | {HEADER[number - 1]: value for number, _, value in fields}


def describe(raw: bytes, within: str = "") -> list[str]:
    """Return the values in a content, each after the number of its field; a text in quotation marks, to have an end."""
    fields: list[tuple[int, int, Any]] = []
    with suppress(*UNREADABLE):
        fields = list(read_message(raw))
    if not fields or within.count(".") > 5:
        return [f"{within} {len(raw)} bytes {raw[:32].hex()}".strip()]
    said = []
    for number, wire, value in fields:
        text = value.decode(errors="replace") if wire == 2 else ""
        if text.isprintable():
            shown = json.dumps(quote(text), ensure_ascii=False) if wire == 2 else value.hex() if wire else value
            said.append(f"{within}{number}: {shown}")
        else:
            said += describe(value, f"{within}{number}.")
    return said


def quote(text: Any) -> str:
    """Return what somebody else wrote, cut, and without what moves a terminal's cursor or its reader's eye."""
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in str(text)[:2000])


def to_time(at_ns: int) -> str:
    """Return a time in UTC."""
    return f"{datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at_ns // 1000):%Y-%m-%d %H:%M:%S} UTC"


def is_signed(key: tuple[str, bytes], signature: str, message: bytes) -> bool:
    """Return whether a key made a signature."""
    with suppress(InvalidSignature, ValueError):
        if key[0] == "ed25519":
            ed25519.Ed25519PublicKey.from_public_bytes(key[1]).verify(bytes.fromhex(signature), message)
        else:
            point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), key[1])
            point.verify(bytes.fromhex(signature), message, ec.ECDSA(SHA256()))
        return key[0] in ("ed25519", "ecdsa-p256-sha256")
    return False


def join(*parts: bytes, length: str = ">I") -> bytes:
    """Return parts one after the other, each with its length."""
    return b"".join(struct.pack(length, len(part)) + part for part in parts)


class Evidence:
    """A file on its way through the steps. Problems are collected: one does not hide the next."""

    def __init__(self, files: Mapping[str, memoryview]) -> None:
        self.files, self.used = files, {"manifest.sig", "read-me.txt"}
        self.problems: list[str] = []
        self.fail = self.problems.append
        self.told: dict[str, list[str]] = {each: [] for each in (SIGNED, RESTS, MISSING, BELIEVED, PROVES, UNHELD)}
        self.manifest = self.load("manifest.json")
        self.school: str = self.manifest["school_id"]
        self.collector = (self.manifest["signing_algorithm"], bytes.fromhex(self.manifest["signing_public_key"]))
        self.case = self.load("case.json")
        self.wanted = dict.fromkeys(sorted(Place(*each) for each in self.case["events"]))
        self.devices = {place.device: place for place in self.wanted}
        self.last = {place[:2]: place for place in self.wanted}
        self.keys: dict[str, tuple[str, bytes]] = {}
        self.events: dict[Place, Event] = {}
        self.erased: dict[Place, str] = {}
        self.checkpoints: dict[str, tuple[int, int]] = {}
        self.covered: dict[tuple[str, int], int] = {}
        self.named: dict[str, int] = {}

    def load(self, name: str) -> Any:
        """Return the JSON of a file."""
        self.used.add(name)
        raw = bytes(self.files[name][: MAX_PART_BYTES + 1])
        value = json.loads(raw)
        if len(raw) > MAX_PART_BYTES or json.dumps(value, sort_keys=True, separators=(",", ":")).encode() != raw:
            raise ValueError(f"{name} is too large, or not in the only form it may have")
        return value

    def load_parts(self, name: str) -> Iterator[Any]:
        """Return the items of a list that stands in several files."""
        for part in [each for each in self.files if each.startswith(f"{name}-")]:
            yield from self.load(part)

    def check_manifest(self) -> None:
        """Step 2. The collector's key signed the SHA-256 of every other file, and there is no other."""
        said = b"schoolwarden evidence v1\0" + bytes(self.files["manifest.json"])
        if not is_signed(self.collector, bytes(self.files["manifest.sig"]).hex(), said):
            self.fail("the manifest was changed, or is not signed by the collector's key that it names")
        listed: dict[str, str] = self.manifest["files"]
        for name in sorted((self.files.keys() - {"manifest.json", "manifest.sig"}) | listed.keys()):
            if name not in self.files or name not in listed:
                self.fail(f"{quote(name)} was {'added' if name in self.files else 'removed'}")
            elif sha256(self.files[name]).hexdigest() != listed[name]:
                self.fail(f"{name} was changed")
        who, case, by = (quote(self.manifest[name]) for name in ("school_name", "case", "made_by"))
        at, key = to_time(self.manifest["made_at_ns"]), sha256(self.collector[1]).hexdigest()
        self.told[SIGNED].append(f"the collector of {who}: {case}, made {at} for {by}; key {key}")

    def check_keys(self) -> None:
        """Step 3. Every device proved that it holds its key."""
        rows = {row["device_id"]: row for row in self.load("keys.json")}
        self.keys = {device: (row["algorithm"], bytes.fromhex(row["public_key"])) for device, row in rows.items()}
        for device, row in rows.items():
            names, former, why = (row["algorithm"].encode(), self.keys[device][1]), row["former_device_id"], row["why"]
            token, request = bytes.fromhex(row["token_sha256"]), bytes.fromhex(row["certificate_request"])
            proof = b"schoolwarden enrolment\0" + join(self.school.encode(), token, request, *names)
            if not is_signed(self.keys[device], row["proof"], proof):
                self.fail(f"device {quote(device)}: nothing proves that it held its key")
            told = f"which calls itself {json.dumps(quote(row['hostname']))}: key {sha256(names[1]).hexdigest()}"
            if former:
                said = b"schoolwarden succession\0" + join(self.school.encode(), former.encode(), why.encode(), *names)
                if not is_signed(self.keys[former], row["former_proof"], said):
                    self.fail(f"device {quote(device)}: the key of device {quote(former)} did not sign for it")
                told += f"; the key of device {quote(former)} signed that it goes on for it ({quote(why)})"
            self.told[SIGNED].append(f"device {quote(device)}, {told}")

    def check_chain(self, device: str) -> None:
        """Step 4. A device signed its events; there is no gap, and each names the one before. One change, one fault."""
        last, previous, count = Place(device, 0, 0), b"", 0
        for row in self.load_parts(f"devices/{device}/envelopes"):
            first, until, at_ns = Place(device, row["epoch"], row["first_seq"]), row["last_seq"], row["received_at_ns"]
            block, missing = bytes.fromhex(row["header_block"]), bytes.fromhex(row["missing"])
            ids = join(self.school.encode(), device.encode(), length=">H")
            numbers = struct.pack(">IQQ", first.epoch, first.seq, until)
            tail = block if row["version"] == 1 else join(block) + missing  # From version 2 on why content is missing.
            said = b"schoolwarden envelope\0" + struct.pack(">I", row["version"]) + ids + numbers + tail
            if not is_signed((row["algorithm"], self.keys[device][1]), row["signature"], said):
                self.fail(f"{first} to {until}: changed, or not signed by this device's key")
            is_next = first == (device, last.epoch, last.seq + 1)
            if count and not is_next and (first <= last or first.epoch == last.epoch or first.seq != 1):
                self.fail(f"{first}: {'out of order, or twice' if first <= last else 'those before it were removed'}")
            if not is_next:
                previous = bytes(32) if first.seq == 1 else b""  # Empty: what comes before is not in the file.
            headers = [value for number, _, value in read_message(block) if number == 1]
            for seq, raw, gone in zip(range(first.seq, until + 1), headers, missing, strict=True):
                header, place = read_header(raw), Place(device, first.epoch, seq)
                named = [header[name] for name in HEADER[:4]]
                if named != [self.school.encode(), device.encode(), first.epoch, seq]:
                    self.fail(f"{place}: its header is of another place")
                elif header["previous_hash"] != (previous or header["previous_hash"]):
                    self.fail(f"{place}: it does not follow the event before it")
                previous = sha256(b"schoolwarden event v1\0" + raw + header["previous_hash"]).digest()
                wall, kind = int.from_bytes(header["wall_clock_ns"], "little", signed=True), header["kind"].decode()
                mark = "a drill, no concern" if header["drill"] else f"severity {header['severity']}"
                self.events[place] = Event(previous, header["payload_commitment"], kind, mark, wall, at_ns, gone)
            last, count = Place(device, first.epoch, until), count + len(headers)
        self.told[SIGNED].append(f"{count} events in a row, the last: {last}")

    def check_tombstones(self) -> None:
        """Step 5. What was erased, which the collector signed."""
        names = "number at_ns event_id device_id epoch seq event_hash reason actor note previous_hash".split()
        for row in self.load_parts("tombstones"):
            said = json.dumps([self.school, *(row[name] for name in names)], separators=(",", ":")).encode()
            place, digest = Place(*(row[name] for name in names[3:6])), sha256(b"schoolwarden tombstone v1\0" + said)
            is_of_case = place in self.wanted and self.events[place].hash.hex() == row["event_hash"]
            if not is_signed(self.collector, row["signature"], digest.digest()) or not is_of_case:
                self.fail(f"tombstone {row['number']} was changed, or is not signed by the collector's key")
            why = quote(f"{row['actor']}: {row['reason']} {row['note']}".strip())
            self.erased[place] = f"erased {to_time(row['at_ns'])} by {why}"

    def check_contents(self) -> None:
        """Step 6. Each is the one that its event commits to; one that is gone was reported by its device, or erased."""
        contents: dict[Place, Any] = {}
        if not self.wanted:
            self.fail("the case rests on no event")
        for device in self.devices:
            for row in self.load_parts(f"devices/{device}/contents"):
                place = Place(device, row["epoch"], row["seq"])
                if place in contents or place not in self.wanted or place in self.erased:
                    self.fail(f"content of {place} was added: it has no place here")
                contents[place] = row
        for place in self.wanted:
            event, row = self.events.get(place), contents.get(place)
            if event is None:
                self.fail(f"{place} was removed, and the case rests on it")
                continue
            told = self.erased.get(place) or f"its device sent none: {GONE.get(event.gone, 'it was removed')}"
            if row is not None:
                salt, body = bytes.fromhex(row["salt"]), bytes.fromhex(row["body"])
                told = "; ".join(describe(body))
                if len(salt) != 32 or sha256(salt + body).digest() != event.commitment or event.gone:
                    self.fail(f"content of {place} was changed")
            elif not event.gone and place not in self.erased:
                self.fail(f"content of {place} was removed, and nobody signed why")
            when, received = to_time(event.wall_clock_ns), to_time(event.received_at_ns)
            told = f"{when} by its device's clock, received {received}; content by field: {told}"
            self.told[RESTS].append(f"{place}: {quote(event.kind)}, {event.mark}, {told}")
        others = Counter(event.gone for place, event in self.events.items() if place not in self.wanted)
        for why, count in sorted(others.items()):
            self.told[MISSING].append(f"contents of {count} other events: {GONE.get(why, 'withheld, or erased')}")

    def check_checkpoints(self) -> None:
        """Step 7. Those that cover the case say what they saw; others only link a later one, which somebody printed."""
        number, previous, begin = 0, "", {place.device: place for place in sorted(self.events, reverse=True)}
        for row in self.load_parts("checkpoints"):
            heads = row.get("heads", "[]")
            digest = sha256(heads.encode()).hexdigest() if "heads" in row else row["heads_sha256"]
            said = [self.school, row["number"], row["made_at_ns"], digest, row["previous_hash"]]
            raw = b"schoolwarden checkpoint v1\0" + json.dumps(said, separators=(",", ":")).encode()
            if previous and (row["number"], row["previous_hash"]) != (number + 1, previous):
                self.fail(f"checkpoint {row['number']} does not follow the one before it")
            if not is_signed(self.collector, row["signature"], sha256(raw).digest()):
                self.fail(f"checkpoint {row['number']} was changed, or is not signed by the collector's key")
            number, previous = row["number"], sha256(raw).hexdigest()
            self.checkpoints[previous] = number, row["made_at_ns"]
            for who, epoch, seq, named, *pinned in json.loads(heads):
                place = Place(who, epoch, seq)
                event, key = self.events.get(place), self.collector if who == "collector" else self.keys.get(who)
                pinned = [named] if who == "collector" else pinned  # It has its key where others have an event's hash.
                if key and pinned:
                    self.named.setdefault(who, number)
                    if pinned != [sha256(key[1]).hexdigest()]:
                        self.fail(f"checkpoint {number} saw another key of {quote(who)}")
                if event and event.hash.hex() != named:
                    self.fail(f"checkpoint {number} saw something else as {place}")
                elif event and place >= self.last.get(place[:2], place):
                    self.covered.setdefault(place[:2], number)
                elif not event and begin.get(who, place) < place < self.devices.get(who, place):
                    self.fail(f"checkpoint {number} saw {place}, which was removed")

    def check_anchors(self, checkpoints: Sequence[str], pins: Sequence[tuple[str, str]]) -> None:
        """Step 8. What you brought is in the file. Blanks, dashes and capitals in what was typed are nothing."""
        for place in (each for each in self.last.values() if each[:2] not in self.covered):
            # A chain that began anew before the next checkpoint leaves its end in none.
            is_fault = checkpoints or place == self.devices[place.device]
            (self.problems if is_fault else self.told[PROVES]).append(f"no checkpoint covers {place}")
        held: set[str] = set()
        for digest in (re.sub(r"[\s:-]", "", each).lower() for each in checkpoints):
            number, at_ns = self.checkpoints.get(digest, (0, 0))
            if digest not in self.checkpoints or number < max(self.covered.values(), default=1):
                self.fail(f"checkpoint {digest[:16]}... is of another history, or older or newer than this file")
            else:
                self.told[PROVES].append(f"checkpoint {number} of {to_time(at_ns)}: what it covers was so by then")
                held |= {who for who, first in self.named.items() if first <= number}
        for who, fingerprint in pins:
            key = self.collector if who == "collector" else self.keys.get(who, ("", b""))
            is_it = sha256(key[1]).hexdigest() == re.sub(r"[\s:-]", "", fingerprint).lower()
            told = f"the key of {quote(who)} is {'' if is_it else 'not '}the one whose fingerprint you brought"
            (self.told[PROVES] if is_it else self.problems).append(told)
            held |= {who} if is_it else set()
        unheld = [f"the key of {quote(who)}" for who in ("collector", *self.devices) if who not in held]
        self.told[UNHELD] = [*unheld, NO_ANCHOR] if unheld else []
        self.told[PROVES].append("The collector chose these events; others stand in the chain without content.")
        self.told[PROVES].append("A signature proves the device, never who typed or sat there.")
        self.told[BELIEVED] = [f"{quote(name)}: {quote(value)}" for name, value in self.case["word"].items()]


def verify(data: bytes, checkpoints: Sequence[str] = (), pins: Sequence[tuple[str, str]] = ()) -> dict[str, list[str]]:
    """Check a file and return what there is to say: nothing under `problems` if it verifies."""
    try:
        file = Evidence(read_zip(data))
    except UNREADABLE as error:
        return {"problems": [f"this is no whole and unchanged file of evidence: {quote(repr(error))}"]}
    steps: list[Any] = [file.check_manifest, file.check_keys]
    steps += [lambda device=device: file.check_chain(device) for device in file.devices]
    steps += [file.check_tombstones, file.check_contents, file.check_checkpoints]
    for step in (*steps, lambda: file.check_anchors(checkpoints, pins)):
        try:
            step()
        except UNREADABLE as error:
            file.fail(f"a part cannot be read: {quote(repr(error))}")
    strange = [f"{name} was added: it belongs to nothing" for name in sorted(file.files.keys() - file.used)]
    return {"problems": [*file.problems, *strange], **file.told}


def main() -> int:
    """Check the file that the command line names, and print what there is to say."""
    parser = argparse.ArgumentParser(description="Check a file of Schoolwarden evidence.", epilog=NO_ANCHOR)
    parser.add_argument("file", type=Path)
    for name, metavar in ("checkpoint", "HASH"), ("collector", "FINGERPRINT"), ("device", "ID=FINGERPRINT"):
        parser.add_argument(f"--{name}", action="append", default=[], metavar=metavar)
    parser.add_argument("--format", choices=("text", "json"), default="text")
    options = parser.parse_args()
    if not all("=" in each for each in options.device):
        parser.error("--device ID=FINGERPRINT: the device's id, =, and the fingerprint of its key")
    pins = [("collector", each) for each in options.collector] + [each.partition("=")[::2] for each in options.device]
    try:
        with options.file.open("rb") as file:
            report = verify(file.read(MAX_FILE_BYTES + 1), options.checkpoint, pins)
    except OSError as error:
        parser.exit(3, f"{error}\n")
    verdict = "This does not verify." if report["problems"] else CONSISTENT if report[UNHELD] else GOOD
    if options.format == "json":
        sys.stdout.write(json.dumps({"verdict": verdict} | report, indent=1) + "\n")
    else:
        told = [[f"\n{title.capitalize()}", *(f"  - {each}" for each in lines)] for title, lines in report.items()]
        sys.stdout.write("\n".join([verdict, *(line for each in told if each[1:] for line in each)]) + "\n")
    return 1 if report["problems"] else 0


if __name__ == "__main__":
    raise SystemExit(main())
