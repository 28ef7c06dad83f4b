# SPDX-License-Identifier: Apache-2.0
"""Gives every vector to the product: what was evidence once must stay evidence, what was refused must stay refused."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from proto import enrolment, errors, token
from proto.chain import GENESIS
from proto.envelope import Opened, open_envelope
from proto.errors import SchoolwardenError
from proto.events import KINDS, Missing
from proto.keys import to_verifier
from proto.wire import Envelope, HeaderView, decode_event
from tests.proto.make_vectors import FOLDER, main, make_vectors, split_bytes

PATHS = sorted(FOLDER.glob("*.json"))


def load(path: Path) -> dict[str, Any]:
    """Return a vector."""
    vector: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return vector


def join_pieces(pieces: list[str | dict[str, Any]]) -> bytes:
    """Return the bytes that pieces stand for."""
    return b"".join(
        bytes.fromhex(piece) if isinstance(piece, str) else bytes.fromhex(piece["repeat"]) * piece["times"]
        for piece in pieces
    )


def paths_of(form: str, outcome: str = "") -> list[Any]:
    """Return the vectors of a format and an outcome, each under its name."""
    return [
        pytest.param(path, id=path.stem)
        for path in PATHS
        if load(path)["format"] == form and (not outcome or load(path)["expected"]["outcome"] == outcome)
    ]


def open_vector(vector: dict[str, Any]) -> tuple[Envelope, Opened]:
    """Open the envelope of a vector, from its bytes."""
    verifier = to_verifier(vector["algorithm"], bytes.fromhex(vector["public_key"]))
    envelope = Envelope.FromString(join_pieces(vector["envelope"]))
    return envelope, open_envelope(envelope, verifier, bytes.fromhex(vector["previous_hash"]))


def is_contained(expected: Any, found: Any) -> bool:
    """Return whether all that is expected was found; later versions may know more fields."""
    if isinstance(expected, dict):
        return all(name in found and is_contained(each, found[name]) for name, each in expected.items())
    if isinstance(expected, list):
        return len(expected) == len(found) and all(map(is_contained, expected, found))
    return bool(expected == found)


def read_field(header: HeaderView, name: str) -> Any:
    """Return a field of a header as a vector writes it."""
    value = getattr(header, name)
    return value.hex() if isinstance(value, bytes) else value


@pytest.mark.parametrize("path", paths_of("envelope", "verifies"))
def test_evidence_stays_evidence(path: Path) -> None:
    """An envelope that verified once verifies, with the same hashes, headers and content."""
    vector = load(path)
    envelope, opened = open_vector(vector)
    expected = vector["expected"]
    assert opened.hashes[-1].hex() == expected["head_hash"]
    assert [each.hex() for each in opened.hashes] == [event["hash"] for event in expected["events"]]
    for event, header, payload in zip(expected["events"], opened.headers, envelope.payloads, strict=True):
        assert {name: read_field(header, name) for name in event["header"]} == event["header"]
        assert Missing(payload.missing).name == event["missing"]
        if event["content"] is None:
            assert event["missing"] != "NO" or header.kind not in KINDS
        else:
            content = decode_event(header.kind, payload.body)
            assert is_contained(event["content"], json.loads(json.dumps(asdict(content), default=bytes.hex)))  # type: ignore[call-overload]


@pytest.mark.parametrize("path", paths_of("envelope", "refused"))
def test_what_was_refused_stays_refused(path: Path) -> None:
    """An envelope that was refused once is refused, with the same kind of error."""
    vector = load(path)
    with pytest.raises(SchoolwardenError) as caught:
        open_vector(vector)
    assert isinstance(caught.value, getattr(errors, vector["expected"]["error"]))
    assert vector["expected"]["message"] in caught.value.message


@pytest.mark.parametrize("path", paths_of("token", "reads"))
def test_tokens_stay_readable(path: Path) -> None:
    """A token that was printed once says what it said."""
    vector = load(path)
    found = {
        name: value.hex() if isinstance(value, bytes) else value
        for name, value in asdict(token.decode_token(vector["token"])).items()
    }
    assert is_contained(vector["expected"]["fields"], found)


@pytest.mark.parametrize("path", paths_of("token", "refused"))
def test_what_is_no_token_stays_none(path: Path) -> None:
    """A text that is no token of ours is refused, and says what is wrong with it and what to do."""
    vector = load(path)
    with pytest.raises(errors.TokenError) as caught:
        token.decode_token(vector["token"])
    assert vector["expected"]["error"] == type(caught.value).__name__
    assert vector["expected"]["message"] in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize("path", paths_of("proof"))
def test_proofs_stay_proofs(path: Path) -> None:
    """A device's proof that it holds its key covers the same bytes, and verifies."""
    vector = load(path)
    inputs = vector["inputs"]
    raw = ("token_secret_sha256", "certificate_request", "public_key")
    message = enrolment.proof_bytes(**{**inputs, **{name: bytes.fromhex(inputs[name]) for name in raw}})
    assert message.hex() == vector["message"]
    verifier = to_verifier(inputs["algorithm"], bytes.fromhex(inputs["public_key"]))
    verifier.verify(bytes.fromhex(vector["signature"]), message)


def test_vectors_can_be_made_again() -> None:
    """`--check` finds every file byte for byte as it would be written."""
    assert main(["--check"]) == 0


def test_every_kind_has_a_vector() -> None:
    """Each kind of event stands in a vector of its own."""
    assert {f"envelope-verifies-kind-{kind}" for kind in KINDS} <= {path.stem for path in PATHS}


def test_every_vector_says_what_it_is() -> None:
    """A vector has a sentence, and a format that the page beside it describes."""
    page = (FOLDER / "README.md").read_text(encoding="utf-8")
    for path in PATHS:
        vector = load(path)
        assert vector["description"].endswith(".")
        assert f'`"format": "{vector["format"]}"`' in page


def test_a_published_vector_is_never_rewritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Writing adds what is not there, leaves what is, and says so when the two differ."""
    assert main([], tmp_path) == 0
    assert {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()} == make_vectors()
    (tmp_path / "token-reads-good.json").write_text("{}\n", encoding="utf-8")
    (tmp_path / "token-refused-cut.json").unlink()
    assert main(["--check"], tmp_path) == 1
    assert "token-refused-cut.json is not there" in capsys.readouterr().err
    assert main([], tmp_path) == 1
    assert "token-reads-good.json would change" in capsys.readouterr().err
    assert (tmp_path / "token-reads-good.json").read_text(encoding="utf-8") == "{}\n"
    assert (tmp_path / "token-refused-cut.json").exists()


def test_a_wrong_call_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """An option that is not known ends with 2 and says what is."""
    assert main(["--chekc"]) == 2
    assert "--check" in capsys.readouterr().err


def test_pieces_join_to_the_same_bytes() -> None:
    """Long runs of one byte are written short and read back whole."""
    raw = b"ab" * 100 + GENESIS * 100 + b"\n" * 300 + b"end"
    pieces = split_bytes(raw)
    assert {"repeat": "00", "times": 3200} in pieces
    assert {"repeat": "0a", "times": 300} in pieces
    assert join_pieces(pieces) == raw
