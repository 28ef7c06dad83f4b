# SPDX-License-Identifier: Apache-2.0
"""The kernel's filter of system calls (seccomp): after it, a process can read what it has open, and answer.

It cannot open, write, connect, start, signal or trace anything, nor change what it is. What else is around the child
is `jail`'s part.
"""

import ctypes
import errno
import os

_X86_64, _AARCH64 = 0xC000003E, 0xC00000B7  # AUDIT_ARCH_*: the number of a call depends on it
_ARCHITECTURES = {"x86_64": _X86_64, "aarch64": _AARCH64}
_ALLOWED = {
    # name: number on x86_64, on aarch64
    "read": (0, 63),
    "pread64": (17, 67),
    "lseek": (8, 62),
    "fstat": (5, 80),
    "close": (3, 57),
    "recvmsg": (47, 212),
    "sendto": (44, 206),
    "mmap": (9, 222),
    "munmap": (11, 215),
    "mremap": (25, 216),
    "brk": (12, 214),
    "madvise": (28, 233),
    "futex": (202, 98),
    "getrandom": (318, 278),
    "clock_gettime": (228, 113),
    "setitimer": (38, 103),
    "rt_sigreturn": (15, 139),
    "exit": (60, 93),
    "exit_group": (231, 94),
}
_LOAD_WORD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06  # BPF_LD|W|ABS, BPF_JMP|JEQ|K, BPF_RET|K
_NUMBER_OFFSET, _ARCHITECTURE_OFFSET = 0, 4  # struct seccomp_data
_ALLOW, _REFUSE, _KILL = 0x7FFF0000, 0x00050000 | errno.EPERM, 0x80000000
_PR_SET_SECCOMP, _MODE_FILTER = 22, 2


class _Line(ctypes.Structure):
    """struct sock_filter"""

    _fields_ = (("code", ctypes.c_ushort), ("yes", ctypes.c_ubyte), ("no", ctypes.c_ubyte), ("value", ctypes.c_uint32))


class _Program(ctypes.Structure):
    """struct sock_fprog"""

    _fields_ = (("length", ctypes.c_ushort), ("lines", ctypes.POINTER(_Line)))


def close_filter() -> bool:
    """Refuse every other system call from now on; return whether this machine can. Needs "no new privileges" before."""
    architecture = _ARCHITECTURES.get(os.uname().machine)
    if architecture is None:
        return False
    numbers = [on_x86 if architecture == _X86_64 else on_arm for on_x86, on_arm in _ALLOWED.values()]
    lines = [
        _Line(_LOAD_WORD, 0, 0, _ARCHITECTURE_OFFSET),
        _Line(_JUMP_IF_EQUAL, 1, 0, architecture),
        _Line(_RETURN, 0, 0, _KILL),
        _Line(_LOAD_WORD, 0, 0, _NUMBER_OFFSET),
        # Each jumps over those that follow it, and over the refusal.
        *(_Line(_JUMP_IF_EQUAL, len(numbers) - place, 0, number) for place, number in enumerate(numbers)),
        _Line(_RETURN, 0, 0, _REFUSE),
        _Line(_RETURN, 0, 0, _ALLOW),
    ]
    program = _Program(len(lines), (_Line * len(lines))(*lines))
    return bool(ctypes.CDLL(None).prctl(_PR_SET_SECCOMP, _MODE_FILTER, ctypes.byref(program), 0, 0) == 0)
