# SPDX-License-Identifier: Apache-2.0
"""A machine whose keys are in its TPM is a device like any other, to a collector that knows nothing of TPMs."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.cli import main
from agent.config import Config
from agent.enrolment import enrol_machine
from agent.identity import Identity, IdentityFolder
from agent.keystore import tpm as tpm_module
from agent.recorder import Record, Recorder
from agent.renewal import Renewal
from agent.spool import Spool
from agent.uplink.line import Tell, Uplink
from collector.ledger import find_head
from proto.events import AgentStopped
from proto.keys import P256
from tests.agent.software_tpm import SoftwareTpm
from tests.path import RunningCollector, wait_for

pytestmark = pytest.mark.tpm


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Config]:
    """The state folder of a machine with a TPM."""
    with SoftwareTpm(tmp_path / "tpm") as tpm:
        monkeypatch.setattr(tpm_module, "DEVICE", tpm.address)
        yield Config(tmp_path / "state")


def send(identity: Identity, config: Config, collector: RunningCollector, count: int) -> None:
    """Record events and send them, with the agent's own recorder, queue and uplink."""
    spool = Spool(config.spool_file, identity.spool_key)
    Recorder(identity, spool, bytes(16)).record([Record(AgentStopped("test"), 1)] * count, bundle_version=1)
    uplink = Uplink(
        identity, spool, agent_version="0.1.0", bundle_version=lambda: 1, tell=Tell(bundle=lambda bundle: None)
    )
    uplink.start()
    wait_for(lambda: spool.count() == 0, f"the queue to run empty: {uplink.state}", collector)
    uplink.stop()
    spool.close()


def test_its_evidence_is_taken_and_verifies(
    collector: RunningCollector, config: Config, capsys: pytest.CaptureFixture[str]
) -> None:
    """Enrolled, connected and renewed without a private key on the disk; the ledger verifies with P-256."""
    identity = enrol_machine(config, collector.token(), again=False, keys="tpm")
    assert (identity.keys.store, identity.signer.algorithm) == ("tpm", P256)
    send(identity, config, collector, 3)
    renewed = Renewal(IdentityFolder(config.state), identity).renew_if_due(0, is_refused=True)
    assert renewed is not None
    assert renewed.tls_certificate_pem != identity.tls_certificate_pem
    send(renewed, config, collector, 2)
    assert find_head(collector.engine, identity.device_id).seq == 5
    collector.verify()
    for path in config.state.rglob("*"):
        assert path.is_dir() or b"PRIVATE KEY" not in path.read_bytes().replace(b"TSS2 PRIVATE KEY", b""), path
    for command in ("status", "explain"):
        main([command, "--state", str(config.state)])
        assert "this machine's TPM, which they never leave" in capsys.readouterr().out
