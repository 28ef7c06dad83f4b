# SPDX-License-Identifier: Apache-2.0
"""What an error of the line means, in words that a technician can act on. It decides nothing."""

from typing import Any


def explain_error(error: Any) -> str:
    """Say in a technician's words what a gRPC error means."""
    code, details = error.code().name, error.details() or ""
    if code == "UNAVAILABLE":
        if any(each in details for each in ("CERTIFICATE_VERIFY_FAILED", "certificate signature failure", "Peer name")):
            return "what answers there is not the collector that this machine was enrolled with"
        if "Connection refused" in details:
            return "nothing listens at the address"
        if "Handshake" in details or "SSL" in details or "handshake" in details:
            return "no secure connection: a proxy that opens TLS, or a certificate that is not accepted"
        if any(each in details for each in ("DNS", "name resolution", "hostname lookup")):
            return "the name cannot be resolved"
        return details or "no connection"
    if code == "CANCELLED":
        return "the collector did not answer in time"
    return f"{details or code} ({code})"
