# SPDX-License-Identifier: Apache-2.0
"""`python -m tests.fuzz [TARGET...] [--runs N] [--seconds S] [--keep N]`: fuzz, and print a table."""

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

CORPUS = Path(__file__).resolve().parent / "corpus"
COLUMNS = ("target", "runs", "seconds", "inputs", "branches", "reached", "crashes")


def fuzz(names: list[str], *, runs: int, seconds: int, keep: int, crashes_to: Path) -> list[dict[str, Any]]:
    """Fuzz targets from the inputs that are kept; return what came of each, and leave what broke one in a folder."""
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        for name in names:
            _fill(work / name, name)
        results = {each["target"]: each for each in _run("session", work, str(runs), str(seconds), *names)}
        for each in _run("reach", work, str(keep), *names):
            results[each["target"]] |= each
        for path in work.glob("crash-*"):
            crashes_to.mkdir(parents=True, exist_ok=True)
            (crashes_to / path.name).write_bytes(path.read_bytes())
        if keep:
            for name in names:
                _keep(work / name, name)
    return list(results.values())


def _fill(folder: Path, name: str) -> None:
    from tests.fuzz.targets import find_target

    folder.mkdir()
    kept = [path.read_bytes() for path in (CORPUS / name).glob("*")] if (CORPUS / name).is_dir() else []
    for data in (*find_target(name).seeds, *kept):
        (folder / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data)


def _keep(folder: Path, name: str) -> None:
    place = CORPUS / name
    place.mkdir(exist_ok=True)
    found = {hashlib.sha256(data).hexdigest()[:16]: data for data in (path.read_bytes() for path in folder.iterdir())}
    for path in place.iterdir():
        # What has a name that says what it is was put there on purpose.
        if path.name not in found and not path.suffix:
            path.unlink()
    for digest, data in found.items():
        (place / digest).write_bytes(data)


def _run(module: str, work: Path, *arguments: str) -> list[dict[str, Any]]:
    command = [sys.executable, "-m", f"tests.fuzz.{module}", str(work), *arguments]
    results: list[dict[str, Any]] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            results.append(json.loads(line))
            sys.stderr.write(f"{module}: {line}")
    if process.returncode:
        raise RuntimeError(f"{module} ended with {process.returncode}")
    return results


def to_table(results: list[dict[str, Any]]) -> str:
    """Return the table, with what all of them make together."""
    rows = [{name: each.get(name, "") for name in COLUMNS} | {"crashes": len(each["crashes"])} for each in results]
    rows.append({"target": "all"} | {name: sum(row[name] for row in rows) for name in COLUMNS[1:]})
    widths = {name: max(len(name), *(len(f"{row[name]}") for row in rows)) for name in COLUMNS}
    lines = [{name: name for name in COLUMNS}, *rows]
    return "".join("  ".join(f"{line[name]}".ljust(widths[name]) for name in COLUMNS).rstrip() + "\n" for line in lines)


def main(arguments: list[str] | None = None) -> int:
    """Fuzz and return 1 if anything broke."""
    from tests.fuzz.targets import TARGETS

    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Feed every parser hostile bytes.")
    parser.add_argument(
        "targets", nargs="*", metavar="TARGET", help=f"all of them, or of: {', '.join(sorted(TARGETS))}"
    )
    parser.add_argument("--runs", type=int, default=500_000, help="inputs for each target (default: 500,000)")
    parser.add_argument("--seconds", type=int, default=0, help="at most so long for each target (default: no limit)")
    parser.add_argument("--keep", type=int, default=0, metavar="N", help="keep up to N inputs of each in corpus/")
    parser.add_argument("--crashes", type=Path, default=Path(".build/fuzz"), help="where to leave what broke one")
    parser.add_argument("--format", choices=("text", "json"), default="text")
    options = parser.parse_args(arguments)
    if unknown := sorted(set(options.targets) - set(TARGETS)):
        parser.error(f"no such target: {', '.join(unknown)}")
    names = options.targets or sorted(TARGETS)
    results = fuzz(names, runs=options.runs, seconds=options.seconds, keep=options.keep, crashes_to=options.crashes)
    sys.stdout.write(json.dumps(results, indent=1) + "\n" if options.format == "json" else to_table(results))
    broken = [each["target"] for each in results if not each["is_good"]]
    if broken:
        sys.stderr.write(f"broken, see {options.crashes}: {', '.join(broken)}\n")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
