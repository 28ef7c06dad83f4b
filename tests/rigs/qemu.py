# SPDX-License-Identifier: Apache-2.0
"""A QEMU that runs a guest, and the wire to its monitor. What happens inside the guest is the business of `machine`.

It emulates the processor in software: the guest can do nothing to this machine's kernel.
"""

import contextlib
import json
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.rigs.guest.image import Image, RigError
from tests.rigs.guest.recipe import CHANNEL
from tests.tree import ROOT

DEADLINE_S = 30.0
KERNEL_LINE = (
    "console=ttyS0 quiet loglevel=3 mitigations=off audit=0 selinux=0 apparmor=0 nowatchdog tsc=reliable "
    "no_timer_check random.trust_cpu=1 net.ifnames=0 systemd.show_status=0 rcupdate.rcu_expedited=1"
)


def arguments_of(image: Image, drive: Path, folder: Path) -> list[str]:
    """Return the machine as QEMU takes it. A snapshot fits only the very machine that it was taken of."""
    return [
        *"qemu-system-x86_64 -accel tcg,thread=multi,tb-size=256 -machine q35,usb=off -cpu max -m 512 -smp 2".split(),
        *"-nodefaults -no-user-config -display none -no-reboot".split(),
        *("-kernel", str(image.kernel), "-initrd", str(image.initrd), "-append", KERNEL_LINE),
        *("-serial", f"file:{folder}/console.log", "-qmp", f"unix:{folder}/monitor,server=on,wait=off"),
        *("-chardev", f"socket,id=channel,path={folder}/channel,server=on,wait=off"),
        *("-device", "virtio-serial-pci", "-device", f"virtserialport,chardev=channel,name={CHANNEL}"),
        *("-drive", f"file={drive},format=qcow2,if=none,id=root,cache=unsafe"),
        *"-device virtio-blk-pci,drive=root -device virtio-rng-pci -device qemu-xhci,id=xhci,p2=8,p3=8".split(),
        *"-netdev user,id=net -device virtio-net-pci,netdev=net,romfile=".split(),
        *("-virtfs", f"local,path={ROOT},mount_tag={CHANNEL},security_model=none,readonly=on"),
    ]


class Qemu:
    """One emulated machine, ended with `close` or with this process."""

    def __init__(self, image: Image, drive: Path, *, snapshot: str = "") -> None:
        # Sockets have short names, and a test's own folder a long one.
        self._folder = tempfile.TemporaryDirectory(prefix="rig-")
        self.folder = Path(self._folder.name)
        self._lock = threading.Lock()
        command = [*arguments_of(image, drive, self.folder), *(["-loadvm", snapshot] if snapshot else [])]
        with (self.folder / "qemu.log").open("wb") as log:
            self._process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *command], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        try:
            self._monitor = self.connect("monitor").makefile("rw")
            self._monitor.readline()
            self.execute("qmp_capabilities")
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def connect(self, name: str) -> socket.socket:
        """Return a connection to one of its sockets: monitor or channel."""
        deadline = time.monotonic() + DEADLINE_S
        while True:
            wire = socket.socket(socket.AF_UNIX)
            try:
                wire.connect(str(self.folder / name))
            except OSError as error:
                wire.close()
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise RigError(f"QEMU does not answer: {self.log()}") from error
                time.sleep(0.02)
            else:
                return wire

    def execute(self, command: str, **arguments: Any) -> Any:
        """Have the monitor do something and return what it says.

        Raises:
            RigError: it could not, or QEMU has ended.
        """
        with self._lock:
            self._monitor.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
            self._monitor.flush()
            for line in self._monitor:
                said = json.loads(line)
                if "error" in said:
                    raise RigError(f"{command}: {said['error']['desc']}")
                if "return" in said:
                    return said["return"]
        raise RigError(f"QEMU ended: {self.log()}")

    def log(self) -> str:
        """Return what QEMU and the guest's console said last."""
        paths = (self.folder / "qemu.log", self.folder / "console.log")
        return "\n".join(path.read_text(errors="replace")[-2000:] for path in paths if path.exists())

    def close(self) -> None:
        """End it. A second call does nothing."""
        self._process.kill()
        self._process.wait()
        with contextlib.suppress(AttributeError, OSError):
            self._monitor.close()
        self._folder.cleanup()
