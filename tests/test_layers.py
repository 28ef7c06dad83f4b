# SPDX-License-Identifier: Apache-2.0
"""Tests that every module imports only what stands on floors below it; the floors are listed in pyproject.toml."""

import pytest
from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

from tests.tree import ROOT


def test_nothing_is_imported_against_the_floors(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every contract is kept, and every module stands on a floor."""
    monkeypatch.chdir(ROOT)
    # The cache would be written into whatever folder the tests run in.
    status = lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True)
    assert status == EXIT_STATUS_SUCCESS, capsys.readouterr().out
