# SPDX-License-Identifier: Apache-2.0
"""Tests that a forbidden program is known by its content, on this very machine and in many disguises.

`python -m tests.bench.disguises` prints the same as a table.
"""

from collections.abc import Iterator

import pytest

from tests.bench.disguises import look, open_hideout
from tests.disguises import find_missing_mount, make_names

NAMES = make_names(200)
EXPECTED = {
    "other names, nothing changed": {"sha256": 200},
    "stripped": {"build_id": 1},
    "one byte changed in the code": {"build_id": 1},
    "one byte changed in a text": {"build_id": 1},
    "one byte appended": {"build_id": 1},
    "build id removed": {"sketch": 1},
    "build id removed, stripped, renamed": {"sketch": 1},
    "never started, in a home": {"sha256": 1},
    "never started, in a home, build id removed": {"sketch": 1},
}
NOT_SEEN = {
    "build id removed, all messages rewritten",
    "started through the system's loader",
    "never started, in a home, compressed",
}
MOUNTED = {
    "from a stick (another file system)": {"sha256": 1},
    "from an AppImage's mount (FUSE of a user)": {"build_id": 1},
    "from an AppImage's mount, build id removed": {"sketch": 1},
}


@pytest.fixture(scope="module")
def found() -> Iterator[dict[str, dict[str, int]]]:
    """What the check finds of each disguise, and by what."""
    with open_hideout(NAMES) as hideout:
        yield {title: dict(count) for title, count in look(hideout).items()}


def test_names_are_many_and_different():
    """Long ones, invisible ones, ones that pretend."""
    assert len(set(NAMES)) == 200


def test_a_program_is_known_whatever_it_is_called_and_however_it_was_changed(found):
    """Unchanged under all names by its digest; changed by what its linker wrote; without that by its texts."""
    # By its own name it may be told before there was time to read its content.
    assert found["its own name, nothing changed"] in ({"sha256": 1}, {"executable": 1})
    assert {title: found[title] for title in EXPECTED} == EXPECTED


def test_what_is_not_seen_through_is_known(found):
    """The limits that the documents tell of; whoever finds a way beyond them changes this test."""
    assert {title for title in found if not found[title]} == NOT_SEEN


def test_a_program_is_known_on_a_stick_and_in_an_appimage(found):
    """Into an AppImage's mount not even root may look: there it is known by what of it is in the memory."""
    if missing := find_missing_mount():
        pytest.skip(f"needs {missing}")
    assert {title: found[title] for title in MOUNTED} == MOUNTED
