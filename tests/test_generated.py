# SPDX-License-Identifier: Apache-2.0
"""Tests that what a program wrote into the tree is what it would write today."""

import subprocess
import sys
from pathlib import Path

from proto.generate import find_stale, generate
from tests.tree import ROOT


def test_generated_messages_are_fresh(tmp_path: Path) -> None:
    """protoc makes of the .proto files exactly what is committed beside them."""
    generate(tmp_path)
    assert find_stale(tmp_path) == []


def test_a_stale_file_is_found(tmp_path: Path) -> None:
    """A generated file that differs by a byte, or is missing, is named."""
    generate(tmp_path)
    (tmp_path / "proto" / "v1" / "events_pb2.py").write_bytes(b"# changed\n")
    (tmp_path / "proto" / "v1" / "collector_pb2.pyi").unlink()
    assert find_stale(tmp_path) == ["proto/v1/collector_pb2.pyi", "proto/v1/events_pb2.py"]


def test_check_is_a_command() -> None:
    """`python -m proto.generate --check` ends with 0 here, and a wrong option with 2."""
    command = [sys.executable, "-m", "proto.generate"]
    assert subprocess.run([*command, "--check"], cwd=ROOT, check=False).returncode == 0
    assert subprocess.run([*command, "--chekc"], cwd=ROOT, capture_output=True, check=False).returncode == 2
