# SPDX-License-Identifier: Apache-2.0
"""What a file is by its first bytes, and by its name where the first bytes say nothing. Pure; it opens no file.

What is in an archive is `parsers.archive`'s part.
"""

import re
import struct
from typing import NamedTuple

HEAD_BYTES = 4096
"""As much as is looked at; of a disk image a little more is needed, see `find_format`."""
ISO_OFFSET, ISO_MARK = 32769, b"CD001"

RUNNABLE = frozenset({"elf", "pe", "appimage", "msi", "deb", "rpm", "jar", "apk", "shortcut"})
COMPRESSED = frozenset({"gzip", "xz", "bzip2"})
"""One stream, which may be a tar."""
SEALED = frozenset({"7z", "rar", "zstd", "iso"})
"""Archives that nothing here can list soundly."""

SCRIPT_ENDINGS = frozenset("bat cmd hta js jse ps1 psm1 vbe vbs wsf wsh".split())
"""Scripts that only their name tells; a system that does not know them opens them in an editor."""
SCRIPT_ENDINGS_PACKED = SCRIPT_ENDINGS - {"js"} | {"sh"}
"""The same inside of an archive, where every saved web page has a .js."""
RUNNABLE_ENDINGS = frozenset("exe msi scr com pif deb rpm appimage apk jar run lnk desktop".split())
"""Only for what is encrypted: the name is all that can be seen."""

_MAGIC = (
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
    (b"7z\xbc\xaf\x27\x1c", "7z"),
    (b"Rar!\x1a\x07", "rar"),
    (b"\x1f\x8b\x08", "gzip"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"BZh", "bzip2"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"\xed\xab\xee\xdb", "rpm"),
    (b"!<arch>\ndebian-binary", "deb"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "ole"),
    (b"L\x00\x00\x00\x01\x14\x02\x00\x00\x00\x00\x00\xc0\x00\x00\x00\x00\x00\x00\x46", "shortcut"),
)
_SCRIPT = re.compile(rb"(\xef\xbb\xbf)?#! ?/")
_DESKTOP_ENTRY = re.compile(rb"(^|\n)\[Desktop Entry\][^\0]*\n\s*Exec\s*=", re.IGNORECASE)
_SHARED_LIBRARY = re.compile(r"\.so(\.[0-9.]+)?$")
_ELF_RUN_TYPES = (2, 3)  # ET_EXEC, ET_DYN; an object file and a core are neither
_PE_LIBRARY = 0x2000  # IMAGE_FILE_DLL
_FURTHEST_NEW_HEADER = 0x100000
"""A text that begins with MZ has letters where the place of the header stands: a larger number than this."""
_OLD_WINDOWS = (b"NE", b"LE", b"LX")


class Format(NamedTuple):
    """What a file is; the words are those of `proto.events.FileArrived`, and `ole` for what must be looked into."""

    name: str = ""
    is_executable: bool = False


def find_format(head: bytes, name: str = "") -> Format:
    """Return what the first bytes say, then what the name says; an empty format for anything that does not run."""
    if head.startswith(b"\x7fELF"):
        return _find_elf(head, name)
    if head.startswith(b"MZ"):
        return _find_pe(head)
    for magic, format_ in _MAGIC:
        if head.startswith(magic):
            return Format(format_, format_ in RUNNABLE)
    if is_tar(head):
        return Format("tar")
    if head[ISO_OFFSET : ISO_OFFSET + len(ISO_MARK)] == ISO_MARK:
        return Format("iso")
    if _SCRIPT.match(head):
        return Format("script", is_executable=True)
    if _DESKTOP_ENTRY.search(head[:HEAD_BYTES]):
        return Format("shortcut", is_executable=True)
    if ending_of(name) in SCRIPT_ENDINGS:
        return Format("script", is_executable=True)
    return Format()


def is_tar(head: bytes) -> bool:
    """Tell whether a tar begins here: by its mark, or by its checksum for the oldest kind."""
    if len(head) < 512 or not head[0]:
        return False
    if head[257:262] == b"ustar":
        return True
    try:
        told = int(head[148:156].strip(b" \0") or b"x", 8)
    except ValueError:
        return False
    return told == sum(head[:148]) + sum(head[156:512]) + 8 * ord(" ")


def ending_of(name: str) -> str:
    """Return what stands after the last dot of a name, in small letters."""
    before, dot, ending = name.rpartition(".")
    return ending.lower() if dot and before else ""


def is_library_name(name: str) -> bool:
    """Tell whether a name is one of a shared library, which the content does not tell from a program."""
    return bool(_SHARED_LIBRARY.search(name))


def _find_elf(head: bytes, name: str) -> Format:
    if head[8:11] in (b"AI\x01", b"AI\x02"):
        return Format("appimage", is_executable=True)
    order = "big" if head[5:6] == b"\x02" else "little"
    runs = int.from_bytes(head[16:18], order) in _ELF_RUN_TYPES  # type: ignore[arg-type]
    return Format("elf", runs and not is_library_name(name))


def _find_pe(head: bytes) -> Format:
    """Read as far as to tell a program from a library. A program's new header may lie behind the head."""
    if len(head) < 64:
        return Format()
    (at,) = struct.unpack_from("<I", head, 60)
    if head[at : at + 4] == b"PE\0\0" and len(head) >= at + 24:
        (flags,) = struct.unpack_from("<H", head, at + 22)
        return Format("pe", not flags & _PE_LIBRARY)
    is_behind = len(head) - 24 < at < _FURTHEST_NEW_HEADER
    return Format("pe", is_executable=True) if is_behind or head[at : at + 2] in _OLD_WINDOWS else Format()
