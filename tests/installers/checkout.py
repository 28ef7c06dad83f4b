# SPDX-License-Identifier: Apache-2.0
"""A small checkout for the tests of `installers.environment`: real venv, real pip, but packages from a folder here."""

import hashlib
import zipfile
from pathlib import Path

PROJECT = """\
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]

[project]
name = "checkout"
version = "1"
"""

BACKEND = '''\
"""The least that pip needs to install a folder editable: a wheel with a .pth file."""

import zipfile
from pathlib import Path

DIST_INFO = "checkout-1.dist-info"


def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    name = "checkout-1-py3-none-any.whl"
    with zipfile.ZipFile(Path(wheel_directory) / name, "w") as wheel:
        wheel.writestr("checkout.pth", str(Path.cwd()))
        wheel.writestr(DIST_INFO + "/METADATA", "Metadata-Version: 2.1\\nName: checkout\\nVersion: 1\\n")
        wheel.writestr(DIST_INFO + "/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(DIST_INFO + "/RECORD", "")
    return name
'''


def make_checkout(root: Path) -> Path:
    """Make a checkout whose three requirement files ask for nothing."""
    requirements = root / "installers" / "requirements"
    requirements.mkdir(parents=True)
    for name in ("run", "dev", "node"):
        (requirements / f"{name}.txt").write_text(f"# nothing for {name}\n", encoding="utf-8")
    (root / "pyproject.toml").write_text(PROJECT, encoding="utf-8")
    (root / "backend.py").write_text(BACKEND, encoding="utf-8")
    (root / "product.py").write_text("", encoding="utf-8")
    (root / "packages").mkdir()
    return root


def require(root: Path, name: str, version: str, *, digest: str = "") -> None:
    """Make a package and pin it in `run.txt`, with a wrong hash if one is given."""
    wheel = root / "packages" / f"{name}-{version}-py3-none-any.whl"
    dist_info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(f"{name}.py", f"VERSION = {version!r}\n")
        archive.writestr(f"{dist_info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        archive.writestr(f"{dist_info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{dist_info}/RECORD", "")
    digest = digest or hashlib.sha256(wheel.read_bytes()).hexdigest()
    pinned = root / "installers" / "requirements" / "run.txt"
    pinned.write_text(f"{name}=={version} \\\n    --hash=sha256:{digest}\n", encoding="utf-8")
