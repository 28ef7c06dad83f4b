# SPDX-License-Identifier: Apache-2.0
"""What the watcher costs in a pupil's session: processor at 60 keys a second, memory, and the time from key to match.

On a display of its own, with a real window and keys from XTEST. The yardstick is a bare RECORD listener, same run.
"""

import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from agent.session.messages import Found
from agent.session.reading import ENDED_S
from tests.agent.session.desktop import ENTER, KEYCODES, Desktop, Window, watching
from tests.bench.measure import pss_mb, spread, tree_cpu_s

KEYS_A_SECOND = 60
TEXT = "the cat sat on the mat and looked at the rain for a long time "
SENTENCE = "i want to kill myself"

BARE = """
import sys
from Xlib import X, display
from Xlib.ext import record
from Xlib.protocol import rq
d = display.Display(); field = rq.EventField(None)
def take(reply):
    data = reply.data
    while len(data):
        event, data = field.parse_binary_value(data, d.display, None, None)
        if event.type == X.KeyPress and event.detail == 36: print(flush=True)
nothing = {name: (0, 0) for name in ("core_requests", "core_replies", "delivered_events", "errors")}
nothing |= {"ext_requests": (0, 0, 0, 0), "ext_replies": (0, 0, 0, 0), "client_started": False, "client_died": False}
context = d.record_create_context(0, [record.AllClients], [{**nothing, "device_events": (X.KeyPress, X.KeyRelease)}])
d.sync(); print(flush=True); d.record_enable_context(context, take)
"""


def run(*, quick: bool) -> dict[str, Any]:
    """Return the figures as JSON values."""
    runs, seconds, sentences = (3, 2.0, 5) if quick else (5, 10.0, 40)
    desktop = Desktop()
    try:
        window = Window(desktop, "My essay")
        bare = desktop.start(sys.executable, "-c", BARE, stdout=subprocess.PIPE)
        assert bare.stdout is not None
        bare.stdout.readline()
        bare_cpu = [_cpu_percent(desktop, bare.pid, seconds) for _ in range(runs)]
        bare_ms = [_until(desktop, bare.stdout.readline) for _ in range(sentences)]
        bare_mb = pss_mb(bare.pid)
        bare.kill()
        with watching(desktop) as (watcher, heard):
            cpu = [_cpu_percent(desktop, watcher.pid, seconds) for _ in range(runs)]
            idle = _cpu_percent(desktop, watcher.pid, seconds, keys_a_second=0)
            latencies = []
            for _ in range(sentences):
                desktop.press("x", ENTER, SENTENCE)
                window.tell("clear")
                latencies.append(_until(desktop, lambda: heard.wait_for(Found)))
            memory = pss_mb(watcher.pid)
    finally:
        desktop.close()
    ordered, bare_ordered = sorted(latencies), sorted(bare_ms)
    return {
        "keys_a_second": KEYS_A_SECOND,
        "cpu_percent_of_one_core": spread(cpu, 2).to_json(),
        "bare_listener_cpu_percent": spread(bare_cpu, 2).to_json(),
        "cpu_times_bare": round(spread(cpu, 4).median / max(0.01, spread(bare_cpu, 4).median), 1),
        "idle_cpu_percent": round(idle, 2),
        "pss_mb": round(memory, 1),
        "bare_listener_pss_mb": round(bare_mb, 1),
        "held_on_purpose_ms": ENDED_S * 1000,
        "key_to_match_ms": spread(latencies).to_json(),
        "key_to_match_p50_ms": round(ordered[len(ordered) // 2], 1),
        "key_to_match_p99_ms": round(ordered[int((len(ordered) - 1) * 0.99)], 1),
        "bare_listener_key_p50_ms": round(bare_ordered[len(bare_ordered) // 2], 1),
    }


def _cpu_percent(desktop: Desktop, pid: int, seconds: float, keys_a_second: int = KEYS_A_SECOND) -> float:
    before, started = tree_cpu_s([pid]), time.monotonic()
    pressed = 0
    while (passed_s := time.monotonic() - started) < seconds:
        if pressed < passed_s * keys_a_second:
            desktop.tap(KEYCODES[TEXT[pressed % len(TEXT)]])
            pressed += 1
        else:
            time.sleep(0.002)
    return 100 * (tree_cpu_s([pid]) - before) / (time.monotonic() - started)


def _until(desktop: Desktop, wait: Callable[[], object]) -> float:
    """Press Enter and return the milliseconds until it was heard."""
    started = time.monotonic()
    desktop.tap(ENTER)
    wait()
    return (time.monotonic() - started) * 1000
