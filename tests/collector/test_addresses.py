# SPDX-License-Identifier: Apache-2.0
"""Tests of addresses as operators write them."""

import pytest

from collector.addresses import is_any, is_loopback, join_address, split_address, to_host
from collector.errors import UsageError


@pytest.mark.parametrize(
    ("address", "host", "port"),
    [
        ("127.0.0.1:7443", "127.0.0.1", 7443),
        ("localhost:0", "localhost", 0),
        ("collector.our.school:65535", "collector.our.school", 65535),
        ("[::1]:7443", "::1", 7443),
        ("[2001:db8::7]:1", "2001:db8::7", 1),
    ],
)
def test_address_is_split_and_joined(address: str, host: str, port: int) -> None:
    """What is written as one address is read as host and port, and written back the same."""
    assert split_address(address) == (host, port)
    assert join_address(host, port) == address


@pytest.mark.parametrize(
    "address",
    [
        "",
        ":",
        "7443",
        "127.0.0.1",
        "127.0.0.1:",
        ":7443",
        "[]:7443",
        "127.0.0.1:70000",
        "127.0.0.1:-1",
        "127.0.0.1: 1",
        "127.0.0.1:http",
        "127.0.0.1:\u0661\u0662",
        "::1:7443",
        "[127.0.0.1]:7443",
        "http://127.0.0.1:7443",
        "[::1:7443",
    ],
)
def test_no_address_is_refused_with_an_example(address: str) -> None:
    """Whatever else is typed is a wrong call, and the error shows a right one."""
    with pytest.raises(UsageError, match="is not an address") as caught:
        split_address(address)
    assert "127.0.0.1:7443" in caught.value.hint
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("127.0.0.1:1", True),
        ("127.8.8.8:1", True),
        ("[::1]:1", True),
        ("localhost:1", True),
        ("0.0.0.0:1", False),
        ("[::]:1", False),
        ("192.168.1.2:1", False),
        ("localhost.our.school:1", False),
    ],
)
def test_loopback_is_known(address: str, expected: bool) -> None:
    """Only what nobody else can reach counts as loopback; a name counts only if it is exactly localhost."""
    assert is_loopback(address) is expected


def test_every_address_of_the_machine_is_known() -> None:
    """The two ways to say "all" are told from an address and from a name."""
    assert [is_any(host) for host in ("0.0.0.0", "::", "127.0.0.1", "collector")] == [True, True, False, False]


@pytest.mark.parametrize("host", ["collector", "collector.our.school", "10.0.0.7", "2001:db8::7", "c-1.example."])
def test_host_for_devices_is_taken(host: str) -> None:
    """A name or an address is what it is."""
    assert to_host(host) == host


def test_host_in_brackets_loses_them() -> None:
    """An IPv6 address may be written as in an address with a port."""
    assert to_host("[2001:db8::7]") == "2001:db8::7"


@pytest.mark.parametrize(
    "host",
    ["", "collector:7443", "10.0.0.7:7443", "0.0.0.0", "::", "a b", "http://collector", "-a", "a..b", "[collector]"],
)
def test_host_that_devices_cannot_reach_is_refused(host: str) -> None:
    """A token with a host that cannot work is not made."""
    with pytest.raises(UsageError, match="is not a host"):
        to_host(host)
