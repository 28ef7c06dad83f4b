# SPDX-License-Identifier: Apache-2.0
"""Writes the test vectors: `python -m tests.proto.make_vectors`; `--check` fails if one is not what would be written.

Keys, salts and clocks are fixed, so the bytes are the same on every machine. A vector that was published stays as it
is for ever: this adds files and changes none. What the files mean is in `vectors/README.md`.
"""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from proto.enrolment import proof_bytes
from proto.keys import Signer
from tests.proto import envelope_cases, token_cases
from tests.proto.device import SCHOOL_ID, FixedP256Signer, make_ed25519_signer

FOLDER = Path(__file__).resolve().parent / "vectors"
PIECE_BYTES = 48
SHORTEST_RUN = 256
"""So many times the same byte are written as one piece."""


def make_vectors() -> dict[str, str]:
    """Return the text of every vector, by file name."""
    contents = {**_make_envelopes(), **_make_tokens(), **_make_proofs()}
    return {
        f"{name}.json": json.dumps(_to_plain(content), indent=1, ensure_ascii=False) + "\n"
        for name, content in contents.items()
    }


def split_bytes(raw: bytes) -> list[str | dict[str, Any]]:
    """Return bytes as pieces: short hexadecimal texts, and long runs of one byte by their number."""
    pieces: list[str | dict[str, Any]] = []
    rest = 0
    for run in re.finditer(rb"(.)\1{%d,}" % (SHORTEST_RUN - 1), raw, re.DOTALL):
        pieces += _split_hex(raw[rest : run.start()])
        pieces.append({"repeat": run[1].hex(), "times": len(run[0])})
        rest = run.end()
    return [*pieces, *_split_hex(raw[rest:])]


def _split_hex(raw: bytes) -> Iterator[str]:
    return (raw[at : at + PIECE_BYTES].hex() for at in range(0, len(raw), PIECE_BYTES))


def _make_envelopes() -> dict[str, dict[str, Any]]:
    return {
        case.name: {
            "format": "envelope",
            "description": case.description,
            "algorithm": case.algorithm,
            "public_key": case.public_key,
            "previous_hash": case.previous_hash,
            "envelope": split_bytes(case.envelope.SerializeToString(deterministic=True)),
            "expected": case.expected,
        }
        for case in envelope_cases.list_cases()
    }


def _make_tokens() -> dict[str, dict[str, Any]]:
    return {
        case.name: {
            "format": "token",
            "description": case.description,
            "token": case.token,
            "expected": case.expected,
        }
        for case in token_cases.list_cases()
    }


def _make_proofs() -> dict[str, dict[str, Any]]:
    signers: tuple[Signer, ...] = (make_ed25519_signer(), FixedP256Signer())
    return {f"proof-{signer.algorithm}": _make_proof(signer) for signer in signers}


def _make_proof(signer: Signer) -> dict[str, Any]:
    inputs: dict[str, Any] = {
        "school_id": SCHOOL_ID,
        "token_secret_sha256": bytes(range(32)),
        "certificate_request": bytes(range(200)),
        "algorithm": signer.algorithm,
        "public_key": signer.public_key,
    }
    message = proof_bytes(**inputs)
    return {
        "format": "proof",
        "description": f"What a device with an {signer.algorithm} key signs when it enrols.",
        "inputs": inputs,
        "message": message,
        "signature": signer.sign(message),
    }


def _to_plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {key: _to_plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_to_plain(each) for each in value]
    return value


def main(arguments: list[str], folder: Path = FOLDER) -> int:
    """Run the command and return its exit code."""
    if arguments not in ([], ["--check"]):
        sys.stderr.write("usage: python -m tests.proto.make_vectors [--check]\n")
        return 2
    vectors = make_vectors()
    there = {path.name: path.read_bytes() for path in folder.glob("*.json")}
    changed = sorted(name for name, raw in there.items() if vectors.get(name, "").encode() != raw)
    absent = sorted(vectors.keys() - there.keys())
    for name in changed:
        sys.stderr.write(f"{name} would change: a published vector stays; give the new case a new name\n")
    if not arguments:
        for name in absent:
            (folder / name).write_bytes(vectors[name].encode())
        return 1 if changed else 0
    for name in absent:
        sys.stderr.write(f"{name} is not there: run python -m tests.proto.make_vectors\n")
    return 1 if changed or absent else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
