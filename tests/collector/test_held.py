# SPDX-License-Identifier: Apache-2.0
"""Tests of the table of what is remembered: its words are a device's, and go with the event that they were made of."""

from dataclasses import replace

from collector.counting import Sighting
from collector.held import dump_sighting, load_sighting
from collector.ingest import Ingest
from collector.store.schema import held_sightings
from proto.events import Audience
from tests.collector.evidence import TOR_STARTED, Device, numbers_of, send
from tests.collector.policies import evaluator_of, rule_of
from tests.collector.school import School
from tests.collector.test_erasure import erase
from tests.collector.test_memory import fit


def test_sighting_comes_back_as_it_was_kept() -> None:
    """Every field, whatever a device wrote into it."""
    sighting: Sighting = replace(
        fit(rule_of(), 1).sighting, summary="\x00'\"\\\u202e\udcff\U0010ffff", response="misuse", count=3
    )
    kept = dump_sighting(sighting)
    assert load_sighting(kept) == sighting
    assert load_sighting(kept).audience is Audience.SECURITY
    assert kept.isascii()


def test_what_waits_goes_with_the_event_that_is_erased(school: School, device: Device) -> None:
    """Its line names what the event was about; what is left still counts."""
    evaluator = evaluator_of(rule_of(threshold=3, window_s=900))
    ingest = Ingest(school.engine, school.id, evaluator, clock_ns=lambda: school.now_ns)
    try:
        numbers_of(send(ingest, device.say(TOR_STARTED, TOR_STARTED)))
        erase(school, 1)
        assert school.count(held_sightings) == 1
    finally:
        ingest.close()
