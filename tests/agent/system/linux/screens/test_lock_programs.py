# SPDX-License-Identifier: Apache-2.0
"""Tests of which lockers and desktops somebody runs, by the kernel's names of real processes."""

import os
import shutil
import subprocess
from pathlib import Path

from agent.system.linux.screens.lock_programs import find_programs


def test_a_user_s_lockers_are_found_by_the_kernel_s_name(tmp_path: Path):
    """Also if that name is cut, and not those of other users."""
    programs = []
    for name in ("xss-lock", "xfce4-screensaver", "vlock-main", "something-else"):
        shutil.copy("/bin/sleep", tmp_path / name)
        programs.append(subprocess.Popen([tmp_path / name, "60"]))
    try:
        found = find_programs({os.getuid(), 64999})
        assert found[os.getuid()] >= {"xss-lock", "xfce4-screensaver", "vlock"}
        assert found[64999] == frozenset()
    finally:
        for program in programs:
            program.kill()
            program.wait()
    assert find_programs(()) == {}
