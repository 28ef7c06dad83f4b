# SPDX-License-Identifier: Apache-2.0
"""The school of the collector's tests, for the attacks on it."""

import pytest

from collector.authority import Authority
from tests.collector.conftest import authority, clock, config, device, empty_collector, engine, ingest, school
from tests.collector.evidence import Device, enrol_device
from tests.collector.school import School

__all__ = ["authority", "clock", "config", "device", "empty_collector", "engine", "ingest", "school"]


@pytest.fixture
def rogue(school: School, authority: Authority) -> Device:
    """An enrolled device in the hands of somebody who has its keys and any program he likes."""
    return enrol_device(school, authority, "rogue-01")
