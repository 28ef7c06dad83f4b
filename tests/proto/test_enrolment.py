# SPDX-License-Identifier: Apache-2.0
"""Tests of what a device signs to enrol. The fixed cases are in `test_vectors`."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from proto.enrolment import DOMAIN, proof_bytes
from proto.envelope import DOMAIN as ENVELOPE_DOMAIN

ARGUMENTS = st.fixed_dictionaries(
    {
        "school_id": st.text(max_size=5),
        "token_secret_sha256": st.binary(max_size=5),
        "certificate_request": st.binary(max_size=5),
        "algorithm": st.text(max_size=5),
        "public_key": st.binary(max_size=5),
    }
)


@settings(deadline=None, max_examples=300)
@given(ARGUMENTS, ARGUMENTS)
def test_a_proof_has_one_reading(one: dict[str, Any], other: dict[str, Any]) -> None:
    """A proof for one school, token, request and key is a proof for no other."""
    assert (proof_bytes(**one) == proof_bytes(**other)) is (one == other)


@settings(deadline=None)
@given(ARGUMENTS, st.sampled_from(["token_secret_sha256", "certificate_request", "public_key"]))
def test_a_byte_cannot_move_to_the_next_field(arguments: dict[str, Any], field: str) -> None:
    """The end of one field is not the beginning of the next."""
    longer = arguments | {field: arguments[field] + b"x"}
    assert proof_bytes(**longer) != proof_bytes(**arguments)


def test_a_proof_is_no_envelope() -> None:
    """A signature made to enrol can never be taken for one over events."""
    proof = proof_bytes(
        school_id="school", token_secret_sha256=b"", certificate_request=b"", algorithm="ed25519", public_key=b""
    )
    assert proof.startswith(DOMAIN)
    assert not DOMAIN.startswith(ENVELOPE_DOMAIN)
    assert not ENVELOPE_DOMAIN.startswith(DOMAIN)
