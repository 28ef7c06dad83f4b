# SPDX-License-Identifier: Apache-2.0
"""Tests of what verify says of the collector's own statements: trust and disposals."""

from sqlalchemy import insert

from collector.disposals import Account, Method, retire_device
from collector.store.engine import writing
from collector.store.schema import (
    disposals,
    trusts,
)
from collector.verify import verify
from proto.keys import load_signer
from proto.trust import Trust, sign_trust
from tests.collector.evidence import Device
from tests.collector.school import School
from tests.collector.verify.tampering import change, problems_of, remove, spoil


def test_statement_of_trust_that_was_changed_shows(evidence: School) -> None:
    """So does one that is missing between two."""
    signer = load_signer(evidence.config.signing_key)
    for version in (1, 2, 3):
        signed = sign_trust(signer, make_trust(evidence, version))
        with writing(evidence.engine) as connection:
            connection.execute(
                insert(trusts).values(
                    school_id=evidence.id,
                    version=version,
                    made_at_ns=1,
                    body=signed.body,
                    algorithm=signed.algorithm,
                    signature=signed.signature,
                )
            )
    assert problems_of(evidence) == []
    assert verify(evidence.engine, evidence.config).trusts == 3
    remove(evidence, trusts, trusts.c.version == 1)
    assert problems_of(evidence) == ["statement of trust 1 is missing", "statement of trust 2 is missing"]
    spoil(evidence, trusts.c.body, trusts.c.version == 3)
    assert problems_of(evidence)[-1] == "statement of trust 3: the signature does not verify"


def make_trust(school: School, version: int) -> Trust:
    """Return a statement of whom devices trust."""
    return Trust(
        version=version,
        school_id=school.id,
        ca_certificates=(b"a certificate",),
        enrol_address="school.example:7444",
        events_address="school.example:7443",
        made_at_ns=version,
    )


def test_record_of_a_disposal_that_was_changed_or_removed_shows(evidence: School, device: Device) -> None:
    """A device cannot be given away without a record, nor the record be rewritten."""
    account = Account(
        method=Method.RECYCLED, receiver="Green Ltd", receipt="R-1", is_wiped=True, wiped_how="drill press"
    )
    signer = load_signer(evidence.config.signing_key)
    retire_device(evidence.engine, evidence.id, device.id, account, signer=signer, actor="anna", now_ns=evidence.now_ns)
    assert (problems_of(evidence), verify(evidence.engine, evidence.config).disposals) == ([], 1)
    mine = disposals.c.device_id == device.id
    change(evidence, disposals, mine, receiver="Nobody")
    assert problems_of(evidence) == ["the disposal record of device X was changed or is not the collector’s"]
    remove(evidence, disposals, mine)
    assert problems_of(evidence) == ["device X: is retired, and there is no record of its disposal"]
