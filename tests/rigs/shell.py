# SPDX-License-Identifier: Apache-2.0
"""`python -m tests.rigs.shell --plug luks2 -- lsblk -f`: plugs sticks into a fresh guest and runs a command there.

`{python}` in the command stands for a Python with the checkout: `-- '{python} -m agent status'`. What the guest's
kernel and udev tell goes to standard error.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.rigs.guest.image import RigError
from tests.rigs.machine import PYTHON, Event, Machine
from tests.rigs.sticks import KINDS, make_stick


def describe(event: Event) -> str:
    """Return an event in one line."""
    names = ("ACTION", "SUBSYSTEM", "DEVTYPE", "DEVNAME", "ID_FS_TYPE", "ID_PART_TABLE_TYPE", "ID_USB_DRIVER")
    said = " ".join(f"{name}={event.of[name]}" for name in names if name in event.of)
    return f"{event.at_ns / 1e9:10.3f} {event.source:<6} {said}"


def main() -> int:
    """Do it."""
    parser = argparse.ArgumentParser(prog="python -m tests.rigs.shell", description=__doc__)
    parser.add_argument("--plug", action="append", default=[], choices=sorted(KINDS), metavar="KIND")
    parser.add_argument("--driver", default="usb-storage", choices=("usb-storage", "usb-uas"))
    parser.add_argument("--events", action="store_true", help="say what the guest told of devices")
    parser.add_argument("command", nargs="*", default=["lsblk", "-o", "NAME,RM,SIZE,TYPE,TRAN,FSTYPE,FSVER,MODEL"])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, Machine.start() as machine:
        for number, kind in enumerate(options.plug):
            since = len(machine.events)
            machine.plug(f"stick{number}", make_stick(Path(folder), kind), driver=options.driver)
            machine.wait_for_event(
                lambda event: event.source == "udev" and event.is_usb and event.of.get("DEVTYPE") == "disk",
                since=since,
            )
        machine.run("udevadm settle")
        outcome = machine.run(" ".join(options.command).replace("{python}", PYTHON), deadline_s=600)
        sys.stdout.write(f"{outcome.output}\n")
        if options.events:
            sys.stderr.writelines(f"{describe(event)}\n" for event in machine.events)
    return outcome.code


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (RigError, subprocess.CalledProcessError) as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(3)
