# SPDX-License-Identifier: Apache-2.0
"""The moment from which every guest is started: everything runs, and nothing has happened yet.

A boot takes a quarter of a minute, a start from here about a second. Each guest writes to a copy of its own.
"""

import hashlib
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.rigs import inside
from tests.rigs.guest.image import Image, alone, build_image
from tests.rigs.guest.recipe import CHECKOUT, LOADED
from tests.rigs.qemu import Qemu, arguments_of

NAME = "ready"
SETTLE = (
    f"modprobe -a {' '.join(LOADED)}; mount -t configfs none /sys/kernel/config 2>/dev/null;"
    "ip address add 10.0.2.15/24 dev eth0 && ip link set eth0 up && ip route add default via 10.0.2.2;"
    f"udevadm settle; sync; echo 3 > /proc/sys/vm/drop_caches; umount {CHECKOUT}"
)


def start_from_snapshot(settle: Callable[[Qemu, str], None]) -> Qemu:
    """Start a guest; what is missing for it is built first, by one at a time.

    `settle` waits until a guest that boots is up, and runs a script in it.
    """
    with alone():
        image = build_image()
        snapshot = image.folder / f"ready-{_key()}.qcow2"
        if not snapshot.exists():
            for old in image.folder.glob("ready-*"):
                old.unlink()
            _take(image, snapshot, settle)
        with tempfile.NamedTemporaryFile(dir=image.folder, prefix="run-", suffix=".qcow2") as copy:
            subprocess.run(["cp", "--sparse=always", snapshot, copy.name], check=True)
            # It is open by the time QEMU answers, and needs no name any more.
            return Qemu(image, Path(copy.name), snapshot=NAME)


def _take(image: Image, target: Path, settle: Callable[[Qemu, str], None]) -> None:
    drive = target.with_name("new.qcow2")
    drive.unlink(missing_ok=True)
    # The image by its name alone: the checkout may move.
    command = ["qemu-img", "create", "-q", "-f", "qcow2", "-b", image.root.name, "-F", "raw", drive.name]
    subprocess.run(command, cwd=image.folder, check=True)
    with Qemu(image, drive) as qemu:
        settle(qemu, SETTLE)
        said = qemu.execute("human-monitor-command", **{"command-line": f"savevm {NAME}"})
        assert not said, said
    drive.rename(target)


def _key() -> str:
    """Return what differs when another machine, or another program in it, would come out."""
    digest = hashlib.sha256(subprocess.run(["qemu-system-x86_64", "--version"], capture_output=True, check=True).stdout)
    digest.update(" ".join(arguments_of(Image(Path()), Path(), Path())).encode())
    digest.update(Path(inside.__file__).read_bytes())
    digest.update(SETTLE.encode())
    return digest.hexdigest()[:16]
