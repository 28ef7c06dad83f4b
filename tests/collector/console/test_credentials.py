# SPDX-License-Identifier: Apache-2.0
"""Tests of with what a device speaks."""

from sqlalchemy import insert

from collector.console.credentials import Credentials, load_credentials
from collector.store.engine import writing
from collector.store.schema import certificates
from tests.collector.school import School


def test_newest_certificate_counts(school: School) -> None:
    """A device that never enrolled has none, nor has one of another school."""
    device_id = school.add_device("pc-1")
    assert load_credentials(school.engine, school.id, device_id) == Credentials("ed25519", None)
    with writing(school.engine) as connection:
        for number in (1, 2):
            connection.execute(
                insert(certificates).values(
                    sha256=bytes([number]) * 32,
                    school_id=school.id,
                    device_id=device_id,
                    authority_sha256=bytes(32),
                    made_at_ns=number,
                    expires_at_ns=number * 1000,
                )
            )
    assert load_credentials(school.engine, school.id, device_id) == Credentials("ed25519", 2000)
    assert load_credentials(school.engine, "0" * 16, device_id) == Credentials("", None)
