# SPDX-License-Identifier: Apache-2.0
"""A school whose readers are set up once, and copied for each test."""

import shutil
from pathlib import Path

import pytest

from tests.collector.opener.staff import SCHOOL_NAME, Staff


@pytest.fixture(scope="session")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Staff:
    """Two readers with identities, a root and recovery sheets, and a first signed set. Not to be changed."""
    staff = Staff.gather(tmp_path_factory.mktemp("staff"), ("anna", "ben"))
    for reader in staff:
        reader.take_identity()
    staff["anna"].good("root", "make", "--school", SCHOOL_NAME)
    staff.make_sheets()
    staff["anna"].unlocked("root", "share", "--to", staff["ben"].age_key)
    candidates = staff.candidates()
    codes = staff.read_back(candidates, staff.path / "items.json")
    staff["anna"].unlocked("readers", "sign", candidates, *codes, "-o", staff.path / "set.txt", "--yes")
    return staff


@pytest.fixture
def staff(ready: Staff, tmp_path: Path) -> Staff:
    """The same people, on computers of this test's own."""
    shutil.copytree(ready.path, tmp_path, dirs_exist_ok=True)
    return ready.copy_to(tmp_path)
