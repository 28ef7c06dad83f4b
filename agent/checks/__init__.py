# SPDX-License-Identifier: Apache-2.0
"""The checks: each turns answers of the machine into candidate events and into pass, fail, unknown or not applicable.

`interface` is the contract. A check is loaded by name, so that an agent carries only those it runs. What may leave the
device is decided after them, in `agent.pipeline`.
"""

from importlib import import_module

from agent.checks.interface import Check
from agent.errors import UnknownCheckError

CHECKS = {
    "accounts": "agent.checks.accounts.check:Accounts",
    "downloads": "agent.checks.downloads.check:Downloads",
    "hardware": "agent.checks.hardware.check:Hardware",
    "idle_lock": "agent.checks.idle_lock.check:IdleLock",
    "keywords": "agent.checks.keywords.check:Keywords",
    "posture": "agent.checks.posture.check:Posture",
    "software": "agent.checks.software.check:Software",
    "traffic": "agent.checks.traffic.check:Traffic",
    "usb_storage": "agent.checks.usb_storage.check:UsbStorage",
}
"""Where each check is: module and class."""


def load(name: str) -> type[Check]:
    """Return the class of a check, importing nothing else.

    Raises:
        UnknownCheckError: there is no check of that name.
    """
    if name not in CHECKS:
        raise UnknownCheckError(f"there is no check {name!r}", hint=f"checks: {', '.join(sorted(CHECKS))}")
    module, _, cls = CHECKS[name].partition(":")
    check: type[Check] = getattr(import_module(module), cls)
    return check
