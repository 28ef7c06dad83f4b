# SPDX-License-Identifier: Apache-2.0
"""`python -m tests.soak [kills] [--times N] [--seed N]`."""

import argparse
import sys

from tests.soak import kills


def main() -> int:
    """Run a soak, print its table, and return 1 if anything was lost."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description="Kills under load, and counts after.")
    parser.add_argument("soak", nargs="?", choices=("kills",), default="kills", help="which (default: kills)")
    parser.add_argument("--times", type=int, default=200, help="how many kills (default: 200)")
    parser.add_argument(
        "--seed", type=int, default=1, help="of the random moments; printed, so that a run can be repeated"
    )
    parser.add_argument("--format", choices=("text", "json"), default="text")
    options = parser.parse_args()
    sys.stderr.write(f"{options.times} kills, seed {options.seed}\n")
    figures = kills.run(options.times, options.seed)
    sys.stdout.write(kills.to_json(figures) if options.format == "json" else kills.to_text(figures))
    return 0 if figures.is_good() else 1


if __name__ == "__main__":
    sys.exit(main())
