# SPDX-License-Identifier: Apache-2.0
"""Tests of laying out the content of events."""

import pytest

from collector.console.facts import LONGEST_LIST, lay_out


def test_fields_are_named_in_words() -> None:
    """Known fields have words, unknown ones are shown by their name."""
    assert lay_out({"program": {"name": "tor", "path": ""}, "already_running": False, "new_field": 7}) == [
        ("Program", ["tor"]),
        ("Path", ["not given"]),
        ("Ran already when the agent started", ["no"]),
        ("New field", ["7"]),
    ]


def test_times_are_shown_as_times() -> None:
    """A field in nanoseconds is a time, also when JSON carries it as text; zero is none."""
    name, lines = lay_out({"first_failed_at_ns": "1795294000000000000"})[0]
    assert name == "First failed"
    assert "21 Nov 2026, 20:46" in lines[0]
    assert lay_out({"first_failed_at_ns": "0"}) == [("First failed", ["not given"])]


def test_sizes_and_spans_are_shown_in_their_units() -> None:
    """Also when JSON carries them as text; a claim that is no number stays as it is."""
    assert lay_out({"written_bytes": "1200000", "idle_s": 2530, "size_bytes": "many"}) == [
        ("Written", ["1.2 MB"]),
        ("Not used for", ["42 minutes"]),
        ("Size", ["many"]),
    ]


def test_facts_of_a_check_keep_their_own_names() -> None:
    """They are facts already by where they stand."""
    assert lay_out({"facts": {"open_ports": "2"}}) == [("Open ports", ["2"])]


def test_long_lists_are_cut_and_say_so() -> None:
    """A list of 1,500 programs does not fill the page of an incident."""
    ((_, lines),) = lay_out({"programs": [{"name": f"program-{number}", "path": ""} for number in range(1500)]})
    assert lines[0] == "program-0"
    assert len(lines) == LONGEST_LIST + 1
    assert lines[-1] == f"and {1500 - LONGEST_LIST} more"


def test_empty_list_is_said() -> None:
    """A list without entries is not an empty line."""
    assert lay_out({"not_watched": [], "facts": {}}) == [("Not watched", ["not given"]), ("Facts", ["not given"])]


@pytest.mark.parametrize("claim", ["²", "٣", "1" * 20, "9" * 5_000, "-1", " 1"])
def test_what_is_no_time_is_shown_as_it_is(claim: str) -> None:
    """A device can send any text where a time is expected: the page shows it and does not fail."""
    assert lay_out({"first_failed_at_ns": claim}) == [("First failed", [claim])]
