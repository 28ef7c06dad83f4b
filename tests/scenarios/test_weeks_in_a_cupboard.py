# SPDX-License-Identifier: Apache-2.0
"""A laptop lies in a cupboard until its certificate is over, and the school changes its CA twice meanwhile."""

import datetime
from pathlib import Path

import pytest
from cryptography import x509

from agent.identity import Identity, IdentityFolder
from collector.authority import issue_device_certificate, issuing, load_authority
from tests.path import RunningAgent, RunningCollector


def let_it_lie(agent: RunningAgent, collector: RunningCollector, monkeypatch: pytest.MonkeyPatch) -> Identity:
    """Give the machine a certificate of its collector's CA as it would have been a year ago, and return who it is."""
    now = datetime.datetime.now(datetime.UTC)
    lifetime = (now - datetime.timedelta(days=420), now - datetime.timedelta(days=23))
    folder = IdentityFolder(agent.folder)
    identity = folder.load()
    with monkeypatch.context() as patch:
        patch.setattr(issuing, "_from_now", lambda _: lifetime)
        certificate = issue_device_certificate(
            load_authority(collector.config.authority_folder),
            identity.keys.make_certificate_request(),
            identity.school_id,
            identity.device_id,
        )
    return folder.replace_certificate(identity, certificate)


def find_issuer(identity: Identity) -> str:
    """Return the name of the CA that a device's certificate is of."""
    return x509.load_pem_x509_certificate(identity.tls_certificate_pem).issuer.rfc4514_string()


def test_it_comes_back_by_itself(collector: RunningCollector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It finds a collector that it knows only by the word of the former CA, proves who it is and goes on."""
    with RunningAgent(tmp_path / "agent") as agent:
        agent.enrol(collector.token())
        agent.start()
        agent.wait_until_sent()
        agent.stop()
        before = let_it_lie(agent, collector, monkeypatch)
        for _ in range(2):
            said = collector.run("authority", "rotate", "--yes")
            assert said.code == 0, said
        agent.start()
        agent.wait_until_sent()
        after = IdentityFolder(agent.folder).load()
        assert after.device_id == before.device_id
        assert after.signer.public_key == before.signer.public_key
        assert after.certificate_not_after_s > before.certificate_not_after_s
        assert find_issuer(after) != find_issuer(before)
        assert after.ca_certificate_pem.count(b"BEGIN CERTIFICATE") == 3
        # Nobody needs the first CA any more, and nobody had to touch the machine.
        said = collector.run("authority", "retire", "--yes")
        assert said.code == 0, said
        collector.verify()
