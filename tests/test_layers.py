# SPDX-License-Identifier: Apache-2.0
"""Tests that every module imports only what stands on floors below it; the floors are listed in pyproject.toml."""

import subprocess
import sys

from tests.tree import ROOT


def test_nothing_is_imported_against_the_floors() -> None:
    """Every contract is kept, and every module stands on a floor."""
    # A process of its own: the linter sets up logging anew, which would deafen the tests that listen to logs.
    lint = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    done = subprocess.run([sys.executable, "-c", lint], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
