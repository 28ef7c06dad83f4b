# SPDX-License-Identifier: Apache-2.0
"""Tests of `serve` as a program of its own: its three addresses, what stands in its way, and how it ends."""

import contextlib
import json
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from collector.config import load_addresses
from proto.wire import TARGET_NAME
from tests.path import ANY_PORT, RunningCollector, run, wait_for


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCollector]:
    """One collector for all tests here, since a start takes a while."""
    with RunningCollector(tmp_path_factory.mktemp("app") / "collector") as collector:
        collector.init()
        yield collector


@pytest.fixture
def collector(shared: RunningCollector) -> RunningCollector:
    """A collector that serves on loopback, whatever the test before did to it."""
    if not shared.is_running:
        shared.start()
    return shared


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCollector]:
    """Another collector, which does not serve; a test that starts it stops it again."""
    with RunningCollector(tmp_path_factory.mktemp("app") / "second") as second:
        second.init()
        yield second


def fetch_page(address: str, context: ssl.SSLContext | None = None) -> tuple[int, str]:
    """Return status and text of the page to sign in."""
    request = urllib.request.Request(f"{address}/sign-in")
    with urllib.request.urlopen(request, timeout=60, context=context) as answer:
        return answer.status, answer.read().decode()


def port_of(address: str) -> int:
    """Return the port of an address."""
    return int(address.rpartition(":")[2])


def is_served(address: str) -> bool:
    """Return whether somebody listens there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port_of(address))) == 0


def console_of(collector: RunningCollector) -> psutil.Process:
    """Return the process of the console."""
    return psutil.Process(collector.pid).children()[0]


# Addresses


def test_three_addresses_answer_when_they_are_announced(collector: RunningCollector) -> None:
    """One line of JSON; on loopback the console is plain HTTP; the addresses are kept for the next time."""
    assert set(collector.addresses) == {"grpc", "enrol", "http"}
    assert all(is_served(address) for address in collector.addresses.values())
    assert collector.addresses["http"].startswith("http://127.0.0.1:")
    status, page = fetch_page(collector.addresses["http"])
    assert (status, "A school" in page) == (200, True)
    kept = load_addresses(collector.folder)
    assert kept is not None
    assert (kept.grpc, kept.enrol) == (collector.addresses["grpc"], collector.addresses["enrol"])
    assert f"http://{kept.http}" == collector.addresses["http"]


@pytest.mark.parametrize("name", ["grpc", "enrol", "http"])
def test_taken_port_is_told(collector: RunningCollector, second: RunningCollector, name: str) -> None:
    """Another collector does not take what is in use, nor half of it: it ends and names the address."""
    taken = f"127.0.0.1:{port_of(collector.addresses[name])}"
    options = dict(zip(ANY_PORT[::2], ANY_PORT[1::2], strict=True)) | {f"--{name}": taken}
    said = second.run("serve", *(part for pair in options.items() for part in pair))
    assert (said.code, said.out) == (3, "")
    assert f"{taken} cannot be served" in said.err
    assert "Traceback" not in said.err
    assert is_served(collector.addresses[name])


def test_address_of_another_machine_is_told(second: RunningCollector) -> None:
    """It cannot be listened on here."""
    said = second.run("serve", *ANY_PORT[:4], "--http", "192.0.2.1:0")
    assert (said.code, "192.0.2.1:0 cannot be served" in said.err) == (3, True)


def test_second_collector_in_the_same_folder_is_refused(collector: RunningCollector) -> None:
    """Also on other ports: two would write one ledger."""
    said = collector.run("serve", *ANY_PORT)
    assert (said.code, said.out) == (3, "")
    assert f"a collector serves {collector.folder} already" in said.err
    assert is_served(collector.addresses["grpc"])


# TLS


def test_console_off_loopback_has_tls(collector: RunningCollector, second: RunningCollector) -> None:
    """With a certificate of its collector's CA; plain HTTP gets nothing there. The first collector is not disturbed."""
    second.start(*ANY_PORT[:4], "--http", "0.0.0.0:0")
    port = port_of(second.addresses["http"])
    assert second.addresses["http"] == f"https://0.0.0.0:{port}"
    context = ssl.create_default_context(cafile=str(second.folder / "authority" / "ca.crt"))
    status, page = fetch_page(f"https://localhost:{port}", context)
    assert (status, "A school" in page) == (200, True)
    with pytest.raises((urllib.error.URLError, OSError)):
        fetch_page(f"http://localhost:{port}")
    with pytest.raises(urllib.error.URLError, match="CERTIFICATE_VERIFY_FAILED"):
        fetch_page(f"https://localhost:{port}", ssl.create_default_context())
    assert is_served(collector.addresses["grpc"])
    assert second.stop() == 0


def test_events_listener_asks_for_a_certificate(collector: RunningCollector) -> None:
    """The one for enrolment does not; both show that of the fixed name."""
    context = ssl.create_default_context(cafile=str(collector.folder / "authority" / "ca.crt"))
    context.set_alpn_protocols(["h2"])
    for name, is_refused in (("grpc", True), ("enrol", False)):
        plain = socket.create_connection(("127.0.0.1", port_of(collector.addresses[name])), timeout=60)
        with plain, context.wrap_socket(plain, server_hostname=TARGET_NAME) as connection:
            assert connection.version() == "TLSv1.3"
            connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00")
            answer = b""
            with contextlib.suppress(ssl.SSLError, ConnectionResetError):
                answer = connection.recv(100)
            assert (answer == b"") is is_refused, name


# Ends


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stop_is_in_order_and_the_next_start_serves_the_same_addresses(
    collector: RunningCollector, number: signal.Signals
) -> None:
    """By a service manager as by Ctrl-C: 0, no console left behind, and nothing in the log to fear."""
    served = dict(collector.addresses)
    console = console_of(collector)
    assert collector.stop(number) == 0
    assert not console.is_running()
    assert not any(is_served(address) for address in served.values())
    assert "Traceback" not in collector.log()
    assert "Fatal" not in collector.log()
    collector.verify()
    collector.start()
    assert collector.addresses == served


def test_killed_collector_leaves_its_ports(collector: RunningCollector) -> None:
    """Its console goes with it at once, so that whoever looks after services can start it again."""
    console = console_of(collector)
    collector.kill()
    wait_for(lambda: not console.is_running() or console.status() == psutil.STATUS_ZOMBIE, "the console to end")
    collector.start()
    assert fetch_page(collector.addresses["http"])[0] == 200


def test_damaged_database_ends_the_start(second: RunningCollector, tmp_path: Path) -> None:
    """With words and 3."""
    shutil.copytree(second.folder, tmp_path / "damaged")
    damaged = RunningCollector(tmp_path / "damaged")
    (damaged.folder / "store" / "ledger.db").write_bytes(b"damaged" * 1000)
    said = damaged.run("serve", *ANY_PORT)
    assert (said.code, said.out) == (3, "")
    assert "does not open with its key" in said.err
    assert "restore" in said.err


def test_reader_who_has_enough_is_no_error(collector: RunningCollector) -> None:
    """A pipe that is closed, as `head` does it, ends a command without a complaint."""
    command = [sys.executable, "-m", "collector", "devices", "--dir", str(collector.folder), "--format", "json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == b""
        assert process.wait(60) == 0


def test_command_runs_without_a_script(collector: RunningCollector) -> None:
    """`python -m collector` is the same command."""
    said = run("python", "-m", "collector", "devices", "--dir", str(collector.folder), "--format", "json")
    assert (said.code, json.loads(said.out)) == (0, [])
