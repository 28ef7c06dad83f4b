# SPDX-License-Identifier: Apache-2.0
"""A short run of every fuzzer over the inputs that are kept, and the control that shows that it finds what breaks."""

from pathlib import Path

from tests.fuzz.__main__ import fuzz
from tests.fuzz.control import CONTROL
from tests.fuzz.targets import TARGETS

SHORT_RUNS = 1000
SHORT_S = 4


def test_nothing_breaks_in_a_short_run(tmp_path: Path) -> None:
    """No parser ends with an error that it does not name, hangs or takes all memory; each was fed."""
    results = fuzz(sorted(TARGETS), runs=SHORT_RUNS, seconds=SHORT_S, keep=0, crashes_to=tmp_path / "crashes")
    assert [each["target"] for each in results if not each["is_good"]] == []
    assert {each["target"] for each in results if each["runs"] > 0} == set(TARGETS)


def test_what_breaks_is_found(tmp_path: Path) -> None:
    """The target that breaks on purpose is told of, and what broke it is kept."""
    (result,) = fuzz([CONTROL.name], runs=1_000_000, seconds=60, keep=0, crashes_to=tmp_path)
    assert not result["is_good"]
    assert [path.read_bytes()[:3] for path in tmp_path.iterdir()] == [b"SW!"]
