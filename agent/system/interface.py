# SPDX-License-Identifier: Apache-2.0
"""What the agent asks an operating system: the only seam between the checks and Linux, Windows or macOS.

An implementation answers and judges nothing. Three rules hold for all of them. What cannot be read is said, in words
or as a value of its own, and never left out in silence. What users can write (their folders, the names and content
of their files) is hostile: it is read within limits and never makes a method raise. Command lines are not read at
all; of environments a handful of variables, and names of accounts, only to find the sessions that are watched.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Set
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from agent.system.content import Content
from proto.events import HardwareListed, Program

if TYPE_CHECKING:
    from agent.system.arrivals import ArrivalWatch
    from agent.system.posture import PostureReader
    from agent.system.screens import Screens
    from agent.system.traffic import TrafficMeter
    from agent.system.usb import UsbWatch


@dataclass(frozen=True, slots=True)
class Machine:
    """What the machine is."""

    hostname: str
    os: str
    """linux, windows or macos."""
    os_version: str
    """As people say it: `Debian GNU/Linux 12 (bookworm)`."""
    architecture: str


@dataclass(frozen=True, slots=True)
class Usage:
    """What the agent itself costs."""

    cpu_s: float
    """Processor time since the agent started, of all its threads."""
    pss_bytes: int
    """Memory, where a page that n processes share counts for one n-th."""


@dataclass(frozen=True, slots=True)
class RunningProgram:
    """The program that one process runs.

    Two of them are equal if it is the same program in the same process: another process that got the same id is not,
    nor is another program that the same process turned into.
    """

    pid: int
    started: int
    """When the process was made, as the system counts it. Only good to tell two processes with one id apart."""
    device: int
    inode: int
    """With `device`: which file is run, by whatever numbers the system tells two files apart."""
    name: str = field(compare=False)
    """Basename of the executable."""
    path: str = field(compare=False)
    changed_ns: int = field(compare=False)
    """When the file last changed, which a user cannot forge: the content is what was started as long as this holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Somebody at a screen: one account on one display.

    Who it is comes from the kernel. `display` and `environment` are what the account's own programs say, within
    limits: they can make a session appear that is none. One of them cannot hide a session; all of them together, if
    each names another display than the one that it is on, can.
    """

    uid: int
    gid: int
    groups: tuple[int, ...]
    """With `gid`: what a program that is started for this account gets."""
    group_names: tuple[str, ...] = ()
    are_groups_known: bool = True
    """False: the directory does not answer, or knows nothing of the account or of one of its groups."""
    account_name: str = field(repr=False)
    is_local: bool = True
    """The account is this machine's own, not the directory's."""
    home: str = field(repr=False)
    display: str
    """As programs find it: `:0`, `wayland-0`."""
    kind: str
    """x11 or wayland; from `Screens` also tty."""
    began: str = ""
    """Tells this sitting from the next one of the same account on the same display, until the machine starts anew.
    Empty if the system does not know."""
    environment: dict[str, str] = field(repr=False)
    """What a program needs to appear there; nothing else."""

    def to_account(self, device_id: str) -> str:
        """Return the account as flags and references name it. A local one is never a directory's."""
        return f"local:{device_id}:{self.uid}" if self.is_local else f"directory:{self.account_name}"


class Unreadable(Enum):
    """Why a process has no program that can be told."""

    GONE = "it has ended"
    NO_PROGRAM = "it runs none: a part of the system's kernel, or a process that is ending"
    DENIED = "this user may not look at it"


@dataclass(frozen=True, slots=True)
class InstalledSoftware:
    """What is installed, as far as it can be read."""

    programs: tuple[Program, ...]
    unread: tuple[str, ...] = ()
    """What could not be read and why, in words without a person's name. Empty: everything was read."""
    loose: tuple[Program, ...] = ()
    """Executables that lie about in people's folders, installed by nobody. They are judged, but on no list: what a
    person calls a file of his own is no inventory."""
    of_homes: frozenset[Program] = frozenset()
    """Those of `programs` that are only in people's folders."""
    homes: frozenset[str] = frozenset()
    """The people's folders that are there now, by a key without a name; one that is not mounted is not among them."""
    has_more: bool = False
    """There is too much for one look: nothing is told yet, ask again soon."""


@dataclass(frozen=True, slots=True)
class Starts:
    """The programs that were started since the last question."""

    programs: tuple[RunningProgram, ...]
    """They may have ended since."""
    is_complete: bool = True
    """False: more was started than could be told. A full listing must follow."""


class StartWatch(ABC):
    """Tells of every program as it is started, also of those that end before anyone lists the processes."""

    @abstractmethod
    def take(self) -> Starts:
        """Return what was started since the last call.

        Raises:
            StartWatchError: the watch has ended by itself; ask the system for a new one.
        """

    @abstractmethod
    def close(self) -> None:
        """End the watch. A second call does nothing."""


class System(ABC):
    """One operating system, as far as the agent needs it."""

    @abstractmethod
    def describe(self) -> Machine:
        """Return what this machine is."""

    @abstractmethod
    def boot_id(self) -> bytes:
        """Return 16 bytes that are new after every boot and the same until the next.

        Raises:
            MachineError: the system does not tell.
        """

    @abstractmethod
    def installed_software(self) -> InstalledSoftware:
        """Return the installed programs, read from files and registries: nothing is started for it."""

    @abstractmethod
    def installed_fingerprint(self) -> object:
        """Return a value that differs from the last one when software may have been installed or removed.

        It MUST be cheap enough for every few seconds. It may miss a file that was changed in place, so callers also
        look without being told, every now and then.
        """

    @abstractmethod
    def identify_installed(self, program: Program, wanted: Set[str]) -> Content:
        """Return what is wanted of the content of an installed program: nothing, or some of `ALL_CONTENT`.

        Nothing costs nothing. Where there is no file of its own (a package, a link) there is nothing to know: that is
        complete.
        """

    @abstractmethod
    def process_ids(self) -> set[int]:
        """Return the ids of all processes that this user can see. It MUST be cheap: it is asked every second."""

    @abstractmethod
    def hides_processes(self) -> bool:
        """Return whether there are processes that `process_ids` does not even list for this user."""

    @abstractmethod
    def read_process(self, pid: int) -> RunningProgram | Unreadable:
        """Return the program that a process runs, or why that cannot be told."""

    @abstractmethod
    def is_running(self, program: RunningProgram) -> bool:
        """Return whether that process still runs that program. Cheaper than `read_process`."""

    @abstractmethod
    def identify_running(self, program: RunningProgram, wanted: Set[str]) -> Content:
        """Return what is wanted of the content that a process was started from: nothing, or some of `ALL_CONTENT`.

        Nothing costs nothing. It MUST be the content that runs, also when the file was deleted or replaced since.
        """

    @abstractmethod
    def watch_starts(self, wake: Callable[[], None]) -> StartWatch | None:
        """Begin to watch the start of programs, or return None when this machine does not let us.

        `wake` is called from another thread when there is something to take, at once after a quiet time and not for
        each of many. After a None, `not_watched` says why.
        """

    @abstractmethod
    def list_sessions(self) -> list[Session]:
        """Return who is at a screen now, as far as this user may see. It MUST be cheap enough for every few seconds."""

    @abstractmethod
    def list_addresses(self) -> tuple[str, ...]:
        """Return the machine's own IP addresses but for loopback ones. They never leave the machine."""

    # What single checks ask has a module of its own beside this one, and is loaded when it is first asked for.

    @abstractmethod
    def watch_usb(self, wake: Callable[[], None]) -> "UsbWatch | None":
        """Begin to watch storage on USB, or return None on a system where that is not built yet.

        `wake` is called from another thread when something changed.
        """

    @abstractmethod
    def screens(self) -> "Screens | None":
        """Return what looks at idle and locked sessions, or None on a system where that is not built yet."""

    @abstractmethod
    def posture(self) -> "PostureReader | None":
        """Return what reads the machine's own security, or None on a system where that is not built yet."""

    @abstractmethod
    def traffic(self) -> "TrafficMeter | None":
        """Return what counts traffic, or None on a system where that is not built yet."""

    @abstractmethod
    def watch_arrivals(self, wake: Callable[[], None]) -> "ArrivalWatch | None":
        """Begin to watch for files that come to users' folders, or return None where that is not built yet."""

    @abstractmethod
    def hardware(self) -> HardwareListed | None:
        """Return what the machine is made of, or None when it cannot be read."""

    @abstractmethod
    def own_usage(self) -> Usage:
        """Return what the agent has used and uses."""

    def children_cpu_s(self) -> float:
        """Return the processor time that processes of the agent's own had which work for one check at a time. It MUST
        be cheap: it is asked before and after every look."""
        return 0.0

    @abstractmethod
    def memory_of(self, pid: int) -> int | None:
        """Return the memory of another process in bytes, counted as in `Usage`; None when it has ended or may not be
        looked at."""

    @abstractmethod
    def not_watched(self) -> tuple[str, ...]:
        """Return what cannot be seen on this machine and why, one plain sentence each."""
