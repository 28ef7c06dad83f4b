# SPDX-License-Identifier: Apache-2.0
"""Which release of a distribution this is, as os-release says. Until when it is supported, `posture.support` knows."""

import os
import re
from pathlib import Path

from agent.system.linux.files import load_bytes

PLACES = ("etc/os-release", "usr/lib/os-release")
"""The first that is there counts."""
MAX_BYTES = 64 * 1024
_LINE = re.compile(r"([A-Z_]+)=[\"']?([^\"']{0,128})[\"']?")


def load_release(root: Path) -> dict[str, str]:
    """Return what os-release says below a root folder, by its own keys; nothing if there is none that can be read."""
    for place in PLACES:
        try:
            # Only root can put a link there, and every distribution does.
            return parse_release(load_bytes(Path(os.path.realpath(root / place)), MAX_BYTES))
        except OSError:
            continue
    return {}


def parse_release(content: bytes) -> dict[str, str]:
    """Return what an os-release says; a line that makes no sense is left out."""
    lines = (_LINE.fullmatch(line.strip()) for line in content.decode("utf-8", "replace").splitlines())
    return {line[1]: line[2] for line in lines if line}
