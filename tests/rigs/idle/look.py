# SPDX-License-Identifier: Apache-2.0
"""Runs the check on one real display of this machine, as the agent does, and prints what it finds, a line each time
that changes: `python -m tests.rigs.idle.look DISPLAY LIMIT_S GRACE_S`.

The limit is shorter than a policy may have it, for nobody wants to wait for a quarter of an hour.
"""

import json
import sys
import time
from dataclasses import asdict

from agent.checks.idle_lock.check import IdleLock
from agent.system.interface import Session
from agent.system.linux.machine import LinuxSystem
from proto.events import SessionLeftOpen
from rules.settings import Lock
from tests.agent.checks.idle_lock.screens import make_rules

EVERY_S = 0.2


class OneDisplay(LinuxSystem):
    """This machine without the displays of others, on which other tests may run."""

    def __init__(self, display: str) -> None:
        super().__init__()
        self._display = display

    def list_sessions(self) -> list[Session]:
        """Return who is at that display."""
        return [each for each in super().list_sessions() if each.display == self._display]


def main(display: str, limit_s: int, grace_s: float) -> None:
    """Look until somebody ends us."""
    rules = make_rules(Lock(limit_s=limit_s))
    check = IdleLock(OneDisplay(display), lambda: rules, grace_s=grace_s)
    last = None
    while True:
        events = [asdict(each) for each in check.observe(time.time_ns()) if isinstance(each, SessionLeftOpen)]
        result = check.result()
        found = {"state": result.state.value, "summary": result.summary, "facts": result.facts}
        if events or found != last:
            sys.stdout.write(json.dumps({**found, "events": events}) + "\n")
            sys.stdout.flush()
        last = found
        time.sleep(EVERY_S)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))
