# SPDX-License-Identifier: Apache-2.0
"""Tests of reading a list of machines, good ones and hostile ones."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.errors import UsageError
from collector.expected_devices.sheet import MAX_BYTES, MAX_LINES, Entry, fold_hostname, read_sheet, to_serial

HERE = Path(__file__).parent
HEADER = "hostname,serial,asset,place\n"

WHOLE = {
    "empty": "it lacks hostname",
    "only_header": "names no machine",
    "only_blank_lines": "names no machine",
    "no_header": "it lacks hostname",
    "missing_column": "it lacks place",
    "unknown_column": "'password' is no column",
    "column_twice": "stands there twice",
    "formula_column": "is no column",
    "broken_header_quotes": "it lacks",
    "utf16": "not in UTF-8: line 1",
    "latin1": "not in UTF-8: line 2",
    "nul_bytes": "it lacks hostname",
}
LINES = {
    "hostname_formula": ("hostname", "as a formula does"),
    "hostname_nul": ("hostname", "nobody sees"),
    "hostname_bidi": ("hostname", "nobody sees"),
    "serial_formula": ("serial", "as a formula does"),
    "serial_escape": ("serial", "nobody sees"),
    "asset_command": ("asset", "as a formula does"),
    "place_long": ("place", "longer than 200"),
    "place_zero_width": ("place", "nobody sees"),
    "place_line_separator": ("place", "nobody sees"),
    "neither": ("", "neither a host name nor a serial number"),
    "domain_only": ("", "neither a host name nor a serial number"),
    "too_few": ("", "it has 2 values"),
    "too_many": ("", "it has 5 values"),
    "quote_open": ("", "quotes are broken"),
}


@pytest.mark.parametrize("name", sorted(path.stem for path in (HERE / "bad_files").iterdir()))
def test_bad_file_is_refused_as_a_whole(name: str) -> None:
    """Nothing of it is taken, and it says what is wrong."""
    with pytest.raises(UsageError, match=WHOLE[name]):
        read_sheet((HERE / "bad_files" / f"{name}.csv").read_bytes())


@pytest.mark.parametrize("name", sorted(path.stem for path in (HERE / "bad_lines").iterdir()))
def test_bad_line_is_refused_alone(name: str) -> None:
    """The lines around it are taken, and it says where and what would be right."""
    sheet = read_sheet((HERE / "bad_lines" / f"{name}.csv").read_bytes())
    assert [entry.hostname for entry in sheet.entries] == ["ok-1", "ok-2"]
    (refused,) = sheet.refused
    column, reason = LINES[name]
    assert (refused.line, refused.column) == (3, column)
    assert reason in refused.reason
    assert refused.hint


def test_file_as_spreadsheets_write_it_is_read() -> None:
    """With a mark at its beginning, semicolons, quotes, any order of columns, and lines that end as on Windows."""
    content = '\ufeffPlace;hostname;Asset;serial\r\n"Lab; left";LAB-1.example.org;A-1;pf0a1b2c\r\n'.encode()
    assert read_sheet(content).entries == (Entry(2, "LAB-1.example.org", "PF0A1B2C", "A-1", "Lab; left"),)


def test_machine_twice_is_refused() -> None:
    """The second line is told with the number of the first, however its name is written."""
    sheet = read_sheet(f"{HEADER}lab-1,sn1,,\nLAB-1.school.example,SN1,,\n".encode())
    assert len(sheet.entries) == 1
    assert sheet.refused[0].reason == "it is the machine of line 2"


def test_huge_file_is_refused() -> None:
    """By its size and by its lines, before it is looked at."""
    with pytest.raises(UsageError, match="larger than 10 MB"):
        read_sheet(b"x" * (MAX_BYTES + 1))
    with pytest.raises(UsageError, match="more than 100000 lines"):
        read_sheet(HEADER.encode() + b"\n" * (MAX_LINES + 2))


def test_value_that_no_reader_takes_is_refused() -> None:
    """One value of a hundred thousand characters spoils its line only."""
    sheet = read_sheet(f"{HEADER}{'x' * 140_000},SN,,\nlab-1,,,\n".encode())
    assert [entry.hostname for entry in sheet.entries] == ["lab-1"]
    assert "too long" in sheet.refused[0].reason


@pytest.mark.parametrize("text", ["", " ", "Default string", "To Be Filled By O.E.M.", "0000", "N/A", "?", "123456789"])
def test_what_makers_leave_is_no_serial_number(text: str) -> None:
    """Many machines share it: it tells nothing about one."""
    assert to_serial(text) == ""


def test_names_are_compared_without_domain_and_case() -> None:
    """As machines write themselves in several ways."""
    assert fold_hostname(" LAB-1.School.Example ") == fold_hostname("lab-1") == "lab-1"


@given(st.binary(max_size=300))
def test_any_bytes_are_a_list_or_refused(content: bytes) -> None:
    """Nothing but our own error comes of a file."""
    for each in (content, HEADER.encode() + content):
        try:
            read_sheet(each)
        except UsageError as error:
            assert error.message
