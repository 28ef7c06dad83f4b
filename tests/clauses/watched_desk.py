# SPDX-License-Identifier: Apache-2.0
"""A desk with one pupil, watched under a school's pack with a notice of the school's own, for proofs about keyboards.

The check, the readers and the policy are the agent's own; what runs in the pupil's session is a fake that says what it
is told to say.
"""

from pathlib import Path

from agent.policy import InForce
from rules.evaluate import Evaluator
from rules.load import load_pack, parse_files
from tests.agent.checks.room import Room
from tests.agent.collector import KEYWORDS


def sit_down(pack: str, folder: Path) -> Room:
    """Return the desk; its check has looked once, so the pupil's session has been seen."""
    folder.mkdir()
    room = Room(folder)
    policy = parse_files(load_pack(pack) | {"school/keywords.toml": KEYWORDS}, version=1)
    room.rules = InForce(policy, Evaluator(policy), b"")
    room.look()
    return room
