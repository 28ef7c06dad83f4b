# SPDX-License-Identifier: Apache-2.0
"""Targets: files of evidence, as somebody hands them to whoever checks them."""

import hashlib
from pathlib import Path

from collector.errors import CollectorError
from collector.evidence.archive import to_json, to_zip
from collector.evidence.dossier import DOMAIN
from collector.expected_devices.sheet import read_sheet
from collector.verifier.schoolwarden_verify import verify
from proto.keys import Ed25519Signer
from tests.collector.verifier.forgery import Forgery
from tests.fuzz.target import Target

GOOD = (Path(__file__).resolve().parent / "corpus" / "evidence_zip" / "seed.zip").read_bytes()
_TAKEN_APART = Forgery.of(GOOD)
PARTS = {name: _TAKEN_APART._to_bytes(name) for name in _TAKEN_APART.files}
NAMES = sorted(PARTS)
MANIFEST = _TAKEN_APART.files["manifest.json"]
FORGER = Ed25519Signer.generate()


def run_zip(data: bytes) -> None:
    """Only the file itself verifies: with any other byte there is a problem to tell."""
    assert data == GOOD or verify(data)["problems"]


def run_part(data: bytes) -> None:
    """The first byte chooses a part, the rest takes its place, and the forger signs the manifest with a key of his."""
    if not data:
        return
    name = NAMES[data[0] % len(NAMES)]
    parts = PARTS | {name: data[1:]}
    if not name.startswith("manifest."):
        said = {
            each: hashlib.sha256(raw).hexdigest() for each, raw in parts.items() if not each.startswith("manifest.")
        }
        manifest = MANIFEST | {"files": said, "signing_public_key": FORGER.public_key.hex()}
        parts["manifest.json"] = to_json(manifest)
        parts["manifest.sig"] = FORGER.sign(DOMAIN + parts["manifest.json"])
    report = verify(to_zip(parts))
    assert all(line.isprintable() for lines in report.values() for line in lines)


TARGETS = (
    Target(
        name="evidence_zip",
        run=run_zip,
        modules=("collector.verifier.schoolwarden_verify",),
        seeds=(GOOD,),
        max_bytes=len(GOOD) + 200,
    ),
    Target(
        name="evidence_part",
        run=run_part,
        modules=("collector.verifier.schoolwarden_verify",),
        # Each part as it is.
        seeds=tuple(bytes([place]) + PARTS[name] for place, name in enumerate(NAMES)),
        max_bytes=6000,
    ),
    Target(
        name="device_sheet",
        run=read_sheet,
        refuses_with=(CollectorError,),
        modules=("collector.csv_file", "collector.expected_devices.sheet"),
        seeds=(b"hostname,serial,asset,place\nlibrary-01,ABC123,A-17,Library\n", b"\xff\xfeh\0o\0"),
    ),
)
