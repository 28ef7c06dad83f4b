# SPDX-License-Identifier: Apache-2.0
"""Tests of what of the list fits a machine."""

from collector.expected_devices import ExpectedDevice, FreeRows


def row(number: int, hostname: str, serial: str, device_id: str | None = None) -> ExpectedDevice:
    """Return a row of the list."""
    state = "revoked" if device_id else None
    return ExpectedDevice(
        id=str(number),
        hostname=hostname,
        serial=serial,
        asset="",
        place="",
        added_at_ns=0,
        added_by="anna",
        device_id=device_id,
        device_state=state,
    )


def test_both_facts_are_exact() -> None:
    """However they are written; a row that fits in the name alone does not stand in the way."""
    free = FreeRows([row(1, "LAB-1.example.org", "SN1"), row(2, "lab-1", "")])
    fit = free.find_sole_fit("lab-1", "sn1")
    assert fit is not None
    assert (fit.row.id, fit.is_exact) == ("1", True)


def test_one_fact_is_never_exact() -> None:
    """When the list or the machine does not say the other, it fits, for a person to decide."""
    free = FreeRows([row(1, "lab-1", ""), row(2, "", "SN2"), row(3, "lab-3", "SN3")])
    for hostname, serial, its_id in (("lab-1", "SN1", "1"), ("anything", "SN2", "2"), ("lab-3", "", "3")):
        fit = free.find_sole_fit(hostname, serial)
        assert fit is not None
        assert (fit.row.id, fit.is_exact) == (its_id, False)


def test_contradiction_is_shown_and_is_no_fit() -> None:
    """The same name with another serial number may be a replaced machine, a copy or a liar."""
    free = FreeRows([row(1, "lab-1", "SN1")])
    assert free.find_sole_fit("lab-1", "OTHER") is None
    assert free.find_sole_fit("other", "SN1") is None
    (fit,) = free.list_fits("lab-1", "OTHER")
    assert (fit.has_hostname, fit.has_serial, fit.is_contradicted) == (True, False, True)


def test_two_rows_are_no_sole_fit() -> None:
    """Which of them it is, the list does not say."""
    free = FreeRows([row(1, "lab-1", ""), row(2, "", "SN1")])
    assert free.find_sole_fit("lab-1", "SN1") is None
    assert len(free.list_fits("lab-1", "SN1")) == 2


def test_row_of_a_revoked_device_is_never_exact() -> None:
    """A revoked machine's facts are known to whoever had it: a person decides."""
    fit = FreeRows([row(1, "lab-1", "SN1", "0" * 16)]).find_sole_fit("lab-1", "SN1")
    assert fit is not None
    assert not fit.is_exact


def test_what_says_nothing_fits_nothing() -> None:
    """An empty name or serial number is not the same as another empty one."""
    free = FreeRows([row(1, "lab-1", ""), row(2, "", "SN2")])
    assert free.list_fits("", "") == []
    assert free.list_fits("", "Default string") == []
