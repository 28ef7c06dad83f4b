# SPDX-License-Identifier: Apache-2.0
"""Tests of what the opener rests on: nothing of ours but the contract, nothing that speaks to a network."""

import ast
from pathlib import Path

import collector.opener
from tests.test_import_weight import list_loaded

FOLDER = Path(collector.opener.__file__).parent
OURS = ("agent", "collector", "installers", "proto", "rules", "tests")
NETWORK = (
    "asyncio",
    "grpc",
    "http.client",
    "ssl",
    "urllib.request",
    "collector.config",
    "collector.store",
    "sqlalchemy",
)


def test_opener_imports_only_the_contract_and_itself() -> None:
    """Of our own folders: `proto`, and what lies in `collector/opener`."""
    found = set()
    for path in FOLDER.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                assert node.level == 0, path
                found.add(node.module or "")
            elif isinstance(node, ast.Import):
                found |= {name.name for name in node.names}
    ours = {name for name in found if name.split(".")[0] in OURS}
    assert "proto.sealed" in ours
    assert {name for name in ours if not name.startswith(("proto.", "collector.opener."))} == set()


def test_opener_loads_nothing_that_speaks_to_a_network() -> None:
    """Nor anything of the collector that does; it works on a computer without any."""
    assert list_loaded("from collector.opener.cli import main; main(['--version'])", NETWORK) == []
