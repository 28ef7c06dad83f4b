# SPDX-License-Identifier: Apache-2.0
"""Gives a device its next certificate, also when its last one expired while it lay in a cupboard.

Its evidence key is the proof, so no certificate is asked for. Whoever repeats what a device sent gets a certificate of
no use: only the device holds the key that it is for.
"""

from sqlalchemy import Engine

from collector.authority import Authority
from collector.config import Config
from collector.devices import SPEAKING_STATES
from collector.enrolment import certificates, proofs
from collector.enrolment.admission import ENROL_AGAIN, find_verifier
from collector.errors import EnrolmentRefusedError
from collector.store.engine import reading, writing
from proto.wire import RenewRequest


def renew(engine: Engine, config: Config, authority: Authority, request: RenewRequest, now_ns: int) -> bytes:
    """Return a device's next certificate (DER).

    1. Nothing in the request is larger than it can be.
    2. The device is known, may speak, and has not had too many today.
    3. Its evidence key signed the request, and its TLS key the certificate request.
    4. The certificate is written down, if the device may still speak.

    Raises:
        EnrolmentRefusedError: one of these does not hold; nothing was changed.
        StoreError: the database does not answer.
    """
    # 1
    proofs.verify_sizes(request)
    # 2
    with reading(engine) as connection:
        found = find_verifier(connection, config.school_id, request.device_id)
        if found is None:
            raise EnrolmentRefusedError("this device is not known here", hint="enrol it with a token of this collector")
        state, verifier = found
        _verify_may_speak(state)
        certificates.verify_not_too_many(connection, request.device_id, now_ns)
    # 3
    proofs.verify_renewal(config.school_id, request, verifier)
    issued = certificates.issue(authority, request.certificate_request, config.school_id, request.device_id)
    # 4
    with writing(engine) as connection:
        still = find_verifier(connection, config.school_id, request.device_id)
        _verify_may_speak(still[0] if still else "")
        certificates.write_down(connection, config.school_id, issued, now_ns)
    return issued.der


def _verify_may_speak(state: str) -> None:
    if state not in SPEAKING_STATES:
        raise EnrolmentRefusedError("this device may not speak here any more", hint=ENROL_AGAIN)
