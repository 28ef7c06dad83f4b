# SPDX-License-Identifier: Apache-2.0
"""Linux: how each question of `interface` is answered there.

Installed software is read by `installed`, the start of programs is watched by `starts`, sessions are found
by `sessions`, and so on. psutil is loaded only when the first process is read.
"""

import ipaddress
import os
import socket
import stat
import time
import zlib
from collections.abc import Callable, Set
from pathlib import Path

from agent.errors import MachineError, StartWatchError
from agent.parsing.launch import ChildUsage, ParsingChild
from agent.system.arrivals import ArrivalWatch
from agent.system.content import Content
from agent.system.interface import (
    InstalledSoftware,
    Machine,
    RunningProgram,
    Session,
    StartWatch,
    System,
    Unreadable,
    Usage,
)
from agent.system.linux.content import ContentReader
from agent.system.linux.files import open_file, to_text
from agent.system.linux.image import ImageReader
from agent.system.linux.installed import InstalledReader
from agent.system.linux.release import load_release
from agent.system.linux.sessions import SessionReader
from agent.system.linux.starts import ConnectorWatch, open_connector
from agent.system.posture import PostureReader
from agent.system.screens import Screens
from agent.system.traffic import TrafficMeter
from agent.system.usb import UsbWatch
from proto.events import HardwareListed, Program

_PROC = Path("/proc")
_KERNEL_THREAD = 0x00200000  # PF_KTHREAD
_NO_DEVICE = -1


class LinuxSystem(System):
    """A Linux machine. Software is looked for below `root`; processes are those of the running kernel."""

    def __init__(self, root: Path = Path("/")) -> None:
        self._root = root
        self._installed = InstalledReader(root, self._to_parsing)
        self._reader = ContentReader(self._to_parsing)
        self._images = ImageReader()
        self._sessions = SessionReader()
        self._watch_obstacle: str | None = None
        self._parsing: ParsingChild | None = None

    def describe(self) -> Machine:
        """Return what this machine is."""
        kernel = os.uname()
        os_version = load_release(self._root).get("PRETTY_NAME") or f"Linux {kernel.release}"
        return Machine(kernel.nodename, "linux", os_version, kernel.machine)

    def boot_id(self) -> bytes:
        """Return the kernel's id of this boot.

        Raises:
            MachineError: the kernel does not tell.
        """
        try:
            return bytes.fromhex((_PROC / "sys/kernel/random/boot_id").read_text().strip().replace("-", ""))
        except (OSError, ValueError) as error:
            raise MachineError("the kernel does not tell its boot id", hint="is /proc mounted?") from error

    def installed_software(self) -> InstalledSoftware:
        """Return what dpkg, flatpak, snap and the folders of executables hold."""
        return self._installed.read()

    def installed_fingerprint(self) -> object:
        """Return the times of the lists and folders."""
        return self._installed.fingerprint()

    def identify_installed(self, program: Program, wanted: Set[str]) -> Content:
        """Return what is wanted of the content of a program that is a file; a package or a link has none."""
        if not wanted or not program.path:
            return Content()
        try:
            if stat.S_ISLNK(os.lstat(program.path).st_mode):
                return Content()
            with open_file(Path(program.path)) as descriptor:
                return self._reader.read_open(descriptor, wanted)
        except OSError:
            return Content(is_complete=False)

    def process_ids(self) -> set[int]:
        """Return the ids that /proc lists."""
        return {int(name) for name in os.listdir(_PROC) if name.isdigit()}

    def hides_processes(self) -> bool:
        """Return whether /proc is mounted so that the processes of others are not listed."""
        # The first process belongs to root and is always there.
        return not (_PROC / "1").exists()

    def read_process(self, pid: int) -> RunningProgram | Unreadable:
        """Return the program that a process runs, or why that cannot be told."""
        import psutil  # 4 MB, so not before a process is read

        try:
            # First, for without the right to look psutil would guess from the command line, which we do not read.
            os.readlink(f"/proc/{pid}/exe")
            path = to_text(psutil.Process(pid).exe())
            started, _ = _read_stat(pid)
        except FileNotFoundError:
            return Unreadable.NO_PROGRAM if os.path.exists(f"/proc/{pid}") else Unreadable.GONE
        except (ProcessLookupError, psutil.NoSuchProcess):
            return Unreadable.GONE
        except (OSError, psutil.Error):
            return _explain_denied(pid)
        if not path:
            return Unreadable.NO_PROGRAM
        device, inode, changed_ns = _identify_file(pid)
        return RunningProgram(
            pid=pid,
            started=started,
            device=device,
            inode=inode,
            name=path.rpartition("/")[2],
            path=path,
            changed_ns=changed_ns,
        )

    def is_running(self, program: RunningProgram) -> bool:
        """Return whether that process still runs that program."""
        try:
            started, _ = _read_stat(program.pid)
        except OSError:
            return False
        return (started, *_identify_file(program.pid)[:2]) == (program.started, program.device, program.inode)

    def identify_running(self, program: RunningProgram, wanted: Set[str]) -> Content:
        """Return what is wanted of the content that a process was started from, as far as it can be read still."""
        if not wanted:
            return Content()
        if program.device == _NO_DEVICE:
            return self._identify_image(program, wanted)
        try:
            # The kernel's own reference to the file: it holds after the file was deleted or replaced.
            descriptor = os.open(f"/proc/{program.pid}/exe", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return self._identify_ended(program, wanted)
        try:
            file = os.fstat(descriptor)
            if (file.st_dev, file.st_ino) == (program.device, program.inode):
                return self._reader.read_open(descriptor, wanted)
        finally:
            os.close(descriptor)
        return self._identify_ended(program, wanted)

    def watch_starts(self, wake: Callable[[], None]) -> StartWatch | None:
        """Watch through the kernel's process connector, or return None when it is not to be had."""
        try:
            connector = open_connector()
        except StartWatchError as error:
            self._watch_obstacle = error.message
            return None
        self._watch_obstacle = ""
        return ConnectorWatch(connector, self.read_process, wake)

    def list_sessions(self) -> list[Session]:
        """Return who is at a screen now."""
        return self._sessions.read()

    def list_addresses(self) -> tuple[str, ...]:
        """Return the addresses of all network interfaces that are up, but for loopback ones."""
        import psutil

        up = {name for name, state in psutil.net_if_stats().items() if state.isup}
        addresses = {
            # An IPv6 address of one link only has its interface behind it.
            address.address.partition("%")[0]
            for name, all_of_one in psutil.net_if_addrs().items()
            if name in up
            for address in all_of_one
            if address.family in (socket.AF_INET, socket.AF_INET6)
        }
        return tuple(sorted(each for each in addresses if not ipaddress.ip_address(each).is_loopback))

    def watch_usb(self, wake: Callable[[], None]) -> UsbWatch:
        """Watch through the kernel's events and udev's answers."""
        from agent.system.linux.usb.watch import LinuxUsbWatch

        return LinuxUsbWatch(wake)

    def screens(self) -> Screens:
        """Return what asks logind, the displays and the desktops' files."""
        from agent.system.linux.screens.listing import LinuxScreens

        return LinuxScreens(self.list_sessions, self._to_parsing())

    def posture(self) -> PostureReader:
        """Return what reads this system's files."""
        from agent.system.linux.posture.reader import LinuxPosture

        return LinuxPosture(self._root)

    def traffic(self) -> TrafficMeter:
        """Return what asks the kernel for the counts of sockets."""
        from agent.system.linux.traffic import LinuxTraffic

        return LinuxTraffic()

    def watch_arrivals(self, wake: Callable[[], None]) -> ArrivalWatch:
        """Watch home folders through inotify."""
        from agent.system.linux.arrivals.watch import LinuxArrivals

        return LinuxArrivals(self._root, self._to_parsing(), wake)

    def hardware(self) -> HardwareListed | None:
        """Return what the firmware and the kernel say."""
        from agent.system.linux.hardware import read_hardware

        return read_hardware(self._root)

    def own_usage(self) -> Usage:
        """Return processor time and memory of this process and of the child that looks into files."""
        child = self._parsing.usage() if self._parsing is not None else ChildUsage()
        return Usage(time.process_time() + child.cpu_s, (_read_pss("self") or 0) + child.pss_bytes)

    def children_cpu_s(self) -> float:
        """Return the processor time of the child that looks into files."""
        return self._parsing.read_cpu_s() if self._parsing is not None else 0.0

    def memory_of(self, pid: int) -> int | None:
        """Return the proportional set size of another process."""
        return _read_pss(str(pid))

    def not_watched(self) -> tuple[str, ...]:
        """Return what cannot be seen here and why."""
        sentences = [
            "Programs inside another one (scripts, Java, Wine, the loader) are seen as the program that runs them.",
            "Programs in other places than the usual folders are seen when they run, not before.",
            "What is typed under Wayland, on a text console or over a remote connection is not watched for keywords.",
            "Under Wayland a session is known to be idle or locked only as far as its desktop tells logind.",
            "Files that arrive are seen in downloads, desktops, temporary and programs' folders, three folders deep.",
            "Files that arrive while the agent is off, or that others write to a network drive, are not seen arriving.",
            "Traffic over UDP, such as HTTP/3, and of short connections is counted, but not known by program.",
        ]
        if os.geteuid() != 0:
            sentences.append(
                "Programs and sessions of other users cannot be looked at: the agent does not run as root."
            )
        if self._watch_obstacle is None:  # nobody has tried yet
            self._watch_obstacle = _find_watch_obstacle()
        sentences.append(
            f"Programs that start and end within a second may be missed: {self._watch_obstacle}."
            if self._watch_obstacle
            else "Programs that end within a few milliseconds may be missed."
        )
        return tuple(sentences)

    def _to_parsing(self) -> ParsingChild:
        """Return what looks into users' files, one for all who ask."""
        if self._parsing is None:
            self._parsing = ParsingChild()
        return self._parsing

    def _identify_image(self, program: RunningProgram, wanted: Set[str]) -> Content:
        """Identify a program whose file nobody but its user may open by what of it is in the memory."""
        try:
            with self._images.open_image(program.pid) as descriptor:
                if self.is_running(program):
                    return self._reader.read_image(descriptor, wanted)
        except OSError:
            return Content(is_complete=False)
        return Content(is_complete=False)

    def _identify_ended(self, program: RunningProgram, wanted: Set[str]) -> Content:
        """Identify the file of a process that has ended, if nothing has touched it since."""
        try:
            with open_file(Path(program.path)) as descriptor:
                file = os.fstat(descriptor)
                if (file.st_dev, file.st_ino, file.st_ctime_ns) == (program.device, program.inode, program.changed_ns):
                    return self._reader.read_open(descriptor, wanted)
        except OSError:
            return Content(is_complete=False)
        return Content(is_complete=False)


def _find_watch_obstacle() -> str:
    try:
        open_connector().close()
    except StartWatchError as error:
        return error.message
    return ""


def _read_stat(pid: int) -> tuple[int, int]:
    """Return when a process was made, in ticks since the boot, and its flags.

    psutil tells the time of day instead, which moves when the clock is set.
    """
    with open(f"/proc/{pid}/stat", "rb") as stream:
        content = stream.read()
    # The name in the second field may hold anything, brackets too; the fields that follow are numbers.
    fields = content[content.rindex(b")") + 2 :].split()
    return int(fields[19]), int(fields[6])


def _identify_file(pid: int) -> tuple[int, int, int]:
    """Return device, inode and time of change of the file that a process runs."""
    try:
        file = os.stat(f"/proc/{pid}/exe")
    except OSError:
        # Not even root may look into a user's own mount, where every AppImage runs from. Its path stands for it.
        try:
            return _NO_DEVICE, zlib.crc32(os.fsencode(os.readlink(f"/proc/{pid}/exe"))), 0
        except OSError:
            return _NO_DEVICE, 0, 0
    return file.st_dev, file.st_ino, file.st_ctime_ns


def _explain_denied(pid: int) -> Unreadable:
    try:
        _, flags = _read_stat(pid)
    except PermissionError:
        return Unreadable.DENIED
    except OSError:
        return Unreadable.GONE
    return Unreadable.NO_PROGRAM if flags & _KERNEL_THREAD else Unreadable.DENIED


def _read_pss(process: str) -> int | None:
    try:
        with open(_PROC / process / "smaps_rollup", "rb") as stream:
            for line in stream:
                if line.startswith(b"Pss:"):
                    return int(line.split()[1]) * 1024
        # An old kernel: what is resident is at least as much.
        with open(_PROC / process / "statm", "rb") as stream:
            return int(stream.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return None
