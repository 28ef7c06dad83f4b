# SPDX-License-Identifier: Apache-2.0
"""What a device must prove: that it holds its keys, and those of the device that it goes on for.

Pure: it asks no database and keeps nothing. The certificate request is proven where it is signed, in `authority`.
"""

from collector.errors import EnrolmentRefusedError
from proto.enrolment import proof_bytes, renewal_bytes, succession_bytes
from proto.errors import SignatureError
from proto.keys import Verifier, to_verifier
from proto.wire import EnrolRequest, RekeyRequest, RenewRequest

MAX_REQUEST_BYTES = 4096
"""Of a certificate request; one for a P-256 key has 200."""
MAX_KEY_BYTES = 256
MAX_SIGNATURE_BYTES = 256
MAX_WORD_CHARACTERS = 64


def verify_sizes(request: EnrolRequest | RekeyRequest | RenewRequest) -> None:
    """Return if nothing in a request is larger than it can be: what is signed and kept has an end.

    Raises:
        EnrolmentRefusedError: something is.
    """
    sizes = [
        len(request.certificate_request) <= MAX_REQUEST_BYTES,
        len(request.evidence_proof) <= MAX_SIGNATURE_BYTES,
    ]
    if isinstance(request, RenewRequest):
        sizes.append(len(request.device_id) <= MAX_WORD_CHARACTERS)
    else:
        sizes += [
            len(request.evidence_public_key) <= MAX_KEY_BYTES,
            len(request.evidence_algorithm) <= MAX_WORD_CHARACTERS,
            len(request.former_device_id) <= MAX_WORD_CHARACTERS,
            len(request.former_proof) <= MAX_SIGNATURE_BYTES,
        ]
    if not all(sizes):
        raise EnrolmentRefusedError("the request holds more than such a request can")


def verify_own_key(school_id: str, request: EnrolRequest | RekeyRequest, token_sha256: bytes) -> None:
    """Return if the key that will sign the device's evidence signed the request; a re-key has no token.

    Raises:
        EnrolmentRefusedError: it did not.
    """
    proof = proof_bytes(
        school_id=school_id,
        token_secret_sha256=token_sha256,
        certificate_request=request.certificate_request,
        algorithm=request.evidence_algorithm,
        public_key=request.evidence_public_key,
    )
    try:
        to_verifier(request.evidence_algorithm, request.evidence_public_key).verify(request.evidence_proof, proof)
    except SignatureError as error:
        raise EnrolmentRefusedError("the device does not prove that it holds its evidence key") from error


def verify_former_key(school_id: str, request: EnrolRequest | RekeyRequest, reason: str, former: Verifier) -> None:
    """Return if the former device's key signed that the new one goes on for it.

    Raises:
        EnrolmentRefusedError: it did not.
    """
    signed = succession_bytes(
        school_id=school_id,
        former_device_id=request.former_device_id,
        reason=reason,
        algorithm=request.evidence_algorithm,
        public_key=request.evidence_public_key,
    )
    try:
        former.verify(request.former_proof, signed)
    except SignatureError as error:
        raise EnrolmentRefusedError("the device does not prove that it was the one before") from error


def verify_renewal(school_id: str, request: RenewRequest, key: Verifier) -> None:
    """Return if a device's evidence key signed its request for the next certificate.

    Raises:
        EnrolmentRefusedError: it did not.
    """
    signed = renewal_bytes(
        school_id=school_id, device_id=request.device_id, certificate_request=request.certificate_request
    )
    try:
        key.verify(request.evidence_proof, signed)
    except SignatureError as error:
        raise EnrolmentRefusedError("the device does not prove that it holds its evidence key") from error
