# SPDX-License-Identifier: Apache-2.0
"""Tests of a flag as it leaves the collector: the offline opener reads exactly what the console writes."""

import json
from pathlib import Path

import pytest

from collector.authority import Authority
from collector.console.flag_file import FORMAT, describe_flag
from collector.flags import read_sealed
from collector.opener import flag as opener
from proto.sealed import open_sealed
from tests.collector.evidence import enrol_device
from tests.collector.safeguarding import SENTENCE, build_safeguarding
from tests.collector.school import School


def test_opener_reads_what_the_console_saves(school: School, authority: Authority, tmp_path: Path) -> None:
    """The two programs share no code but `proto`, so a file of the one is opened with the other."""
    safeguarding = build_safeguarding(school)
    flag = safeguarding.raise_flag(enrol_device(school, authority))
    reader = safeguarding.reader(safeguarding.dsl)
    given = read_sealed(school.engine, school.id, flag, reader=reader, now_ns=school.now_ns)
    path = tmp_path / f"flag-{flag}.json"
    path.write_text(json.dumps(describe_flag(school.id, given)), encoding="utf-8")

    assert opener.FORMAT == FORMAT
    opened = opener.open_flag(opener.load_flag(path), lambda sealed: open_sealed(sealed, safeguarding.dsl.secret))
    assert opened.content.sentence == SENTENCE
    assert opened.differences == ()


@pytest.mark.parametrize("field", ["tier", "route", "device_id", "drill"])
def test_opener_sees_a_label_that_was_changed(school: School, authority: Authority, tmp_path: Path, field: str) -> None:
    """Whoever edits the file on its way is noticed."""
    safeguarding = build_safeguarding(school)
    flag = safeguarding.raise_flag(enrol_device(school, authority))
    reader = safeguarding.reader(safeguarding.dsl)
    given = read_sealed(school.engine, school.id, flag, reader=reader, now_ns=school.now_ns)
    changed = {"tier": "count", "route": "head", "device_id": "0" * 16, "drill": True}
    path = tmp_path / "flag.json"
    path.write_text(json.dumps(describe_flag(school.id, given) | {field: changed[field]}), encoding="utf-8")
    opened = opener.open_flag(opener.load_flag(path), lambda sealed: open_sealed(sealed, safeguarding.dsl.secret))
    assert len(opened.differences) == 1
