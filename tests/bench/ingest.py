# SPDX-License-Identifier: Apache-2.0
"""Events verified, evaluated, indexed and durable a second and core, over gRPC with mTLS, at 1, 10 and 100 an envelope.

A core-second is one second of processor time of all the collector's processes, a database's too. The ratio is to
`bare`, measured between the same runs: what a machine's speed and its other users do to one, they do to the other.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from tests.bench import bare
from tests.bench.measure import spread, tree_cpu_s
from tests.bench.programs import Collector

IN_FLIGHT = 80
"""Envelopes that are sent and not yet answered, of all devices together."""
ENVELOPES = {1: 20, 10: 10, 100: 3}
"""For each device and run."""


def run(collector: Collector, *, quick: bool, database_pids: Sequence[int] = ()) -> dict[str, Any]:
    """Return the figures as JSON values."""
    runs, factor, devices = (2, 2, 10) if quick else (7, 8, 20)
    pids = [collector.process.pid, *database_pids]
    load = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.load"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert load.stdin is not None
    assert load.stdout is not None
    order = {"token": collector.token(devices), "devices": devices, "address": collector.addresses["grpc"]}
    _tell(load, order)
    figures: dict[str, Any] = {"devices": devices, "envelopes_in_flight": IN_FLIGHT}
    for events, envelopes in ENVELOPES.items():
        rates, walls, p50s, p99s = [], [], [], []
        for attempt in range(runs + 1):
            _tell(load, {"events": events, "envelopes": envelopes * factor, "window": IN_FLIGHT // devices})
            load.stdout.readline()
            before = tree_cpu_s(pids)
            load.stdin.write("go\n")
            load.stdin.flush()
            answer = json.loads(load.stdout.readline())
            cpu_s = tree_cpu_s(pids) - before
            if attempt == 0:
                continue  # Warm-up.
            rates.append(answer["events"] / cpu_s)
            walls.append(answer["events"] / answer["wall_s"])
            p50s.append(answer["ack_p50_ms"])
            p99s.append(answer["ack_p99_ms"])
        rate, yardstick = spread(rates, 0), bare.run(events, runs)
        figures[f"events_per_s_core_{events}"] = rate.median
        figures[f"detail_{events}"] = {
            "events_per_s_core": rate.to_json(),
            "events_per_s_wall": spread(walls, 0).to_json(),
            "ack_p50_ms": spread(p50s).to_json(),
            "ack_p99_ms": spread(p99s).to_json(),
            "cpu_us_per_event": round(1e6 / rate.median, 1),
            "bare_us_per_event": yardstick.to_json(),
            "cpu_to_bare": round(1e6 / rate.median / yardstick.median, 2),
        }
    load.stdin.close()
    load.wait(30)
    return figures


def _tell(load: "subprocess.Popen[str]", message: dict[str, Any]) -> None:
    assert load.stdin is not None
    load.stdin.write(json.dumps(message) + "\n")
    load.stdin.flush()
