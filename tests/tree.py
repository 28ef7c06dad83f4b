# SPDX-License-Identifier: Apache-2.0
"""What belongs to the project: the files that git knows or would add, as the tests about the tree see them."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("agent", "collector", "installers", "proto", "rules", "tests")


def list_files(*, suffix: str = "") -> list[Path]:
    """Return the project's files, ignored ones left out."""
    command = ["git", "-c", "safe.directory=*", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    paths = (ROOT / name for name in sorted(set(names)) if name.endswith(suffix) and name)
    return [path for path in paths if path.is_file()]


def list_modules() -> list[Path]:
    """Return the modules that people write; what protoc writes is left out."""
    return [path for path in list_files(suffix=".py") if "_pb2" not in path.name]
