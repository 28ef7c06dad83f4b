# SPDX-License-Identifier: Apache-2.0
"""What an error of the line means, in words that a technician can act on. It decides nothing.

gRPC's own words come first; where they leave open what stands in between, `probe` goes and looks.
"""

import errno
import logging
import re
from typing import Any

from agent.uplink.probe import find_obstacle

log = logging.getLogger(__name__)

_ENDED_BY_OTHERS = re.compile(r"http2 header with status: (\d{3})")
_PROBED = ("UNAVAILABLE", "CANCELLED", "DEADLINE_EXCEEDED", "UNKNOWN", "INTERNAL")


def explain_error(error: Any, address: str = "", roots_pem: bytes = b"") -> str:
    """Say in a technician's words what a gRPC error means; with an address, look there before saying it."""
    code, details = error.code().name, error.details() or ""
    answered = _ENDED_BY_OTHERS.search(details)
    if answered is not None:
        return (
            f"something in between answers in the collector's place (HTTP {answered[1]}): let TCP through to the "
            "collector unchanged"
        )
    if code == "UNIMPLEMENTED":
        return "the collector is there, but this is another port of it: events and enrolment have a port each"
    if code == "RESOURCE_EXHAUSTED":
        return f"the collector has too much to do ({details}): it is tried again"
    if code in _PROBED and address and (obstacle := _look(address, roots_pem)):
        return obstacle
    if code == "UNAVAILABLE":
        return _explain_unavailable(details)
    if code in ("CANCELLED", "DEADLINE_EXCEEDED"):
        return "the collector did not answer in time"
    return f"{details or code} ({code})"


def explain_disk(error: OSError) -> str:
    """Say what it means that something could not be kept."""
    is_full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    return (
        f"the disk does not take what this machine has to keep ({error.strerror or type(error).__name__}): "
        f"{'make room on it' if is_full else 'look at the disk and at the state folder'}"
    )


def _look(address: str, roots_pem: bytes) -> str:
    try:
        return find_obstacle(address, roots_pem)
    except Exception:
        # It is asked while another error is handled, which still has words of its own.
        log.exception("an error while looking at %s", address)
        return ""


def _explain_unavailable(details: str) -> str:
    if any(each in details for each in ("CERTIFICATE_VERIFY_FAILED", "certificate signature failure", "Peer name")):
        return "what answers there is not the collector that this machine was enrolled with"
    if "Connection refused" in details:
        return "nothing listens at the address"
    if any(each in details for each in ("DNS", "name resolution", "hostname lookup")):
        return "the name cannot be resolved"
    if any(
        each in details for each in ("Handshake", "handshake", "SSL", "Socket closed", "reset by peer", "Broken pipe")
    ):
        return (
            "the way to the collector is open, but it ended the connection: it does not take this machine's "
            "certificate, or it was just stopped"
        )
    return details or "no connection"
