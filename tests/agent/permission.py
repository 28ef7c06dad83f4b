# SPDX-License-Identifier: Apache-2.0
"""Being somebody who may not, for a moment: most machines that run the tests run them as root, who may everything."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def without_permission(folder: Path) -> Iterator[None]:
    """Be a user who may not enter a folder: root becomes nobody for a while, anybody else shuts it for himself.

    What Python has not loaded by then it may not be able to load.
    """
    mode = stat.S_IMODE(folder.stat().st_mode)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    else:
        folder.chmod(0)
    try:
        yield
    finally:
        os.seteuid(user)
        folder.chmod(mode)
