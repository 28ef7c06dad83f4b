# SPDX-License-Identifier: Apache-2.0
"""Tests of the outside of CSV files; what stands in their lines is tested where it is read or written."""

import pytest

from collector.csv_file import find_delimiter, read_header, split_lines, write_csv
from collector.errors import UsageError


def split(content: bytes) -> list[str]:
    """Return the lines of a file of a few at the most."""
    return split_lines(content, max_bytes=2**20, max_lines=3, hint="cut it in two")


def test_lines_of_any_editor_are_read() -> None:
    """With a mark at the beginning, with the line ends of Windows, and none at all."""
    assert split("\ufeffname\r\nAnna\r\n".encode()) == ["name", "Anna", ""]
    assert split(b"") == [""]


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"a" * (2**20 + 1), "larger than 1 MB"), (b"a\n\xff", "not in UTF-8: line 2"), (b"\n" * 5, "more than 3 lines")],
    ids=["large", "encoding", "lines"],
)
def test_what_is_no_file_of_ours_is_refused(content: bytes, words: str) -> None:
    """With what to do about it."""
    with pytest.raises(UsageError, match=words) as caught:
        split(content)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("line", "words"),
    [("name", "lacks id"), ("name,id,x", "'x' is no column"), ("name,id,id", "twice"), ('"name,id', "lacks name, id")],
)
def test_a_wrong_header_is_refused(line: str, words: str) -> None:
    """It says what is wrong, and what would be right."""
    with pytest.raises(UsageError, match=words) as caught:
        read_header(line, ",", ("name", "id"))
    assert caught.value.hint == "the header is: name,id"


def test_columns_stand_in_any_order() -> None:
    """Parted by what stands there more often, in any case."""
    assert find_delimiter("ID;Name") == ";"
    assert read_header("ID; Name", ";", ("name", "id")) == ["id", "name"]


def test_what_is_written_is_calculated_by_nobody() -> None:
    """The header stands also over no rows; quotes and delimiters of a text stay inside its cell."""
    assert write_csv([], ("name", "note")) == "name,note\n"
    rows = [{"name": "=1", "note": 'a,"b"\n@c'}]
    assert write_csv(rows, ("name", "note")) == 'name,note\n\'=1,"a,""b""\N{REPLACEMENT CHARACTER}@c"\n'
