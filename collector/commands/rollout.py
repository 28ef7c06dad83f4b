# SPDX-License-Identifier: Apache-2.0
"""policy stage, share and everywhere: a share of the devices gets a policy first. `policy back` takes it back."""

import argparse
import sys
import time
from typing import Any

from collector.commands.arguments import COMMAND_LINE, add_command, add_dir, open_folder


def add_rollout(actions: Any) -> None:
    """Add the verbs of a staged roll-out to those of `policy`."""
    stage = add_command(actions, "stage", _stage, "let what is published next go to a share of the devices only")
    stage.add_argument("--share", type=_share, required=True, metavar="10", help="per cent of the devices")
    share = add_command(actions, "share", _change, "give a roll-out to another share of the devices")
    share.add_argument("share", type=_share, metavar="SHARE", help="per cent of the devices")
    everywhere = add_command(actions, "everywhere", _everywhere, "give what is staged to every device")
    for parser in (stage, share, everywhere):
        add_dir(parser)


def _stage(options: argparse.Namespace) -> int:
    from collector.rollouts import stage

    config, engine = open_folder(options)
    stage(engine, config.school_id, options.share, actor=COMMAND_LINE, now_ns=time.time_ns())
    sys.stderr.write(
        f"What is published from now on goes to {options.share} % of the devices, also an approved program or USB\n"
        "device, until you say: policy everywhere, or: policy back.\n"
    )
    return 0


def _change(options: argparse.Namespace) -> int:
    from collector.rollouts import change_share

    config, engine = open_folder(options)
    change_share(engine, config.school_id, options.share, actor=COMMAND_LINE, now_ns=time.time_ns())
    sys.stderr.write(f"{options.share} % of the devices get what is staged; connected ones within seconds.\n")
    return 0


def _everywhere(options: argparse.Namespace) -> int:
    from collector.rollouts import give_everywhere

    config, engine = open_folder(options)
    version = give_everywhere(engine, config.school_id, actor=COMMAND_LINE, now_ns=time.time_ns())
    sys.stderr.write(f"Version {version} is for every device; connected ones get it within seconds.\n")
    return 0


def _share(text: str) -> int:
    """Read a share, as the `type` of an argument.

    Raises:
        argparse.ArgumentTypeError: it is no whole number of per cent between none and all.
    """
    digits = text.removesuffix("%").strip()
    if not (digits.isascii() and digits.isdigit()) or not 1 <= int(digits[:4]) <= 99:
        raise argparse.ArgumentTypeError("a share is 1 to 99 per cent; for all: policy everywhere")
    return int(digits)
