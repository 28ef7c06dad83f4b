# SPDX-License-Identifier: Apache-2.0
"""Addresses as operators write them: HOST:PORT, [IPV6]:PORT; port 0 means any free one."""

import ipaddress
import re

from collector.errors import UsageError

_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*\.?")


def split_address(address: str) -> tuple[str, int]:
    """Return host (without brackets) and port.

    Raises:
        UsageError: it is not HOST:PORT.
    """
    host, colon, port = address.rpartition(":")
    is_bracketed = host.startswith("[") and host.endswith("]")
    bare = host[1:-1] if is_bracketed else host
    is_number = port.isascii() and port.isdigit()
    if not colon or not bare or not is_number or int(port) > 65535 or (":" in bare) != is_bracketed:
        raise UsageError(f"{address!r} is not an address", hint="write HOST:PORT, for example 127.0.0.1:7443")
    return bare, int(port)


def join_address(host: str, port: int) -> str:
    """Return host and port as one address."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def to_host(text: str) -> str:
    """Return a host as others reach it: a name or an address, an IPv6 one without its brackets.

    Raises:
        UsageError: it is neither, it holds a port, or it means every address of this machine.
    """
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    try:
        is_host = not ipaddress.ip_address(bare).is_unspecified
    except ValueError:
        is_host = bare == text and len(text) <= 253 and _NAME.fullmatch(text) is not None
    if not is_host:
        raise UsageError(
            f"{text!r} is not a host that devices can reach", hint="a name or an address of this machine, without port"
        )
    return bare


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
