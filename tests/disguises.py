# SPDX-License-Identifier: Apache-2.0
"""Ways in which somebody hides a program that he is not to have: other names, other bytes, other places.

Every disguise leaves a program that runs; `tests.bench.disguises` shows which of them are seen through and by what.
"""

import os
import re
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

OTHER_USER = 65534
"""Somebody who is neither root nor the one that the agent runs as."""

_MESSAGE = re.compile(rb"(?<=\0)[\x20-\x7e\n]*[a-z] [a-z][\x20-\x7e\n]*(?=\0)")
_ODD_NAMES = (
    *("firefox", "bash", "systemd", "soffice.bin", "[kworker.0:1]", "-bash", "ld-linux.so", "svchost.exe", "homework"),
    *(
        "homework.pdf",
        "homework.docx",
        "photo.jpg",
        "notes.txt",
        "song.mp3",
        "archive.tar.gz",
        "no extension.",
        ".hidden",
    ),
    *("with blanks in it", " blank in front", "blank behind ", "two  blanks", "tab\there", "line\nbreak", "quote'\"s"),
    *("$(reboot)", "`id`", "a;b", "a&b", "*", "?", "[a-z]", "%s%n", "{}", "~", "#", "=cmd|' c calc'!A1", "(deleted)"),
    *(
        "gpj.\u202eexe",
        "\u2066invisible\u2069",
        "zero\u200bwidth",
        "ｆｕｌｌ",
        "ПРИВЕТ",
        "作业",
        "واجب",
        "🎮",
        "é",
        "e\u0301",
    ),
    *("\x01\x02", "\x1b[31mred", "homework (deleted)", "homework.exe (deleted)", "a" * 255, "\u4f5c" * 85),
    *(os.fsdecode(b"\xff\xfe"), os.fsdecode(b"latin-\xe9"), os.fsdecode(b"a) R 1 \xf0")),
)


def make_names(count: int = 200) -> list[str]:
    """Return so many different names that a file can have."""
    plain = (f"{word}{number}" for number in range(count) for word in ("homework-", "Game", "lesson_", "x"))
    return [*_ODD_NAMES, *plain][:count]


def cut_symbols(content: bytes) -> bytes:
    """Return an executable of 64 bits without anything that is not loaded, as `strip` does and a little more."""
    (place,) = struct.unpack_from("<Q", content, 32)
    size_bytes, count = struct.unpack_from("<HH", content, 54)
    entries = [struct.unpack_from("<IIQQQQQQ", content, place + size_bytes * number) for number in range(count)]
    loaded = bytearray(content[: max(each[2] + each[5] for each in entries)])
    struct.pack_into("<Q", loaded, 40, 0)
    struct.pack_into("<HHH", loaded, 58, 0, 0, 0)
    return bytes(loaded)


def change_text(content: bytes, text: bytes) -> bytes:
    """Return an executable in which one byte of a text that it has is another one."""
    assert text in content
    return content.replace(text, bytes([text[0] ^ 1]) + text[1:], 1)


def change_messages(content: bytes) -> bytes:
    """Return an executable in which everything that it says to people is written otherwise."""
    return _MESSAGE.sub(lambda found: bytes([found[0][0] ^ 1]) + found[0][1:], content)


def change_code(content: bytes) -> bytes:
    """Return an executable in which one byte between two functions is another one, where it does no harm."""
    space = bytes.fromhex("662e0f1f840000000000")
    assert space in content
    return content.replace(space, space[:-1] + b"\1", 1)


def remove_build_id(content: bytes, build_id: str) -> bytes:
    """Return an executable whose build id says nothing."""
    assert bytes.fromhex(build_id) in content
    return content.replace(bytes.fromhex(build_id), bytes(len(build_id) // 2))


def find_missing_mount() -> str:
    """Say what is missing to run a program from a mount like an AppImage's; empty when nothing is."""
    if os.geteuid() != 0:
        return "root"
    packages = {"squashfuse": "squashfuse", "mksquashfs": "squashfs-tools", "fusermount3": "fuse3"}
    missing = [] if os.path.exists("/dev/fuse") else ["a kernel with FUSE"]
    missing += [package for program, package in packages.items() if not (Path("/usr/bin") / program).exists()]
    return ", ".join(missing)


@contextmanager
def mount_appimage(content: Path, folder: Path) -> Iterator[Path]:
    """Mount a folder as an AppImage mounts itself: squashed, through FUSE, for one user and not even for root."""
    image, mount = folder / "image.squashfs", folder / "mount"
    subprocess.run(["mksquashfs", content, image, "-quiet", "-no-progress"], check=True, stdout=subprocess.DEVNULL)
    mount.mkdir()
    device = os.open("/dev/fuse", os.O_RDWR)
    options = f"fd={device},rootmode=40000,user_id={OTHER_USER},group_id={OTHER_USER}"
    subprocess.run(["mount", "-i", "-t", "fuse", "-o", options, "image", mount], pass_fds=[device], check=True)
    server = subprocess.Popen(["squashfuse", "-f", image, f"/dev/fd/{device}"], pass_fds=[device])
    os.close(device)
    try:
        yield mount
    finally:
        subprocess.run(["umount", "--lazy", mount], check=True)
        server.kill()
        server.wait()


@contextmanager
def mount_memory(folder: Path) -> Iterator[Path]:
    """Mount another file system, as a stick is one."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "stick", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)
