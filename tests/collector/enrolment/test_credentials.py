# SPDX-License-Identifier: Apache-2.0
"""Tests of both listeners through a rotation, over gRPC's own TLS, without a restart."""

import ssl
from pathlib import Path

from collector.authority import Authority, load_authorities, load_authority, make_authority
from collector.authority.issuing import key_to_pem
from collector.enrolment.rotation import retire, rotate
from tests.collector.enrolment.listener import Listener
from tests.collector.enrolment.machine import Machine
from tests.collector.evidence import make_school_token
from tests.collector.school import School


def test_listeners_follow_a_rotation_and_a_retirement(school: School, authority: Authority, tmp_path: Path) -> None:
    """One collector that never stops: devices of the former CA and of the new one come in, strangers do not."""
    former_only, folder = authority.certificate_pem, school.config.authority_folder
    make_authority(tmp_path / "strangers")
    stranger = load_authority(tmp_path / "strangers")
    old, new, forged = Machine(school.id), Machine(school.id), Machine(school.id)

    with Listener(school) as listener:

        def is_let_in(machine: Machine, certificate: bytes, known: bytes) -> bool:
            pem = ssl.DER_cert_to_PEM_cert(certificate).encode()
            return listener.is_let_in(machine, pem, key_to_pem(machine.tls_key), known=known)

        old_certificate = old.enrol(school, authority, make_school_token(school, authority)).certificate
        token_from_before = make_school_token(school, authority)
        assert is_let_in(old, old_certificate, former_only)

        rotate(school.engine, school.config, now_ns=school.now_ns)
        both = load_authorities(folder)
        # From the cupboard: it knows the former CA and has a certificate of it.
        assert is_let_in(old, old_certificate, former_only)
        assert is_let_in(old, old_certificate, both.roots_pem)
        # With a token from before the rotation it knows the former CA only, and gets a certificate of the new one.
        reply = listener.ask(new.ask_to_enrol(token_from_before), known=former_only)
        assert is_let_in(new, reply.certificate, former_only)
        assert is_let_in(new, reply.certificate, both.current.certificate_pem)
        # Somebody else's CA, whichever way round.
        forged_certificate = forged.enrol(school, stranger, make_school_token(school, stranger)).certificate
        assert not is_let_in(forged, forged_certificate, both.roots_pem)
        assert not is_let_in(old, old_certificate, stranger.certificate_pem)

        retire(school.engine, school.config, even_if_needed=True, now_ns=school.now_ns)
        assert not is_let_in(old, old_certificate, both.roots_pem)
        assert not is_let_in(new, reply.certificate, former_only)
        assert is_let_in(new, reply.certificate, both.roots_pem)
        renewed = listener.ask(old.ask_to_renew(), known=both.roots_pem)
        assert is_let_in(old, renewed.certificate, both.roots_pem)
