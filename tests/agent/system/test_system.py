# SPDX-License-Identifier: Apache-2.0
"""Tests of the choice of the operating system."""

import sys

import pytest

from agent.errors import UnsupportedPlatformError
from agent.system import current
from agent.system.linux.machine import LinuxSystem


def test_linux_is_supported():
    """The agent runs on Linux."""
    assert isinstance(current(), LinuxSystem)


@pytest.mark.parametrize("platform", ["win32", "darwin"])
def test_other_systems_are_refused_with_those_that_work(monkeypatch: pytest.MonkeyPatch, platform: str):
    """The operator learns where the agent works today."""
    monkeypatch.setattr(sys, "platform", platform)

    with pytest.raises(UnsupportedPlatformError) as caught:
        current()

    assert platform in caught.value.message
    assert "Linux x86-64" in caught.value.hint
    assert caught.value.exit_code == 3
