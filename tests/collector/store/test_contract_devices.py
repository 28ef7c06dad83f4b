# SPDX-License-Identifier: Apache-2.0
"""What every engine keeps of devices in the same way: the school's list, who waits, who left, pages of the list."""

from collector.confirmation import confirm_listed, declare_resets, list_waiting, replace_former
from collector.console.credentials import Credentials, load_credentials
from collector.console.device_list import Filter, count_states, load_listed
from collector.devices import find_device, list_successors
from collector.disposals import Account, Method, find_disposal, retire_device, verify_disposals
from collector.expected_devices import import_expected_devices, list_expected
from proto.keys import load_signer, to_verifier
from tests.collector.school import School

LIST = b"hostname,serial,asset,place\nlab-1,SN1,,\nlab-2,,,\nlab-3,SN3,,\n"


def test_waiting_devices_are_settled(school: School) -> None:
    """By the list alone, with the list by a person, and a copy as the same machine."""
    exact = school.add_device("lab-1", state="pending", serial="SN1")
    named = school.add_device("LAB-2", state="pending")
    copy = school.add_device("lab-1", state="pending", former_device_id=exact, succession="rolled_back")
    report = import_expected_devices(school.engine, school.id, LIST, actor="anna", now_ns=school.now_ns)
    assert report.confirmed == (exact,)
    found = confirm_listed(school.engine, school.id, actor="anna", now_ns=school.now_ns)
    assert [each.id for each in found] == [named]
    assert [each.device.id for each in list_waiting(school.engine, school.id)] == [copy]
    replace_former(school.engine, school.id, copy, actor="anna", now_ns=school.now_ns)
    assert [each.id for each in list_successors(school.engine, school.id, exact, limit=5)] == [copy]
    assert [row.device_id for row in list_expected(school.engine, school.id)] == [copy, named, None]
    shorter = b"hostname,serial,asset,place\nlab-2,SN2,,\n"
    again = import_expected_devices(
        school.engine, school.id, shorter, actor="anna", now_ns=school.now_ns, removes_missing=True
    )
    assert (again.changed, again.removed) == (("lab-2",), ("lab-3",))


def test_device_leaves_with_its_record(school: School) -> None:
    """What was signed is what is kept."""
    device_id = school.add_device("old-pc")
    declare_resets(school.engine, school.id, device_id, is_on=True, why="frozen", actor="anna", now_ns=school.now_ns)
    signer = load_signer(school.config.signing_key)
    account = Account(method=Method.SOLD, receiver="Häuser \U0001f600", receipt="1", is_wiped=True, wiped_how="nwipe")
    made = retire_device(
        school.engine, school.id, device_id, account, signer=signer, actor="anna", now_ns=school.now_ns
    )
    assert find_disposal(school.engine, school.id, device_id) == made
    assert list(verify_disposals(school.engine, school.id, to_verifier(signer.algorithm, signer.public_key))) == []
    device = find_device(school.engine, school.id, device_id)
    assert device is not None
    assert (device.state, device.is_reset_often, device.is_unconfirmed) == ("retired", True, False)


def test_pages_and_counts_agree(school: School) -> None:
    """Each choice of the filter lists as many as it says."""
    for name, state in (("Pc_1", "active"), ("pc-2", "pending"), ("pc-3", "revoked"), ("pc-4", "retired")):
        school.add_device(name, state=state)
    quiet = school.add_device("quiet", last_seen_at_ns=1)
    for choice, count in count_states(school.engine, school.id, school.now_ns).items():
        listed = load_listed(school.engine, school.id, Filter(state=choice), school.now_ns)
        assert (len(listed.devices), listed.total) == (count, count)
    found = load_listed(school.engine, school.id, Filter(name="pc_"), school.now_ns)
    assert [each.hostname for each in found.devices] == ["Pc_1"]
    assert load_credentials(school.engine, school.id, quiet) == Credentials("ed25519", None)
