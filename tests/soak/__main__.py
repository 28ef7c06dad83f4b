# SPDX-License-Identifier: Apache-2.0
"""`python -m tests.soak [all | FAULT ...] [--quick] [--times N] [--seed N] [--down-s S] [--days N]`."""

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.soak import certificates, clock, clocks, database, full_disk, kills, network, offline, power
from tests.soak.outcome import Outcome, to_code, to_json, to_text

KILLS = 1000
QUICK_KILLS = 20
DATABASE_DOWN_S = 60.0
OFFLINE_DAYS = 14


@dataclass(frozen=True, slots=True)
class Fault:
    """One row of the table."""

    run: Callable[[argparse.Namespace], Outcome]
    find_missing: Callable[[], str] = str
    """Says what this machine lacks to try it."""


def _times(options: argparse.Namespace, usual: int, quick: int) -> int:
    return int(options.times or (quick if options.quick else usual))


FAULTS = {
    "kills": Fault(lambda options: kills.run(_times(options, KILLS, QUICK_KILLS), options.seed)),
    "cuts": Fault(lambda options: power.run(options.seed, quick=options.quick), power.find_missing),
    "disk": Fault(lambda options: full_disk.run(_times(options, 5, 1)), full_disk.find_missing),
    "clocks": Fault(lambda options: clocks.run(_times(options, 2, 1)), clock.find_missing),
    "offline": Fault(
        lambda options: offline.run(options.days, offline.EVENTS_A_DAY // (20 if options.quick else 1)),
        clock.find_missing,
    ),
    "certificates": Fault(lambda options: certificates.run(_times(options, 1, 1)), clock.find_missing),
    "database": Fault(
        lambda options: database.run(options.down_s or (10.0 if options.quick else DATABASE_DOWN_S)),
        database.find_missing,
    ),
    "network": Fault(lambda options: network.run(_times(options, 5, 1), options.seed, quick=options.quick)),
}


def main() -> int:
    """Try faults, print the table, and return 1 if anything was lost, doubled or forged."""
    options = _parser().parse_args()
    names = list(FAULTS) if "all" in options.faults else options.faults
    length = "QUICK: few of each, so this shows little; " if options.quick else ""
    sys.stderr.write(f"{length}{', '.join(names)}; seed {options.seed}\n")
    outcomes = [_try(name, options) for name in names]
    sys.stdout.write(to_json(outcomes) if options.format == "json" else to_text(outcomes))
    if options.quick:
        sys.stderr.write("this was the quick form\n")
    return to_code(outcomes)


def _try(name: str, options: argparse.Namespace) -> Outcome:
    fault = FAULTS[name]
    missing = fault.find_missing()
    if missing:
        return Outcome(name, missing=missing)
    started_s = time.monotonic()
    outcome = fault.run(options)
    outcome.seconds = round(time.monotonic() - started_s, 1)
    sys.stderr.write(to_text([outcome]) + f"{name}: {outcome.seconds:.0f} s\n")
    return outcome


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.soak", description="Faults under load: nothing lost, nothing twice, nothing forged."
    )
    parser.add_argument(
        "faults",
        nargs="*",
        default=["all"],
        choices=["all", *FAULTS],
        metavar="FAULT",
        help=f"{', '.join(FAULTS)}, or all (default)",
    )
    parser.add_argument("--quick", action="store_true", help="few of each, for the impatient")
    parser.add_argument("--times", type=int, default=0, metavar="N", help="how often each fault is tried")
    parser.add_argument("--seed", type=int, default=1, help="of the random moments (default: 1)")
    parser.add_argument(
        "--down-s", type=float, default=0.0, metavar="S", help=f"seconds without a database ({DATABASE_DOWN_S:.0f})"
    )
    parser.add_argument("--days", type=int, default=OFFLINE_DAYS, metavar="N", help="days offline (default: 14)")
    parser.add_argument("--format", choices=("text", "json"), default="text")
    return parser


if __name__ == "__main__":
    sys.exit(main())
