# SPDX-License-Identifier: Apache-2.0
"""What one device that floods costs the others: how long an ordinary one waits for answers, with and without limits.

`python -m tests.bench.flood`. The flood is of the dearest kind that there is, software that nobody has seen before,
in envelopes of a hundred events, sent ahead as far as the collector reads. Collector and both devices share a process
here, so the figures say how the cases compare, not how fast a collector is.
"""

import argparse
import json
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from collector.authority import load_authority
from collector.cli import main as run_collector
from collector.config import load_config
from collector.pressure import DeviceRates, InFlight, Load, Pressure, Rate
from collector.store.engine import open_engine
from proto.events import Program, SoftwareListed
from proto.wire import AgentMessage
from tests.bench.measure import spread
from tests.collector.evidence import ORDINARY, Device, enrol_device
from tests.collector.line import Call, Listeners
from tests.collector.school import School

ENVELOPE_EVENTS = 100
ENDLESS = Rate(per_s=1e9, burst=1e9)
ROOMY = Load(10**9, 2**40)


def make_cases() -> dict[str, Pressure]:
    """Return the limits to compare: none, turns only, and turns with a rate that is used up."""
    endless = DeviceRates(ENDLESS, ENDLESS, ENDLESS)
    return {
        "no limits": Pressure(rates=endless, in_flight=InFlight(ROOMY, ROOMY)),
        "as shipped, within its burst": Pressure(),
        "as shipped, burst used up": Pressure(rates=DeviceRates(events=Rate(per_s=50, burst=100))),
    }


def run(*, quick: bool) -> dict[str, Any]:
    """Return the latencies as JSON values."""
    answers, envelopes = (10, 30) if quick else (60, 120)
    figures: dict[str, Any] = {}
    for number, (name, pressure) in enumerate([("nobody floods", Pressure()), *make_cases().items()]):
        with tempfile.TemporaryDirectory() as folder:
            figures[name] = _measure(Path(folder), pressure, envelopes if number else 0, answers)
    return figures


def _measure(folder: Path, pressure: Pressure, envelopes: int, answers: int) -> dict[str, Any]:
    if run_collector(["init", "--dir", str(folder / "collector"), "--school", "A school"]) != 0:
        raise RuntimeError("the collector was not made")
    config = load_config(folder / "collector")
    school = School(config, open_engine(config), now_ns=time.time_ns())
    authority = load_authority(config.authority_folder)
    rogue, ordinary = enrol_device(school, authority, "rogue-01"), enrol_device(school, authority, "library-01")
    flood = [AgentMessage(envelope=rogue.say(*_make_lists(number))).SerializeToString() for number in range(envelopes)]
    ended = threading.Event()
    with (
        Listeners(school, authority, pressure=pressure) as listeners,
        listeners.call(rogue) as flooding,
        listeners.call(ordinary) as call,
    ):
        flooding.say_hello()
        call.say_hello()
        for each in flood:
            flooding.send(each)
        reader = threading.Thread(target=_read, args=(flooding, rogue.seq, ended))
        reader.start()
        latencies = _ask(call, ordinary, answers, ended if flood else threading.Event())
        flooding.hang_up()
        reader.join(60)
    latencies.sort()
    return {
        "answer_ms": spread(latencies).to_json(),
        "slowest_ms": round(latencies[-1], 1),
        "answers_during_the_flood": len(latencies),
    }


def _make_lists(envelope: int) -> list[SoftwareListed]:
    numbers = range(envelope * ENVELOPE_EVENTS, (envelope + 1) * ENVELOPE_EVENTS)
    return [
        SoftwareListed((Program(f"program-{number}", source="pip", version="1"),), first=False) for number in numbers
    ]


def _ask(call: Call, device: Device, answers: int, ended: threading.Event) -> list[float]:
    """Send one event after the other, and return how long each took to be durable; stop when the flood is over."""
    latencies: list[float] = []
    while len(latencies) < answers and not (ended.is_set() and latencies):
        begun_s = time.monotonic()
        call.send(AgentMessage(envelope=device.say(ORDINARY)))
        call.receive()
        latencies.append((time.monotonic() - begun_s) * 1000)
        time.sleep(0.05)
    return latencies


def _read(call: Call, last_seq: int, ended: threading.Event) -> None:
    try:
        while last_seq and call.receive().ack.last_seq != last_seq:
            pass
    except Exception as error:  # noqa: BLE001 - the measurement is over, and it is hung up on
        sys.stderr.write(f"the flood ended with {type(error).__name__}\n")
    ended.set()


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.flood", description="Measures; nothing passes or fails."
    )
    parser.add_argument("--quick", action="store_true")
    sys.stdout.write(json.dumps(run(quick=parser.parse_args().quick), indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
