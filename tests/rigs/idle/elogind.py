# SPDX-License-Identifier: Apache-2.0
"""A real org.freedesktop.login1 on a system bus of its own: elogind, which needs no systemd.

    with LoginManager(folder) as logind:
        session = logind.create("x11", display=":7")
        logind.call(session, "SetLockedHint", "b", (True,))

Its package cannot be installed beside systemd, so it is only unpacked, below `.build`. It runs in a mount namespace of
its own, and nothing on the machine is changed. It needs root.
"""

import os
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from jeepney import DBusAddress, MessageType, new_method_call
from jeepney.io.blocking import DBusConnection, open_dbus_connection

from tests.desk import UID, in_namespace
from tests.path import wait_for
from tests.tree import ROOT

PACKAGES = ("elogind", "libelogind0")
UNPACKED = ROOT / ".build" / "rigs" / "elogind"
DOWNLOAD_S = 120.0

BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path={path}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/><allow receive_sender="*"/><allow own="*"/><allow user="*"/>
  </policy>
</busconfig>
"""
# A folder for what it keeps of sessions, and the groups of processes by which it follows them.
PREPARE = """
mount -t tmpfs run /run && mkdir -p /run/systemd /run/user /run/udev /run/cgroups
mount -t cgroup -o none,name=elogind cgroups /run/cgroups 2>/dev/null
exec "$@"
"""

_NAME = "org.freedesktop.login1"
_MANAGER = "/org/freedesktop/login1"


def find_missing() -> str:
    """Say what keeps elogind from running here; empty when nothing does."""
    if os.geteuid() != 0:
        return "root"
    try:
        unpack()
    except (OSError, subprocess.SubprocessError) as error:
        return f"Debian's packages {' and '.join(PACKAGES)}, which could not be downloaded: {error}"
    return ""


def unpack() -> Path:
    """Return the folder with elogind, which is downloaded once.

    Raises:
        OSError: it cannot be downloaded or unpacked; subprocess.SubprocessError likewise.
    """
    if not (UNPACKED / "lib/elogind/elogind").exists():
        UNPACKED.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            ["apt-get", "download", *PACKAGES], cwd=UNPACKED, check=True, capture_output=True, timeout=DOWNLOAD_S
        )
        for package in sorted(UNPACKED.glob("*.deb")):
            subprocess.run(["dpkg-deb", "-x", package, UNPACKED], check=True, capture_output=True, timeout=DOWNLOAD_S)
    return UNPACKED


class LoginManager:
    """One elogind with its bus, ended at the end."""

    def __init__(self, folder: Path) -> None:
        self.address = f"unix:path={folder / 'bus'}"
        self._folder = folder
        self._children: list[subprocess.Popen[bytes]] = []
        self._held: list[Any] = []

    def __enter__(self) -> Self:
        try:
            self._begin()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()
        self._end()

    def _begin(self) -> None:
        root = unpack()
        config = self._folder / "bus.conf"
        config.write_text(BUS.format(path=self._folder / "bus"))
        self._start(["dbus-daemon", f"--config-file={config}", "--nofork", "--nopidfile"], {})
        wait_for((self._folder / "bus").exists, "the bus")
        # The session's user connects to it too.
        (self._folder / "bus").chmod(0o666)
        libraries = [root / "lib/elogind", *root.glob("lib/*-linux-gnu")]
        self._start(
            [*in_namespace(self._folder), "sh", "-c", PREPARE, "sh", str(root / "lib/elogind/elogind")],
            {"LD_LIBRARY_PATH": ":".join(map(str, libraries)), "DBUS_SYSTEM_BUS_ADDRESS": self.address},
        )
        os.environ["DBUS_SYSTEM_BUS_ADDRESS"] = self.address
        try:
            self._connection: DBusConnection = open_dbus_connection("SYSTEM", enable_fds=True)
        finally:
            del os.environ["DBUS_SYSTEM_BUS_ADDRESS"]
        wait_for(self._is_there, "elogind")

    def _end(self) -> None:
        for each in self._held:
            each.close()
        for child in reversed(self._children):
            child.kill()
            child.wait()

    def create(
        self, type_: str, *, of: str = "user", display: str = "", terminal: str = "", uid: int = UID, desktop: str = ""
    ) -> str:
        """Begin a session and return its path; its id is the last part of that."""
        leader = subprocess.Popen(["sleep", "600"])
        self._children.append(leader)
        where: tuple[Any, ...] = (desktop, "", 0, terminal, display, False, "", "", [])
        told = (uid, leader.pid, "rig", type_, of, *where)
        id_, path, _, held, *_ = self._ask(_MANAGER, "Manager", "CreateSession", "uusssssussbssa(sv)", told)
        # The session lasts as long as this is open.
        self._held.append(held)
        assert path.endswith(id_)
        return str(path)

    def call(self, session: str, method: str, signature: str = "", body: tuple[Any, ...] = ()) -> None:
        """Call a method of a session."""
        self._ask(session, "Session", method, signature, body)

    def lock_as_asked(self, id_: str) -> None:
        """Do what `loginctl lock-session` does: ask the session to lock itself."""
        self._ask(_MANAGER, "Manager", "LockSession", "s", (id_,))

    def stop_bus(self) -> None:
        """End the bus, as if it had crashed."""
        bus = self._children[0]
        bus.kill()
        bus.wait()

    def _ask(self, path: str, interface: str, method: str, signature: str, body: tuple[Any, ...]) -> Any:
        address = DBusAddress(path, bus_name=_NAME, interface=f"{_NAME}.{interface}")
        question = new_method_call(address, method, signature or None, body)
        answer = self._connection.send_and_get_reply(question, timeout=20)
        assert answer.header.message_type is MessageType.method_return, answer.body
        return answer.body

    def _is_there(self) -> bool:
        question = new_method_call(
            DBusAddress("/org/freedesktop/DBus", bus_name="org.freedesktop.DBus", interface="org.freedesktop.DBus"),
            "NameHasOwner",
            "s",
            (_NAME,),
        )
        return bool(self._connection.send_and_get_reply(question, timeout=20).body[0])

    def _start(self, command: list[str], environment: dict[str, str]) -> None:
        with (self._folder / "logind.log").open("ab") as log:
            child = subprocess.Popen(
                command, env=os.environ | environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        self._children.append(child)
