# SPDX-License-Identifier: Apache-2.0
"""Tests of giving a device away at the console."""

import json

from collector.devices import find_revoked
from collector.disposals import verify_receipt
from proto.keys import load_signer, to_verifier
from tests.collector.console.visitor import Visitor
from tests.collector.school import School

ACCOUNT = {
    "method": "recycled",
    "receiver": "<i>Green</i> Metal",
    "receipt": "GM-118",
    "wiped": "yes",
    "wiped_how": "nwipe",
}


def test_device_is_retired_with_its_record(technician: Visitor, school: School) -> None:
    """The record can be read, and verified as a file."""
    device_id = school.add_device("old-pc", serial="SN9")
    page = f"/devices/{device_id}"
    assert technician.get(f"{page}/receipt").status == 404
    assert technician.get(f"{page}/receipt.json").status == 404
    technician.get(f"{page}/retire")
    answer = technician.post(f"{page}/retire", ACCOUNT)
    assert (answer.status, answer.location) == (303, f"{page}/receipt?done=device-retired")
    assert find_revoked(school.engine, school.id) == {device_id}
    receipt = technician.get(f"{page}/receipt")
    assert "Number of the receipt GM-118" in receipt.words
    assert "&lt;i&gt;Green" in receipt.text
    assert "Disks wiped nwipe" in receipt.words
    file = technician.get(f"{page}/receipt.json")
    assert "attachment" in file.header("content-disposition")
    signer = load_signer(school.config.signing_key)
    verify_receipt(json.loads(file.text), to_verifier(signer.algorithm, signer.public_key))
    assert f"{page}/receipt" in technician.get(page).text


def test_form_with_a_gap_keeps_what_was_typed(technician: Visitor, school: School) -> None:
    """And says what is missing; the device goes on speaking."""
    device_id = school.add_device("old-pc")
    technician.get(f"/devices/{device_id}/retire")
    for gap, words in (
        ({"wiped": ""}, "whether its disks were wiped"),
        ({"method": "eaten"}, "Choose how it leaves"),
        ({"receipt": ""}, "Give the number of the receipt"),
    ):
        answer = technician.post(f"/devices/{device_id}/retire", ACCOUNT | gap)
        assert (answer.status, words in answer.words) == (400, True)
        assert 'value="nwipe"' in answer.text
    assert find_revoked(school.engine, school.id) == set()


def test_device_is_retired_once(technician: Visitor, school: School) -> None:
    """The second person is told; an unknown device is not there."""
    device_id = school.add_device("old-pc")
    technician.get(f"/devices/{device_id}/retire")
    technician.post(f"/devices/{device_id}/retire", ACCOUNT)
    answer = technician.post(f"/devices/{device_id}/retire", ACCOUNT)
    assert (answer.status, "is retired already" in answer.words) == (400, True)
    assert technician.get("/devices/0000000000000000/retire").status == 404
