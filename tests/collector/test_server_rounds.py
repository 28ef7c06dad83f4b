# SPDX-License-Identifier: Apache-2.0
"""Tests of what the listeners do on their own: who may not even ask, and the round of every second."""

import logging
import socket
import ssl
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from collector.authority import Authority
from proto.wire import ENROL_METHOD, ENROL_SERVICE, TARGET_NAME
from tests.collector.evidence import Device
from tests.collector.line import Listeners
from tests.collector.school import School
from tests.collector.test_server import open_stream_by_hand


@pytest.fixture
def listeners(school: School, authority: Authority) -> Iterator[Listeners]:
    """A collector that listens."""
    with Listeners(school, authority) as listeners:
        yield listeners


def test_old_tls_does_not_enrol(
    listeners: Listeners, authority: Authority, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Nor does a new device whose TLS is 1.2 get in, and the log says so."""
    caplog.set_level(logging.INFO, "collector.server")
    (tmp_path / "ca.pem").write_bytes(authority.certificate_pem)
    context = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["h2"])
    host, _, port = listeners.enrol_address.partition(":")
    with (
        socket.create_connection((host, int(port)), timeout=60) as plain,
        context.wrap_socket(plain, server_hostname=TARGET_NAME) as connection,
    ):
        # An empty message in an envelope of gRPC's, and the end of the request.
        request = struct.pack(">I", 5)[1:] + struct.pack(">BBI", 0, 1, 1) + bytes(5)
        connection.sendall(open_stream_by_hand(f"/{ENROL_SERVICE}/{ENROL_METHOD}") + request)
        answer = b""
        while b"grpc-status" not in answer and (received := connection.recv(65_536)):
            answer += received
    assert b"must use TLS 1.3, not TLSv1.2" in answer
    assert "an enrolment from" in caplog.text


def test_unexpected_error_does_not_end_the_rounds(
    school: School,
    listeners: Listeners,
    device: Device,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A mistake of ours in one round is logged with its place, and the next round pushes the new policy."""

    def fail(*_: object) -> None:
        raise LookupError("a mistake")

    with listeners.call(device) as call:
        call.say_hello()
        with monkeypatch.context() as patch:
            patch.setattr("collector.devices.find_revoked", fail)
            deadline = time.monotonic() + 60
            while "a mistake" not in caplog.text and time.monotonic() < deadline:
                time.sleep(0.05)
        assert "Traceback" in caplog.text
        school.publish()
        assert call.receive().bundle.version == 2
