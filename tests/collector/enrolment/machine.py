# SPDX-License-Identifier: Apache-2.0
"""A machine that comes to the collector, for tests. It holds its keys and signs whatever it asks for.

    machine = Machine(school.id)
    admitted = machine.enrol(school, authority, token)
    machine.renew(school, authority)

It remembers the id that it got. What it asks is right unless a test spoils the request.
"""

import hashlib

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from collector.authority import Authority
from collector.enrolment import Admitted, enrol, rekey, renew
from proto.enrolment import ENROLLED_AGAIN, FORKED, proof_bytes, renewal_bytes, succession_bytes
from proto.keys import Ed25519Signer
from proto.token import Token
from proto.wire import DeviceFacts, EnrolRequest, RekeyRequest, RenewRequest
from tests.collector.school import School


class Machine:
    """A machine with the two keys of a device."""

    def __init__(self, school_id: str, hostname: str = "library-01", serial: str = "") -> None:
        self.school_id = school_id
        self.facts = DeviceFacts(hostname=hostname, os="Debian GNU/Linux", serial=serial)
        self.signer = Ed25519Signer.generate()
        self.tls_key = ec.generate_private_key(ec.SECP256R1())
        builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
        request = builder.sign(self.tls_key, hashes.SHA256())
        self.certificate_request = request.public_bytes(serialization.Encoding.DER)
        self.device_id = ""

    def ask_to_enrol(self, token: Token, *, former: "Machine | None" = None) -> EnrolRequest:
        """Return what it asks with a token; `former` is the device that this machine was before."""
        request = EnrolRequest(
            token_secret=token.secret,
            certificate_request=self.certificate_request,
            evidence_algorithm=self.signer.algorithm,
            evidence_public_key=self.signer.public_key,
            evidence_proof=self._prove(hashlib.sha256(token.secret).digest()),
            facts=self.facts,
        )
        if former is not None:
            request.former_device_id = former.device_id
            request.former_proof = former.vouch_for(self, ENROLLED_AGAIN)
        return request

    def ask_to_renew(self) -> RenewRequest:
        """Return how it asks for its next certificate."""
        signed = renewal_bytes(
            school_id=self.school_id, device_id=self.device_id, certificate_request=self.certificate_request
        )
        return RenewRequest(
            device_id=self.device_id,
            certificate_request=self.certificate_request,
            evidence_proof=self.signer.sign(signed),
        )

    def ask_to_go_on_for(self, former: "Machine", reason: str = FORKED) -> RekeyRequest:
        """Return how it asks to become a device of its own."""
        return RekeyRequest(
            former_device_id=former.device_id,
            reason=reason,
            certificate_request=self.certificate_request,
            evidence_algorithm=self.signer.algorithm,
            evidence_public_key=self.signer.public_key,
            evidence_proof=self._prove(b""),
            former_proof=former.vouch_for(self, reason),
            facts=self.facts,
        )

    def vouch_for(self, successor: "Machine", reason: str) -> bytes:
        """Sign that another key goes on for this one."""
        return self.signer.sign(
            succession_bytes(
                school_id=self.school_id,
                former_device_id=self.device_id,
                reason=reason,
                algorithm=successor.signer.algorithm,
                public_key=successor.signer.public_key,
            )
        )

    def enrol(self, school: School, authority: Authority, token: Token, *, former: "Machine | None" = None) -> Admitted:
        """Enrol, and remember the id.

        Raises:
            EnrolmentRefusedError: it may not.
        """
        request = self.ask_to_enrol(token, former=former)
        return self._remember(enrol(school.engine, school.config, authority, request, school.now_ns))

    def go_on_for(self, school: School, authority: Authority, former: "Machine", reason: str = FORKED) -> Admitted:
        """Become a device of its own, and remember the id.

        Raises:
            EnrolmentRefusedError: it may not.
        """
        request = self.ask_to_go_on_for(former, reason)
        return self._remember(rekey(school.engine, school.config, authority, request, school.now_ns))

    def renew(self, school: School, authority: Authority) -> bytes:
        """Get the next certificate.

        Raises:
            EnrolmentRefusedError: it may not.
        """
        return renew(school.engine, school.config, authority, self.ask_to_renew(), school.now_ns)

    def _prove(self, token_sha256: bytes) -> bytes:
        return self.signer.sign(
            proof_bytes(
                school_id=self.school_id,
                token_secret_sha256=token_sha256,
                certificate_request=self.certificate_request,
                algorithm=self.signer.algorithm,
                public_key=self.signer.public_key,
            )
        )

    def _remember(self, admitted: Admitted) -> Admitted:
        self.device_id = admitted.device_id
        return admitted
