# SPDX-License-Identifier: Apache-2.0
"""Addresses as operators write them: HOST:PORT, [IPV6]:PORT; port 0 means any free one."""

import ipaddress

from collector.errors import UsageError


def split_address(address: str) -> tuple[str, int]:
    """Return host (without brackets) and port.

    Raises:
        UsageError: it is not HOST:PORT.
    """
    host, colon, port = address.rpartition(":")
    bare = host.strip("[]")
    is_number = port.isascii() and port.isdigit()
    if not colon or not bare or not is_number or int(port) > 65535 or (":" in bare) != host.startswith("["):
        raise UsageError(f"{address!r} is not an address", hint="write HOST:PORT, for example 127.0.0.1:7443")
    return bare, int(port)


def join_address(host: str, port: int) -> str:
    """Return host and port as one address."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def is_loopback(address: str) -> bool:
    """Return whether only this machine can reach an address."""
    host, _ = split_address(address)
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def is_any(host: str) -> bool:
    """Return whether a host means every address of this machine, so that nobody else can use it as a name."""
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False
