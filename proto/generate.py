# SPDX-License-Identifier: Apache-2.0
"""Writes the Python code of `v1/*.proto` beside it: `python -m proto.generate`; `--check` fails if it is stale.

Needs grpcio-tools, which only a developer's machine has.
"""

import sys
import tempfile
from importlib.resources import files
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "proto" / "v1").glob("*.proto"))
GENERATED = ("*_pb2.py", "*_pb2.pyi")


def generate(into: Path) -> None:
    """Write the generated modules under `into`, in the same folders as here.

    Raises:
        RuntimeError: protoc found a mistake in a .proto file; it printed which.
    """
    from grpc_tools import protoc

    well_known = str(files("grpc_tools") / "_proto")
    arguments = ["protoc", f"-I{ROOT}", f"-I{well_known}", f"--python_out={into}", f"--pyi_out={into}"]
    if protoc.main([*arguments, *SOURCES]) != 0:
        raise RuntimeError("protoc refused the messages")


def find_stale(fresh: Path) -> list[str]:
    """Return the generated files that differ between `fresh` and this checkout."""
    names = {
        path.relative_to(root) for root in (fresh, ROOT) for glob in GENERATED for path in root.glob(f"proto/v1/{glob}")
    }
    return sorted(str(name) for name in names if _read(fresh / name) != _read(ROOT / name))


def _read(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None


def main(arguments: list[str]) -> int:
    """Run the command and return its exit code."""
    if arguments not in ([], ["--check"]):
        sys.stderr.write("usage: python -m proto.generate [--check]\n")
        return 2
    if not arguments:
        generate(ROOT)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder))
        stale = find_stale(Path(folder))
    for name in stale:
        sys.stderr.write(f"{name} is not what its .proto says: run python -m proto.generate\n")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
