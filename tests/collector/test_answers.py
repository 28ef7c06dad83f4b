# SPDX-License-Identifier: Apache-2.0
"""Tests of the newest answers of checks."""

from collector.answers import MAX_CHECKS_A_DEVICE, list_answers
from collector.ingest import Ingest
from proto.events import CheckChanged
from tests.collector.evidence import Device, numbers_of, send
from tests.collector.school import School


def test_newest_answer_of_each_check_counts(school: School, ingest: Ingest, device: Device) -> None:
    """Failures come first, then what is not known: unknown is no pass."""
    numbers_of(
        send(
            ingest,
            device.say(
                CheckChanged("idle_lock", "fail", "no lock", {"limit": "900"}, first_failed_at_ns=7),
                CheckChanged("software", "pass", "all is well"),
                CheckChanged("posture", "unknown", "nobody knows"),
                CheckChanged("idle_lock", "pass", "it locks"),
                CheckChanged("usb_storage", "fail", "a plain stick", {"device": "0781:5567"}),
            ),
        )
    )
    found = list_answers(school.engine, school.id, device.id)
    assert [(each.check, each.state) for each in found] == [
        ("usb_storage", "fail"),
        ("posture", "unknown"),
        ("idle_lock", "pass"),
        ("software", "pass"),
    ]
    assert found[0].facts == {"device": "0781:5567"}
    assert (found[2].facts, found[2].first_failed_at_ns) == ({}, 0)


def test_answer_of_a_strange_state_is_unknown(school: School, ingest: Ingest, device: Device) -> None:
    """What is no answer of ours is never a pass, and no device has checks without end."""
    facts = {f"\x00{number}": "x" * 5_000 for number in range(100)}
    numbers_of(send(ingest, device.say(CheckChanged("posture", "PASS", "\x00", facts, first_failed_at_ns=2**63 - 1))))
    (found,) = list_answers(school.engine, school.id, device.id)
    assert found.state == "unknown"
    assert len(found.facts) == 30
    numbers_of(send(ingest, device.say(*(CheckChanged(f"check-{number}", "pass", "") for number in range(80)))))
    assert len(list_answers(school.engine, school.id, device.id)) == MAX_CHECKS_A_DEVICE
