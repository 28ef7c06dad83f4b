# SPDX-License-Identifier: Apache-2.0
"""A school whose readers are set up once, and copied for each test."""

import shutil
from pathlib import Path

import pytest

from tests.collector.opener.staff import HOLDERS, SCHOOL_NAME, Staff


@pytest.fixture(scope="session")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Staff:
    """Two readers with identities, a root and recovery sheets, and a first signed set. Not to be changed."""
    staff = Staff.gather(tmp_path_factory.mktemp("staff"), ("anna", "ben"))
    for reader in staff:
        reader.take_identity()
    staff["anna"].good("root", "make", "--school", SCHOOL_NAME)
    for route, holders in HOLDERS.items():
        named = [part for holder in holders for part in ("--holder", holder)]
        staff["anna"].good("recovery", "make", "--route", route, *named, "--sheets", staff.path / "sheets", "--yes")
    staff["anna"].unlocked("root", "share", "--to", staff["ben"].age_key)
    candidates = staff.candidates()
    items = staff.path / "items.json"
    staff["anna"].good("readers", "test", candidates, "-o", items)
    codes = [
        f"--code={each.name}={each.unlocked('readers', 'answer', items, '--id', each.name)['code']}" for each in staff
    ]
    staff["anna"].unlocked("readers", "sign", candidates, *codes, "-o", staff.path / "set.txt", "--yes")
    return staff


@pytest.fixture
def staff(ready: Staff, tmp_path: Path) -> Staff:
    """The same people, on computers of this test's own."""
    shutil.copytree(ready.path, tmp_path, dirs_exist_ok=True)
    return ready.copy_to(tmp_path)
