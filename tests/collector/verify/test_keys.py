# SPDX-License-Identifier: Apache-2.0
"""Tests of whose key verify believes: one with a proof, and for a successor the former device's word."""

from typing import Any

from sqlalchemy import insert

from collector.store.engine import writing
from collector.store.schema import (
    device_keys,
    devices,
)
from collector.verify import verify
from proto.enrolment import proof_bytes, succession_bytes
from proto.keys import Ed25519Signer
from tests.collector.evidence import Device
from tests.collector.school import School
from tests.collector.verify.tampering import change, problems_of, read


def add_successor(school: School, former: Device, *, reason: str = "forked", signer: Any = None) -> str:
    """Put a device into the database that goes on for another, with that one's word for it, and return its id."""
    key, device_id, request = Ed25519Signer.generate(), "5" * 16, b"a certificate request"
    said = succession_bytes(
        school_id=school.id,
        former_device_id=former.id,
        reason=reason,
        algorithm=key.algorithm,
        public_key=key.public_key,
    )
    proof = proof_bytes(
        school_id=school.id,
        token_secret_sha256=b"",
        certificate_request=request,
        algorithm=key.algorithm,
        public_key=key.public_key,
    )
    facts = dict.fromkeys(("hostname", "os", "os_version", "architecture", "agent_version"), "")
    with writing(school.engine) as connection:
        connection.execute(
            insert(devices).values(
                school_id=school.id,
                device_id=device_id,
                state="pending",
                enrolled_at_ns=1,
                last_seen_at_ns=1,
                former_device_id=former.id,
                succession=reason,
                **facts,
            )
        )
        connection.execute(
            insert(device_keys).values(
                school_id=school.id,
                device_id=device_id,
                algorithm=key.algorithm,
                public_key=key.public_key,
                certificate_request=request,
                proof=key.sign(proof),
                certificate_sha256=bytes(32),
                token_sha256=b"",
                former_proof=(signer or former.identity.signer).sign(said),
                made_at_ns=1,
            )
        )
    return device_id


def test_successor_has_the_former_devices_word(evidence: School, device: Device) -> None:
    """Without a token, on the former key's signature; whoever changes for whom or why is found out."""
    mine = devices.c.device_id == add_successor(evidence, device)
    assert verify(evidence.engine, evidence.config).problems == []
    other = read(
        evidence, devices.c.device_id, (devices.c.device_id != device.id) & (devices.c.former_device_id.is_(None))
    )
    said = "device 5555555555555555: "
    for values, words in (
        ({"succession": "rolled_back"}, f"device {device.id} did not sign that it goes on for it"),
        ({"former_device_id": other}, f"device {other} did not sign that it goes on for it"),
        ({"former_device_id": "0" * 16}, "it goes on for device 0000000000000000, which is not known"),
        ({"former_device_id": None}, "it has another device's word that it goes on for it, and names none"),
    ):
        change(evidence, devices, mine, **{"succession": "forked", "former_device_id": device.id, **values})
        assert verify(evidence.engine, evidence.config).problems == [said + words]
    change(evidence, device_keys, device_keys.c.device_id == "5" * 16, former_proof=b"")
    words = "neither a token nor a former device let it in"
    assert verify(evidence.engine, evidence.config).problems == [said + words]


def test_stranger_cannot_vouch_for_a_device(evidence: School, device: Device) -> None:
    """Only the former device's own key can."""
    add_successor(evidence, device, signer=Ed25519Signer.generate())
    assert problems_of(evidence) == ["device X: device X did not sign that it goes on for it"]
