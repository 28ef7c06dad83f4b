# SPDX-License-Identifier: Apache-2.0
"""What really is at the collector's address, found by a connection of its own: for words that help, after gRPC failed.

gRPC says that it failed, seldom why. This goes the same way step by step (name, connection, proxy, TLS, HTTP/2) and
stops at the first that is not as it must be. It sends nothing about this machine and shows no certificate of ours.
"""

import contextlib
import os
import re
import socket
import ssl
import time
from datetime import UTC, datetime
from urllib.parse import urlsplit

from proto.wire import TARGET_NAME

STEP_TIMEOUT_S = 4.0
PROXY_VARIABLES = ("grpc_proxy", "https_proxy", "http_proxy")
"""Which gRPC looks at, in its order; in small letters only."""
NO_PROXY_VARIABLES = ("no_grpc_proxy", "no_proxy")
_HTTP_ANSWER = re.compile(rb"HTTP/\d(?:\.\d)? (\d{3})")
_LOCATION = re.compile(rb"(?im)^location:[ \t]*([\x21-\x7e]{1,200})")


class Found(Exception):  # noqa: N818 - it ends the search, and is no error of ours
    """What is not as it must be, in words."""


def find_obstacle(address: str, roots_pem: bytes) -> str:
    """Say what stands between this machine and its collector, and what to do; empty when nothing was found.

    Steps: 1 the name, 2 the connection, 3 the proxy, 4 TLS, 5 HTTP/2.
    """
    try:
        host, port = _split(address)
        proxy = find_proxy(host)
        # 1, 2
        connection = _connect(*(_split(proxy[1]) if proxy else (host, port)), proxy[0] if proxy else "")
        with connection:
            if proxy:
                # 3
                _ask_proxy(connection, host, port, *proxy)
            # 4, 5
            _shake_hands(connection, roots_pem, address)
    except Found as found:
        return str(found)
    except OSError as error:
        return f"the connection to {address} broke ({error.strerror or type(error).__name__}): check the network"
    return ""


def find_proxy(host: str) -> tuple[str, str] | None:
    """Return the variable and the address of the proxy that gRPC goes through to reach a host, if any.

    Raises:
        Found: the variable does not hold what it should.
    """
    excepted = next((os.environ[name] for name in NO_PROXY_VARIABLES if os.environ.get(name)), "")
    if any(each and host.endswith(each) for each in (part.strip() for part in excepted.split(","))):
        return None
    for name in PROXY_VARIABLES:
        if value := os.environ.get(name, ""):
            try:
                parts = urlsplit(value)
                proxy, port = parts.hostname, parts.port
            except ValueError as error:
                # What it holds is not shown: there may be a password in it.
                raise Found(
                    f"the variable {name} holds no address: give it as http://HOST:PORT, or take it out of the service"
                ) from error
            if proxy:
                return name, f"{_bracket(proxy)}:{port or 80}"
    return None


def _connect(host: str, port: int, variable: str) -> socket.socket:
    what = f"the proxy {_bracket(host)}:{port} (named by {variable})" if variable else f"{_bracket(host)}:{port}"
    try:
        return socket.create_connection((host, port), timeout=STEP_TIMEOUT_S)
    except socket.gaierror as error:
        raise Found(f"the name {host} cannot be resolved: check the DNS of this network, or the address") from error
    except TimeoutError as error:
        raise Found(
            f"nothing answers at {what}: check that it is on, and that no firewall drops TCP port {port}"
        ) from error
    except ConnectionRefusedError as error:
        raise Found(f"nothing listens at {what}: check that it runs, and the port") from error
    except ValueError as error:
        # Python does not even ask for it: an empty label, a label that is too long, a NUL.
        raise Found(f"{host} cannot be the name of a machine: check {variable or 'the address'}") from error
    except OSError as error:
        raise Found(f"there is no way to {what} ({error.strerror}): check the network") from error


def _ask_proxy(connection: socket.socket, host: str, port: int, variable: str, proxy: str) -> None:
    target = f"{_bracket(host)}:{port}"
    connection.sendall(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
    answer = b""
    with contextlib.suppress(TimeoutError):
        while b"\r\n\r\n" not in answer and len(answer) < 16_384 and (received := connection.recv(4096)):
            answer += received
    who = f"the proxy {proxy} (named by {variable})"
    status = _HTTP_ANSWER.match(answer)
    if status is None:
        raise Found(f"{who} does not answer as a proxy does: check the variable, or take it out of the service")
    code = int(status[1])
    if code == 407:
        raise Found(f"{who} asks for a user and a password: let this machine through to {target} without")
    if code != 200:
        raise Found(f"{who} does not let us through to {target} (HTTP {code}): allow CONNECT to that port there")


def _shake_hands(connection: socket.socket, roots_pem: bytes, address: str) -> None:
    """Do the TLS handshake over buffers of our own, so that what is no TLS can be looked at."""
    incoming, outgoing, first = ssl.MemoryBIO(), ssl.MemoryBIO(), b""
    tls = _make_context(roots_pem).wrap_bio(incoming, outgoing, server_hostname=TARGET_NAME)
    deadline_s = time.monotonic() + STEP_TIMEOUT_S
    while True:
        try:
            tls.do_handshake()
        except ssl.SSLWantReadError:
            connection.sendall(outgoing.read())
        except ssl.SSLCertVerificationError as error:
            raise Found(_explain_certificate(error, address)) from error
        except ssl.SSLError as error:
            raise Found(_explain_no_tls(first, error, address)) from error
        else:
            break
        try:
            connection.settimeout(max(0.01, deadline_s - time.monotonic()))
            received = connection.recv(16_384)
        except TimeoutError as error:
            raise Found(
                f"{address} takes the connection and says nothing: a firewall in between holds it, or another program "
                "listens there; let TLS to that port through unchanged"
            ) from error
        except ConnectionError as error:
            raise Found(_explain_cut(address)) from error
        if not received:
            raise Found(_explain_no_tls(first, None, address) if first else _explain_cut(address))
        first = (first + received)[:4096]
        incoming.write(received)
    connection.sendall(outgoing.read())
    if tls.selected_alpn_protocol() != "h2":
        raise Found(
            f"{address} speaks TLS without HTTP/2: a proxy in between ends the connection; let TCP through to the "
            "collector unchanged (no HTTP proxy, no TLS inspection)"
        )


def _make_context(roots_pem: bytes) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["h2"])
    context.load_verify_locations(cadata=roots_pem.decode("ascii"))
    return context


def _explain_certificate(error: ssl.SSLCertVerificationError, address: str) -> str:
    now = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    if error.verify_code in (9, 10):
        when = "is not valid yet" if error.verify_code == 9 else "has expired"
        return (
            f"the certificate at {address} {when} by this machine's clock, which says {now}: "
            "set the clock if it is wrong"
        )
    return (
        f"what answers at {address} is not the collector that this machine was enrolled with: a proxy that opens TLS "
        "(exempt the collector from inspection), a sign-in page of the network, or another collector"
    )


def _explain_no_tls(first: bytes, error: ssl.SSLError | None, address: str) -> str:
    answer = _HTTP_ANSWER.match(first)
    if answer is not None:
        code, location = int(answer[1]), _LOCATION.search(first)
        if location is not None or code == 511:
            where = f" to {location[1].decode('ascii')}" if location is not None else ""
            return (
                f"{address} sends us{where} with HTTP {code}: a sign-in page of the network; "
                "let this machine on to the network without it"
            )
        return (
            f"{address} answers in plain HTTP ({code}) instead of TLS: an HTTP proxy in between, or the port of a web "
            "server; give the collector's own port, and let TCP through to it unchanged"
        )
    if first[:1] in (b"\x15", b"\x16"):
        reason = error.reason if error is not None else ""
        return (
            f"{address} refuses our TLS ({reason or 'handshake failed'}): something in between speaks an old version "
            "of TLS or inspects it; exempt the collector from inspection"
        )
    return f"{address} speaks something else than TLS: check the port"


def _explain_cut(address: str) -> str:
    return (
        f"the connection to {address} is cut when TLS begins: a firewall or filter in between blocks it; "
        "allow TLS to that address and port, unchanged"
    )


def _split(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    if not (host and port.isascii() and port.isdigit() and 0 < int(port) < 65_536):
        raise Found(f"{address} is no address: it has to be HOST:PORT")
    return host.strip("[]"), int(port)


def _bracket(host: str) -> str:
    return f"[{host}]" if ":" in host else host
