# SPDX-License-Identifier: Apache-2.0
"""Tests of the console's process: its certificate, and that it does not outlive the collector. See also `test_app`."""

import contextlib
import socket
import ssl
import subprocess
import sys
from pathlib import Path

import pytest

from collector.authority import Authority, issue_console_certificate, issue_listener_certificate
from collector.config import Config, write_config
from collector.errors import AddressError
from collector.web import _load_tls
from tests.collector.school import School


def names_of(context: ssl.SSLContext, authority: Authority, name: str) -> set[str]:
    """Connect to whoever has this context, by a name, and return the names in the certificate."""
    client = ssl.create_default_context(cadata=authority.certificate_pem.decode())
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = context.wrap_bio(incoming, outgoing, server_side=True)
    to_client, from_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    asking = client.wrap_bio(to_client, from_client, server_hostname=name)
    for _ in range(4):
        for side in (asking, server):
            with contextlib.suppress(ssl.SSLWantReadError):
                side.do_handshake()
            incoming.write(from_client.read())
            to_client.write(outgoing.read())
    certificate = asking.getpeercert()
    assert certificate is not None
    return {str(pair[1]) for pair in certificate["subjectAltName"]}


def test_certificate_of_our_ca_is_for_the_address_and_this_machine(config: Config, authority: Authority) -> None:
    """A browser that knows the CA finds the name that was typed in it."""
    names = names_of(_load_tls(config, "10.0.0.7:7480"), authority, "localhost")
    assert {"10.0.0.7", "localhost", socket.gethostname()} <= names


def test_schools_own_certificate_is_used(config: Config, authority: Authority) -> None:
    """Put into the folder `console`, it is what browsers see."""
    key, chain = issue_console_certificate(authority, ["collector.our.school"])
    (config.folder / "console").mkdir()
    (config.folder / "console" / "tls.key").write_bytes(key)
    (config.folder / "console" / "tls.crt").write_bytes(chain)
    assert "collector.our.school" in names_of(_load_tls(config, "0.0.0.0:7480"), authority, "collector.our.school")


@pytest.mark.parametrize("damaged", ["tls.key", "tls.crt"])
@pytest.mark.parametrize("content", [None, b"", b"none"])
def test_certificate_that_cannot_be_used_is_told(
    config: Config, authority: Authority, damaged: str, content: bytes | None
) -> None:
    """With the folder where it lies."""
    key, chain = issue_listener_certificate(authority)
    folder = config.folder / "console"
    folder.mkdir()
    (folder / "tls.key").write_bytes(key)
    (folder / "tls.crt").write_bytes(chain)
    if content is None and damaged == "tls.crt":
        return  # Without one of its own the school has ours.
    if content is None:
        (folder / damaged).unlink()
    else:
        (folder / damaged).write_bytes(content)
    with pytest.raises(AddressError, match="certificate cannot be used") as caught:
        _load_tls(config, "0.0.0.0:7480")
    assert str(folder) in caught.value.hint


def test_key_of_another_certificate_is_told(config: Config, authority: Authority) -> None:
    """Files of two years mixed up."""
    folder = config.folder / "console"
    folder.mkdir()
    (folder / "tls.key").write_bytes(issue_listener_certificate(authority)[0])
    (folder / "tls.crt").write_bytes(issue_listener_certificate(authority)[1])
    with pytest.raises(AddressError, match="certificate cannot be used"):
        _load_tls(config, "0.0.0.0:7480")


def test_console_ends_with_its_parent(school: School) -> None:
    """When the pipe that the collector holds is closed, however, the process is gone and the port free."""
    write_config(school.config)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        descriptor = listening.fileno()
        command = [
            sys.executable,
            "-m",
            "collector.web",
            str(school.config.folder),
            str(descriptor),
            f"127.0.0.1:{port}",
        ]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, pass_fds=[descriptor])
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(b"GET /sign-in HTTP/1.0\r\nHost: localhost\r\n\r\n")
        assert connection.recv(15).startswith(b"HTTP/1.1 200")
    assert process.stdin is not None
    process.stdin.close()
    process.wait(60)
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_console_without_a_collector_ends_with_words(tmp_path: Path) -> None:
    """Started on a folder that is none, it says so and ends with 2."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        descriptor = listening.fileno()
        command = [sys.executable, "-m", "collector.web", str(tmp_path), str(descriptor), "127.0.0.1:1"]
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True, pass_fds=[descriptor]
        )
        # Its standard input stays open meanwhile: closing it says that the collector is gone.
        assert process.wait(60) == 2
        assert process.stderr is not None
        assert process.stdin is not None
        said = process.stderr.read()
        process.stderr.close()
        process.stdin.close()
    assert "is not a collector's folder" in said
    assert "Traceback" not in said
