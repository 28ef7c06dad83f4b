# SPDX-License-Identifier: Apache-2.0
"""Tests of who looks at the collector's address, with addresses that are none. What stands there: `tests/hostile`."""

import pytest

from agent.uplink import probe


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*probe.PROXY_VARIABLES, *probe.NO_PROXY_VARIABLES):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("value", ["http://proxy:port", "http://[bad", "http://proxy:99999", "http://user:secret@h:p"])
def test_variable_without_an_address_is_named(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """It is said, not raised; what it holds is not repeated, for there may be a password in it."""
    monkeypatch.setenv("https_proxy", value)
    said = probe.find_obstacle("127.0.0.1:1", b"")
    assert said.startswith("the variable https_proxy holds no address: ")
    assert value not in said


def test_variable_with_a_name_that_is_none_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The proxy's name is at fault then, and not the collector's."""
    monkeypatch.setenv("https_proxy", "http://a..b:3128")
    assert probe.find_obstacle("127.0.0.1:1", b"") == "a..b cannot be the name of a machine: check https_proxy"


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("a..b:8443", "a..b cannot be the name of a machine: check the address"),
        (f"{'a' * 64}:8443", "cannot be the name of a machine"),
        ("collector", "collector is no address: it has to be HOST:PORT"),
        ("collector:", "is no address"),
        ("collector:https", "is no address"),
        ("collector:99999", "is no address"),
        ("", "is no address"),
    ],
)
def test_address_that_is_none_is_told(address: str, words: str) -> None:
    """Whoever typed it learns what is wrong with it."""
    assert words in probe.find_obstacle(address, b"")


def test_what_a_sign_in_page_names_can_be_printed() -> None:
    """Whoever answers chooses the bytes, and a technician's terminal shows them."""
    words = probe._explain_no_tls(b"HTTP/1.1 302 Found\r\nLocation: http://a\x1b[2J\x7fb\r\n", None, "collector:7443")
    assert words.isprintable()
    assert "http://a" in words
