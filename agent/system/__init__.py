# SPDX-License-Identifier: Apache-2.0
"""Answers to questions about this machine. `interface` says which questions; one module for each operating system.

It judges nothing: `agent.checks` does.
"""

import sys

from agent.errors import UnsupportedPlatformError
from agent.system.interface import System


def current() -> System:
    """Return the system that the agent runs on. The only place where the agent asks which one that is.

    Raises:
        UnsupportedPlatformError: there is no agent for this operating system yet.
    """
    if sys.platform == "linux":
        from agent.system.linux.machine import LinuxSystem

        return LinuxSystem()
    raise UnsupportedPlatformError(
        f"the agent does not run on {sys.platform} yet",
        hint="it runs on Linux x86-64 today; Windows x64 and macOS arm64 are to follow",
    )
