# SPDX-License-Identifier: Apache-2.0
"""The guest's kernel: Debian's own, unpacked and not installed, with the modules that the rigs need."""

import lzma
import shutil
import struct
import subprocess
import tempfile
from pathlib import Path

from tests.rigs.guest.recipe import EARLY_MODULES, INIT, MODULES

PACKAGE = "linux-image-amd64"
"""Not the one for clouds, which has no USB."""


def unpack_kernel(folder: Path) -> Path:
    """Fetch the newest kernel package and unpack it into a folder; return what it was unpacked to."""
    depends = subprocess.run(["apt-cache", "depends", PACKAGE], capture_output=True, text=True, check=True).stdout
    package = next(line.split()[-1] for line in depends.splitlines() if "Depends:" in line)
    # Downloaded as who we are: apt's own user may not write here.
    download = ["apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", package]
    subprocess.run(download, cwd=folder, check=True)
    unpacked = folder / "kernel"
    (found,) = folder.glob("linux-image-*.deb")
    subprocess.run(["dpkg-deb", "-x", found, unpacked], check=True)
    subprocess.run(["depmod", "-b", unpacked, _release_of(unpacked)], check=True)
    return unpacked


def write_vmlinux(unpacked: Path, target: Path) -> None:
    """Write the kernel as a plain ELF file: unpacked here, once, and not at every start by the guest."""
    packed = (unpacked / "boot" / f"vmlinuz-{_release_of(unpacked)}").read_bytes()
    # By the boot protocol: sectors of set-up code, then where the packed kernel lies behind them and its length.
    sectors = packed[0x1F1]
    offset, length = struct.unpack_from("<II", packed, 0x248)
    begin = (sectors + 1) * 512 + offset
    target.write_bytes(lzma.LZMADecompressor(format=lzma.FORMAT_XZ).decompress(packed[begin : begin + length]))


def copy_modules(unpacked: Path, root: Path) -> None:
    """Copy the modules that the rigs need into the guest's root."""
    release = _release_of(unpacked)
    target = root / "usr" / "lib" / "modules" / release
    for module in _list_files(unpacked, MODULES):
        place = target / module.relative_to(unpacked / "lib" / "modules" / release)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(module, place)
    for name in ("modules.order", "modules.builtin", "modules.builtin.modinfo"):
        shutil.copy(unpacked / "lib" / "modules" / release / name, target)
    subprocess.run(["depmod", "-b", root, release], check=True)


def write_initrd(unpacked: Path, target: Path) -> None:
    """Write the first file system: a static busybox and the modules without which the root is not found."""
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        root = Path(folder)
        for name in ("bin", "dev", "proc", "mnt", "modules"):
            (root / name).mkdir()
        busybox = shutil.which("busybox")
        assert busybox
        shutil.copy(busybox, root / "bin" / "busybox")
        (root / "bin" / "sh").symlink_to("busybox")
        for number, module in enumerate(_list_files(unpacked, EARLY_MODULES)):
            shutil.copy(module, root / "modules" / f"{number:02}-{module.name}")
        (root / "init").write_text(INIT)
        (root / "init").chmod(0o755)
        pack = "find . | cpio --create --format=newc --quiet | gzip -1"
        with target.open("wb") as file:
            subprocess.run(["sh", "-c", pack], cwd=root, stdout=file, check=True)


def _release_of(unpacked: Path) -> str:
    (found,) = (unpacked / "lib" / "modules").iterdir()
    return found.name


def _list_files(unpacked: Path, names: tuple[str, ...]) -> list[Path]:
    """Return the files of modules and of all that they depend on, in the order in which they can be loaded."""
    found: dict[Path, None] = {}
    for name in names:
        command = ["modprobe", "-d", str(unpacked), "-S", _release_of(unpacked), "--show-depends", name]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        found |= dict.fromkeys(Path(line.split()[1]) for line in said.splitlines() if line.startswith("insmod "))
    return list(found)
