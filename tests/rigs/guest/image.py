# SPDX-License-Identifier: Apache-2.0
"""Builds the guest from Debian's packages, as this machine's apt finds them; once, and again when the recipe changed.

The moment from which it is started is made by `snapshot`.
"""

import fcntl
import hashlib
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.rigs.guest import kernel, recipe
from tests.tree import ROOT

CACHE = ROOT / ".build" / "rigs"
ROOT_BYTES = 700 << 20
LEFT_OUT = ("/usr/share/man/*", "/usr/share/doc/*", "/usr/share/locale/*")


class RigError(Exception):
    """This machine cannot give the guest what it needs."""


@dataclass(frozen=True, slots=True)
class Image:
    """A guest that can be started."""

    folder: Path

    @property
    def kernel(self) -> Path:
        """The kernel, not packed."""
        return self.folder / "vmlinux"

    @property
    def initrd(self) -> Path:
        """The first file system."""
        return self.folder / "initrd"

    @property
    def root(self) -> Path:
        """The root file system; never written to."""
        return self.folder / "root.img"


@contextmanager
def alone() -> Iterator[None]:
    """Keep others from building at the same time."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def build_image() -> Image:
    """Return the guest's image; it is built if there is none of this recipe. Call it `alone`."""
    image = Image(CACHE / f"guest-{_key()}")
    if not image.folder.exists():
        for old in CACHE.glob("guest-*"):
            shutil.rmtree(old)
        with tempfile.TemporaryDirectory(dir=CACHE, prefix="new-") as folder:
            made = Image(Path(folder) / "guest")
            made.folder.mkdir()
            _build(made, Path(folder))
            made.folder.rename(image.folder)
    return image


def _key() -> str:
    """Return what differs when another guest would come out."""
    digest = hashlib.sha256(platform.freedesktop_os_release()["VERSION_CODENAME"].encode())
    for name in ("recipe.py", "kernel.py", "image.py"):
        digest.update(Path(__file__).with_name(name).read_bytes())
    return digest.hexdigest()[:16]


def _build(image: Image, folder: Path) -> None:
    root = folder / "root"
    # The mirrors drop what they replace: an old list names packages that are gone.
    subprocess.run(["apt-get", "update", "-qq"], check=True)
    _write_packages(root, folder / "mmdebstrap.log")
    _verify_python(root)
    _configure(root)
    unpacked = kernel.unpack_kernel(folder)
    kernel.copy_modules(unpacked, root)
    kernel.write_vmlinux(unpacked, image.kernel)
    kernel.write_initrd(unpacked, image.initrd)
    with image.root.open("wb") as file:
        file.truncate(ROOT_BYTES)
    # No journal and no checksums: nobody needs this file system after a power cut.
    plain = ("-t", "ext4", "-O", "^has_journal,^metadata_csum")
    subprocess.run(["mke2fs", "-q", *plain, "-d", root, image.root], check=True)


def _write_packages(root: Path, log: Path) -> None:
    suite = platform.freedesktop_os_release()["VERSION_CODENAME"]
    command = ["mmdebstrap", "--variant=minbase", "--mode=root", f"--include={','.join(recipe.PACKAGES)}"]
    command += [f"--dpkgopt=path-exclude={pattern}" for pattern in LEFT_OUT]
    command += ["--dpkgopt=force-unsafe-io", '--aptopt=Apt::Install-Recommends "false"', suite, str(root), "-"]
    with log.open("wb") as file:
        code = subprocess.run(command, input=_list_sources().encode(), stdout=file, stderr=file, check=False).returncode
    if code != 0:
        raise RigError(f"mmdebstrap ended with {code}\n{log.read_text(errors='replace')[-2000:]}")


def _list_sources() -> str:
    """Return from where this machine's apt has Debian, as lines of a sources.list."""
    wanted = "deb $(REPO_URI) $(RELEASE) $(COMPONENT)"
    command = ["apt-get", "indextargets", "--format", wanted, "Identifier: Packages", "Origin: Debian"]
    found = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if not found:
        raise RigError("apt knows no packages of Debian on this machine")
    return "".join(f"{line}\n" for line in sorted(set(found.splitlines())))


def _verify_python(root: Path) -> None:
    """Raise unless the guest's Python can import what is installed for this one."""
    found = (root / "usr" / "bin" / "python3").readlink().name
    mine = "python" + ".".join(platform.python_version_tuple()[:2])
    if found != mine:
        raise RigError(f"the guest has {found} and the tests run on {mine}: make .venv with {found}")


def _configure(root: Path) -> None:
    (root / recipe.CHECKOUT.lstrip("/")).mkdir()
    for name, text in recipe.FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    units = root / "etc" / "systemd" / "system"
    for name in recipe.MASKED_UNITS:
        (units / name).unlink(missing_ok=True)
        (units / name).symlink_to("/dev/null")
    (units / "multi-user.target.wants").mkdir(exist_ok=True)
    (units / "multi-user.target.wants" / "rig.service").symlink_to("/etc/systemd/system/rig.service")
    for name in recipe.ACCOUNTS:
        subprocess.run(["chroot", root, "useradd", "-m", "-s", "/bin/bash", name], check=True)
        subprocess.run(["chroot", root, "passwd", "-d", name], check=True, stdout=subprocess.DEVNULL)
