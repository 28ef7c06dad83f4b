# SPDX-License-Identifier: Apache-2.0
"""Runs in the guest: asks the agent's watch of USB as the check does, and prints what it answers whenever that changes.

One JSON object a line: `at_ns` by the guest's monotonic clock, and the devices. `answers` reads it on the other side.
"""

import json
import sys
import threading
import time
from dataclasses import asdict

from agent.checks.usb_storage.check import UsbStorage
from agent.system.linux.usb.watch import LinuxUsbWatch


def main() -> None:
    """Ask for ever."""
    due = threading.Event()
    watch = LinuxUsbWatch(due.set)
    told: list[object] | None = None
    while True:
        listing = watch.list_devices()
        devices: list[object] = [asdict(each) for each in listing.devices]
        if devices != told:
            sys.stdout.write(json.dumps({"at_ns": time.monotonic_ns(), "devices": devices}) + "\n")
            sys.stdout.flush()
            told = devices
        due.wait(UsbStorage.poll_interval_s)
        due.clear()


if __name__ == "__main__":
    main()
