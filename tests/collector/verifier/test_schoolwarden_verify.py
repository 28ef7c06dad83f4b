# SPDX-License-Identifier: Apache-2.0
"""Tests of the verifier: what is sound verifies and is told; whatever was changed, removed, put in or moved shows."""

import hashlib
import json
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import insert

from collector.checkpoints import hash_checkpoint, hash_heads
from collector.store.engine import writing
from collector.store.schema import checkpoints
from collector.verifier.schoolwarden_verify import verify
from proto.keys import Ed25519Signer
from tests.collector.verifier.conftest import Exported
from tests.collector.verifier.forgery import Forgery

Change = Callable[[Forgery], Any]


def problems_of(data: bytes, *checkpoints: str, pins: list[tuple[str, str]] | None = None) -> str:
    """Return all problems, as one text."""
    return "\n".join(verify(data, checkpoints, pins or [])["problems"])


def fingerprint_of(public_key: bytes) -> str:
    """Return a key's fingerprint."""
    return hashlib.sha256(public_key).hexdigest()


def test_sound_evidence_verifies_and_is_told(exported: Exported) -> None:
    """Who signed what and when, what is withheld, what nobody signed, and what all of it cannot show."""
    told = verify(exported.data)
    assert told["problems"] == []
    text = json.dumps(told)
    assert f'device {exported.device.id}, which calls itself "library-01": key ' in " ".join(told["Who signed what"])
    assert "4 events in a row" in text
    first, second = told["What the case rests on"]
    assert "event 3: program.started, severity 1, 2026-11-21 20:46:40 UTC by its device's clock, received 2026" in first
    assert '1.1: "tor"; 1.2: "/opt/tor-browser/tor"' in second
    assert told["What is missing"] == ["contents of 2 other events: withheld, or erased"]
    assert "rule_title: Tor" in told["What is only the collector's word"]
    chosen, never = told["What this proves, and what not"]
    assert "The collector chose these events" in chosen
    assert "never who typed" in never
    *unheld, unanchored = told["Held against nothing"]
    assert unheld == ["the key of collector", f"the key of {exported.device.id}"]
    assert "made everything anew with other keys" in unanchored


def test_anchors_are_found(exported: Exported) -> None:
    """A printed checkpoint, as it is read off a page, and fingerprints say more, and what they say is told."""
    digest = exported.printed.hash.hex()
    typed = " ".join(digest[start : start + 4].upper() for start in range(0, 64, 4))
    pins = [
        ("collector", fingerprint_of(exported.key.public_key)),
        (exported.device.id, fingerprint_of(exported.device.identity.signer.public_key)),
    ]
    told = verify(exported.data, [typed], pins)
    assert told["problems"] == []
    proves = " ".join(told["What this proves, and what not"])
    assert f"checkpoint {exported.printed.number} of 2026-11-21" in proves
    assert proves.count("is the one whose fingerprint you brought") == 2
    assert told["Held against nothing"] == []
    assert verify(exported.data, [typed])["Held against nothing"] == []
    assert verify(exported.data, (), pins)["Held against nothing"] == []
    unheld, _ = verify(exported.data, (), pins[:1])["Held against nothing"]
    assert unheld == f"the key of {exported.device.id}"


def test_wrong_anchors_fail(exported: Exported) -> None:
    """A checkpoint of another history, one that is older than the case, and keys that are others."""
    other = fingerprint_of(b"another key")
    assert "is of another history" in problems_of(exported.data, "ab" * 32)
    with_older = Forgery.of(exported.data)
    older = next(iter(with_older.checkpoints))
    assert "the key of collector is not the one" in problems_of(exported.data, pins=[("collector", other)])
    assert "is not the one whose" in problems_of(exported.data, pins=[(exported.device.id, other)])
    assert "is not the one whose" in problems_of(exported.data, pins=[("0" * 16, other)])
    assert older["number"] > 1  # The first checkpoint says nothing of the case, and is not in the file.


def test_every_byte_counts(exported: Exported) -> None:
    """Whichever byte is changed, cut off or put behind, it shows."""
    data = bytearray(exported.data)
    for place in range(len(data)):
        data[place] ^= 1
        assert verify(bytes(data))["problems"], place
        data[place] ^= 1
    assert verify(bytes(data))["problems"] == []
    assert verify(bytes(data[:-1]))["problems"]
    assert verify(bytes(data) + b"\0")["problems"]
    assert verify(b"\0" + bytes(data))["problems"]


@pytest.mark.soak
def test_every_bit_counts(exported: Exported) -> None:
    """The same with every bit."""
    data = bytearray(exported.data)
    for place in range(len(data)):
        for bit in range(8):
            data[place] ^= 1 << bit
            assert verify(bytes(data))["problems"], (place, bit)
            data[place] ^= 1 << bit


def move_event(forged: Forgery) -> None:
    """Say that a content is another event's."""
    forged.contents[0]["seq"] -= 1


def shift_receipt(forged: Forgery) -> None:
    """Nobody but the collector vouches for when something came."""
    forged.envelopes[0]["received_at_ns"] += 1


def swap_heads(forged: Forgery) -> None:
    """Let a checkpoint have seen something else."""
    forged.checkpoints[0]["heads"] = forged.checkpoints[0]["heads"].replace(",1,", ",2,", 1)


# What is changed by somebody who holds the collector's key and makes the manifest anew, but not the devices' keys.
CHANGED: dict[str, tuple[Change, str]] = {
    "envelope removed from the middle": (lambda forged: forged.envelopes.pop(1), "was removed"),
    "first envelope removed": (lambda forged: forged.envelopes.pop(0), "was removed, and the case rests on it"),
    "envelopes reordered": (lambda forged: forged.envelopes.reverse(), "out of order, or twice"),
    "envelope twice": (lambda forged: forged.envelopes.insert(1, forged.envelopes[0]), "out of order, or twice"),
    "all envelopes removed": (lambda forged: forged.envelopes.clear(), "was removed, and the case rests on it"),
    "header": (
        lambda forged: forged.envelopes[0].update(header_block=forged.envelopes[1]["header_block"]),
        "changed, or not signed by this device's key",
    ),
    "signature swapped": (
        lambda forged: forged.envelopes[0].update(signature=forged.envelopes[1]["signature"]),
        "changed, or not signed by this device's key",
    ),
    "what is missing": (
        lambda forged: forged.envelopes[0].update(missing="0001"),
        "changed, or not signed by this device's key",
    ),
    "content": (lambda forged: forged.contents[0].update(body="00"), "was changed"),
    "salt": (lambda forged: forged.contents[0].update(salt="00"), "was changed"),
    "contents swapped": (
        lambda forged: forged.contents[0].update(body=forged.contents[1]["body"], salt=forged.contents[1]["salt"]),
        "was changed",
    ),
    "content removed": (lambda forged: forged.contents.pop(), "was removed, and nobody signed why"),
    "content twice": (lambda forged: forged.contents.append(forged.contents[0]), "was added: it has no place here"),
    "content of another event": (move_event, "was added: it has no place here"),
    "key": (
        lambda forged: forged.files["keys.json"][0].update(public_key=Ed25519Signer.generate().public_key.hex()),
        "nothing proves that it held its key",
    ),
    "key removed": (lambda forged: forged.files["keys.json"].clear(), "a part cannot be read"),
    "checkpoint's heads": (swap_heads, "was changed, or is not signed by the collector's key"),
    "checkpoint removed from the middle": (
        lambda forged: forged.checkpoints.pop(1) if len(forged.checkpoints) > 2 else forged.checkpoints.clear(),
        "checkpoint",
    ),
    "checkpoints removed": (lambda forged: forged.checkpoints.clear(), "no checkpoint covers device"),
    "checkpoints reordered": (lambda forged: forged.checkpoints.reverse(), "does not follow the one before it"),
    "no event in the case": (lambda forged: forged.files["case.json"].update(events=[]), "the case rests on no event"),
    "an event less in the case": (lambda forged: forged.files["case.json"]["events"].pop(), "was added"),
    "an event more in the case": (
        lambda forged: forged.files["case.json"]["events"].append([forged.device_id, 1, 99]),
        "was removed, and the case rests on it",
    ),
    "a file more": (lambda forged: forged.files.update({"tombstones-0002.json": [{}]}), "a part cannot be read"),
    "a file of nobody": (
        lambda forged: forged.files.update({f"devices/{'0' * 16}/envelopes-0001.json": []}),
        "was added: it belongs to nothing",
    ),
    "another format": (
        lambda forged: forged.files["manifest.json"].update(school_id="another"),
        "changed, or not signed by this device's key",
    ),
}


@pytest.mark.parametrize("what", CHANGED)
def test_change_shows_even_to_the_collector_s_own_key(exported: Exported, what: str) -> None:
    """Whoever holds the collector's key cannot change what devices signed; and without it nothing at all."""
    change, expected = CHANGED[what]
    forged = Forgery.of(exported.data)
    change(forged)
    assert verify(forged.to_zip())["problems"], "without the collector's key"
    assert expected in problems_of(forged.sign(exported.key).to_zip())


def test_unchanged_file_can_be_put_together_again(exported: Exported) -> None:
    """The forger of these tests makes no mistakes of his own: what shows is what he changed."""
    assert Forgery.of(exported.data).to_zip() == exported.data
    assert problems_of(Forgery.of(exported.data).sign(exported.key).to_zip()) == ""


def test_the_collector_s_own_word_can_be_changed_by_its_key(exported: Exported) -> None:
    """When something came and what the collector made of it nobody else signed, and the report says so."""
    forged = Forgery.of(exported.data)
    shift_receipt(forged)
    forged.files["case.json"]["word"]["count"] = 99
    told = verify(forged.sign(exported.key).to_zip())
    assert told["problems"] == []
    assert "count: 99" in told["What is only the collector's word"]


def test_everything_made_anew_is_consistent_and_told_apart_by_anchors(exported: Exported) -> None:
    """With other keys one can tell any story; a printed checkpoint or one fingerprint from elsewhere shows it."""
    collector, device = Ed25519Signer.generate(), Ed25519Signer.generate()
    data = Forgery.of(exported.data).tell_anew(collector, device, "program.found").to_zip()
    told = verify(data)
    assert told["problems"] == []
    assert "made everything anew with other keys could have made it" in told["Held against nothing"][-1]
    assert "is of another history" in problems_of(data, exported.printed.hash.hex())
    for who, key in (
        ("collector", exported.key.public_key),
        (exported.device.id, exported.device.identity.signer.public_key),
    ):
        assert "is not the one whose fingerprint you brought" in problems_of(data, pins=[(who, fingerprint_of(key))])


def test_printed_checkpoint_pins_the_keys(exported: Exported) -> None:
    """The same words signed with other keys are another history, and one key alone cannot be exchanged."""
    printed = exported.printed.hash.hex()
    again = Forgery.of(exported.data).tell_anew(Ed25519Signer.generate(), Ed25519Signer.generate())
    assert problems_of(again.to_zip()) == ""
    assert "is of another history" in problems_of(again.to_zip(), printed)
    again.files["keys.json"] = Forgery.of(exported.data).files["keys.json"]
    assert "saw another key of" in problems_of(again.to_zip())
    stolen = Forgery.of(exported.data)
    stolen.files["case.json"]["word"]["summary"] = "somebody else did it"
    stolen.steal_collector(Ed25519Signer.generate())
    assert "saw another key of collector" in problems_of(stolen.to_zip(), printed)


def test_checkpoint_without_keys_pins_none(exported: Exported) -> None:
    """What it covers was so, but with which keys it was signed only fingerprints say."""
    forged = Forgery.of(exported.data)
    printed = forged.drop_keys(exported.key)
    told = verify(forged.to_zip(), [printed])
    assert told["problems"] == []
    assert f"the key of {exported.device.id}" in told["Held against nothing"]


def test_checkpoint_is_numbered_so_that_it_cannot_stand_outside_of_the_links(exported: Exported) -> None:
    """A history made anew does not pass for the printed one by a number that is none, nor by standing before it."""
    printed = exported.printed
    collector = Ed25519Signer.generate()
    forged = Forgery.of(exported.data)
    genuine = [dict(each) for each in forged.checkpoints]
    forged.tell_anew(collector, Ed25519Signer.generate())
    first = forged.checkpoints[0]
    del forged.checkpoints[1:]
    for number in (0, -1):
        first["number"] = number
        forged._checkpoint_anew(collector, {})
        assert "is of another history" in problems_of(forged.sign(collector).to_zip(), printed.hash.hex())
    # The genuine ones behind it, without what they saw: anybody can sign their hashes.
    for each in genuine[1:]:
        heads = each.pop("heads", None)
        each |= {"heads_sha256": hash_heads(heads)} if heads else {}
        forged.checkpoints.append(each | {"signature": ""})
    newest = forged.checkpoints[-1]
    newest["signature"] = collector.sign(printed.hash).hex()
    assert "does not follow the one before it" in problems_of(forged.sign(collector).to_zip(), printed.hash.hex())


def test_only_checkpoints_that_cover_are_whole(own: Exported) -> None:
    """A year of later ones is small, needs no memory, and any of them can be the printed one."""
    school, newest = own.school, own.printed
    # Larger than any of these would be in the file: as those of a small school.
    heads = json.dumps([[f"{number:016x}", 1, 7, "0" * 64, "0" * 64] for number in range(50)], separators=(",", ":"))
    number, previous, rows = newest.number, newest.hash, []
    for number in range(newest.number + 1, newest.number + 2001):
        digest = hash_checkpoint(school.id, number, number, heads, previous)
        rows.append((school.id, number, number, heads, previous, digest, own.key.sign(digest)))
        previous = digest
    names = "school_id number made_at_ns heads previous_hash hash signature".split()
    with writing(school.engine) as connection:
        connection.execute(insert(checkpoints), [dict(zip(names, row, strict=True)) for row in rows])
    printed = rows[1234][5].hex()
    total_bytes = len(rows) * len(heads)
    rows.clear()
    tracemalloc.start()
    data = own.export()
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(data) < 2_000_000
    assert peak_bytes < total_bytes / 2
    told = verify(data, [printed])
    assert (told["problems"], told["Held against nothing"]) == ([], [])
    whole = [each["number"] for each in Forgery.of(data).checkpoints if "heads" in each]
    assert whole == [newest.number - 1]
