# SPDX-License-Identifier: Apache-2.0
"""Tests of the school's list as it is kept."""

from collector.expected_devices import find_expected, import_expected_devices, list_expected, page_expected
from tests.collector.school import School


def test_list_says_which_device_was_matched(school: School) -> None:
    """With the state of that device, and which rows are free."""
    device_id = school.add_device("lab-1", serial="SN1")
    content = b"hostname,serial,asset,place\nlab-2,SN2,A-2,Lab\nlab-1,SN1,A-1,Lab\n"
    import_expected_devices(school.engine, school.id, content, actor="anna", now_ns=school.now_ns)
    first, second = list_expected(school.engine, school.id)
    assert (first.hostname, first.device_id, first.device_state, first.is_free) == ("lab-1", device_id, "active", False)
    assert (second.hostname, second.device_id, second.device_state, second.is_free) == ("lab-2", None, None, True)
    assert find_expected(school.engine, school.id, device_id) == first
    assert find_expected(school.engine, "0" * 16, device_id) is None


def test_list_is_read_in_pages(school: School) -> None:
    """All of it, what is free or what is not, each with how many there are."""
    school.add_device("lab-1", serial="SN1")
    lines = "".join(f"lab-{number},SN{number},,\n" for number in range(5))
    content = f"hostname,serial,asset,place\n{lines}".encode()
    import_expected_devices(school.engine, school.id, content, actor="anna", now_ns=school.now_ns)
    for is_free, offset, names, count in (
        (None, 3, ["lab-3", "lab-4"], 5),
        (True, 0, ["lab-0", "lab-2"], 4),
        (False, 0, ["lab-1"], 1),
    ):
        found, total = page_expected(school.engine, school.id, is_free=is_free, limit=2, offset=offset)
        assert ([row.hostname for row in found], total) == (names, count)
