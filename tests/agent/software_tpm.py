# SPDX-License-Identifier: Apache-2.0
"""A TPM 2.0 in a process, for tests: Debian's `swtpm`, with a state of its own in a folder.

with SoftwareTpm(folder) as tpm:
    TpmKeyStore(tpm.address)
"""

import socket
import subprocess
import time
from pathlib import Path
from typing import Self

DEADLINE_S = 30.0


class SoftwareTpm:
    """One TPM. Started again on the same folder it is the same one."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.address = ""

    def __enter__(self) -> Self:
        deadline = time.monotonic() + DEADLINE_S
        # It takes two ports in a row, and says nothing when another program has one of them: then two others are tried.
        while not self._start(_find_two_ports(), deadline):
            assert time.monotonic() < deadline, "swtpm does not start"
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Switch it off."""
        assert self._process is not None
        self._process.terminate()
        self._process.wait()

    def _start(self, port: int, deadline: float) -> bool:
        self.address = f"swtpm:host=127.0.0.1,port={port}"
        self._process = subprocess.Popen(
            [
                *("swtpm", "socket", "--tpm2", "--flags", "not-need-init,startup-clear"),
                *("--tpmstate", f"dir={self._folder}"),
                *("--server", f"type=tcp,port={port},disconnect", "--ctrl", f"type=tcp,port={port + 1}"),
            ],
            stderr=subprocess.DEVNULL,
        )
        while self._process.poll() is None:
            assert time.monotonic() < deadline, "swtpm does not answer"
            if _answers(port) and _answers(port + 1):
                return True
            time.sleep(0.01)
        return False


def _find_two_ports() -> int:
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port: int = first.getsockname()[1]
            try:
                second.bind(("127.0.0.1", port + 1))
            except (OSError, OverflowError):
                continue
            return port


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError:
        return False
    return True
