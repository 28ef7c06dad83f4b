# SPDX-License-Identifier: Apache-2.0
"""Tests of giving a device away: the record, its signature, the receipt."""

import json
from dataclasses import replace

import pytest
from sqlalchemy import update

from collector.audit import list_entries
from collector.devices import find_device, find_revoked
from collector.disposals import (
    Account,
    Method,
    find_disposal,
    make_receipt,
    retire_device,
    verify_disposals,
    verify_receipt,
)
from collector.errors import UsageError
from collector.expected_devices import import_expected_devices
from collector.store.engine import writing
from collector.store.schema import disposals
from proto.errors import SignatureError
from proto.keys import Ed25519Signer, load_signer, to_verifier
from tests.collector.school import School

RECYCLED = Account(
    method=Method.RECYCLED, receiver=" Green Metal Ltd ", receipt="GM-118", is_wiped=True, wiped_how="nwipe, 3 passes"
)


@pytest.fixture
def signer(school: School) -> Ed25519Signer:
    """The collector's signing key."""
    return load_signer(school.config.signing_key)


def retire(school: School, device_id: str, account: Account = RECYCLED) -> None:
    """Retire a device as anna."""
    signer = load_signer(school.config.signing_key)
    retire_device(school.engine, school.id, device_id, account, signer=signer, actor="anna", now_ns=school.now_ns)


def test_retired_device_may_not_speak_and_its_evidence_stays(school: School, signer: Ed25519Signer) -> None:
    """The record is signed, and the audit log has it."""
    device_id = school.add_device("old-pc")
    school.add_incident(device_id)
    retire(school, device_id)
    assert find_revoked(school.engine, school.id) == {device_id}
    device = find_device(school.engine, school.id, device_id)
    assert device is not None
    assert (device.state, device.may_speak, device.is_unconfirmed, device.events) == ("retired", False, False, 1)
    disposal = find_disposal(school.engine, school.id, device_id)
    assert disposal is not None
    assert (disposal.receiver, disposal.recorded_by, disposal.at_ns) == ("Green Metal Ltd", "anna", school.now_ns)
    assert list(verify_disposals(school.engine, school.id, to_verifier(signer.algorithm, signer.public_key))) == []
    entry = list_entries(school.engine, school.id)[0]
    assert (entry.action, entry.detail) == ("device.retired", "recycled, Green Metal Ltd, receipt GM-118")


@pytest.mark.parametrize("change", [{"receipt": "GM-119"}, {"is_wiped": False}, {"at_ns": 1}, {"signature": bytes(64)}])
def test_changed_record_is_found(school: School, signer: Ed25519Signer, change: dict[str, object]) -> None:
    """Whatever of it was changed in the database."""
    device_id = school.add_device("old-pc")
    retire(school, device_id)
    with writing(school.engine) as connection:
        connection.execute(update(disposals).values(**change))
    verifier = to_verifier(signer.algorithm, signer.public_key)
    (problem,) = verify_disposals(school.engine, school.id, verifier)
    assert device_id in problem


def test_receipt_stands_by_itself(school: School, signer: Ed25519Signer) -> None:
    """As JSON it verifies under the collector's key, and not when a word of it was changed."""
    device_id = school.add_device("old-pc", serial="SN9", manufacturer="LENOVO", product="ThinkPad")
    content = b"hostname,serial,asset,place\nold-pc,SN9,A-9,Office\n"
    import_expected_devices(school.engine, school.id, content, actor="anna", now_ns=school.now_ns)
    assert make_receipt(school.engine, school.id, "St Example", device_id, signer=signer) is None
    retire(school, device_id)
    receipt = json.loads(json.dumps(make_receipt(school.engine, school.id, "St Example", device_id, signer=signer)))
    assert (receipt["machine"]["serial"], receipt["machine"]["asset"]) == ("SN9", "A-9")
    assert receipt["disposal"]["receipt"] == "GM-118"
    verifier = to_verifier(receipt["signed_by"]["algorithm"], bytes.fromhex(receipt["signed_by"]["public_key"]))
    verify_receipt(receipt, verifier)
    changed = receipt | {"machine": receipt["machine"] | {"serial": "SN8"}}
    for wrong in (changed, {**receipt, "signature": "zz"}, {**receipt, "signature": None}, {}):
        with pytest.raises(SignatureError):
            verify_receipt(wrong, verifier)


@pytest.mark.parametrize(
    ("gap", "message"),
    [
        ({"receiver": " "}, "who has the device"),
        ({"receipt": ""}, "number of the receipt"),
        ({"wiped_how": ""}, "how the disks were wiped"),
        ({"receipt": "x" * 301}, "longer than 300"),
    ],
)
def test_account_with_a_gap_is_refused(school: School, gap: dict[str, str], message: str) -> None:
    """Nothing is recorded, and the device goes on speaking."""
    device_id = school.add_device("old-pc")
    with pytest.raises(UsageError, match=message):
        retire(school, device_id, replace(RECYCLED, **gap))  # type: ignore[arg-type]
    assert find_revoked(school.engine, school.id) == set()
    assert find_disposal(school.engine, school.id, device_id) is None


def test_lost_device_has_no_receiver(school: School) -> None:
    """Nobody wrote a receipt."""
    device_id = school.add_device("old-pc")
    account = Account(method=Method.LOST, receiver="", receipt="", is_wiped=False, wiped_how="stolen from a car")
    retire(school, device_id, account)
    assert find_disposal(school.engine, school.id, device_id) is not None


def test_device_is_retired_once_and_only_if_it_is_ours(school: School) -> None:
    """One that waits may be somebody else's; a revoked one may be retired."""
    device_id, pending = school.add_device("old-pc"), school.add_device("new-pc", state="pending")
    retire(school, device_id)
    for target, message in ((device_id, "retired already"), (pending, "nobody confirmed"), ("0" * 16, "no device")):
        with pytest.raises(UsageError, match=message):
            retire(school, target)
    retire(school, school.add_device("thrown-out", state="revoked"))
