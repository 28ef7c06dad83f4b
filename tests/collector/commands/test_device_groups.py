# SPDX-License-Identifier: Apache-2.0
"""Tests of the commands of groups of devices."""

from pathlib import Path

from collector.policies import load_policy
from tests.collector.command import Run
from tests.collector.school import School


def test_add_list_and_remove(run: Run, folder: Path, school_at: School) -> None:
    """A group is in the policy as soon as somebody is in it; the last one who goes ends it, and that is said."""
    device_id = school_at.add_device("library-01")
    school_at.add_device("library-02")
    assert run("devices", "group", "list", "--dir", folder) == 0
    assert "no group" in run.err
    assert run("devices", "group", "add", "library", "library-01", "library-02", "--dir", folder) == 0
    assert "Policy version 2 is published" in run.err
    assert run("devices", "group", "list", "library", "--dir", folder, "--format", "json") == 0
    assert [(row["group"], row["hostname"]) for row in run.json] == [("library", f"library-0{each}") for each in (1, 2)]
    assert run("devices", "group", "remove", "library", "library-02", "--dir", folder) == 0
    assert "Nobody is left" not in run.err
    (group,) = load_policy(school_at.engine, school_at.config).arrangements.device_groups
    assert (group.name, group.devices) == ("library", {device_id})
    assert run("devices", "group", "remove", "library", device_id, "--dir", folder) == 0
    assert "Nobody is left in library" in run.err
    assert run("devices", "group", "remove", "library", device_id, "--dir", folder) == 2
    assert "is not in the group" in run.err
