# SPDX-License-Identifier: Apache-2.0
"""Raises the incidents of accounts that are on several devices at the same time. `server` asks every few seconds.

No single event says it, so it is not found while events are taken. Which sessions count is the business of `presence`.
"""

from sqlalchemy import Engine

from collector.counting import record_sightings
from collector.presence import find_several
from collector.sightings import sighting_of_several
from collector.store.engine import writing


def record_coincidences(engine: Engine, school_id: str, now_ns: int) -> int:
    """Open or count the incidents of accounts on several devices; return how many accounts are news.

    Raises:
        StoreError: the database does not answer; what was not recorded is found again.
    """
    with writing(engine) as connection:
        found = find_several(connection, school_id, now_ns)
        record_sightings(connection, school_id, [sighting_of_several(each) for each in found], now_ns)
    return len(found)
