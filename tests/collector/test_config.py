# SPDX-License-Identifier: Apache-2.0
"""Tests of a collector's folder and its settings."""

import stat
from pathlib import Path

import pytest

from collector.config import Addresses, Config, load_addresses, load_config, write_addresses, write_config
from collector.errors import UsageError


@pytest.mark.parametrize(
    "name", ["A school", 'St "Example\'s"', "Ysgol \\ Gynradd", "\u5b66\u6821", "Two\nlines", "tab\there", "\u202eevil"]
)
def test_settings_come_back_as_written(tmp_path: Path, name: str) -> None:
    """A school may be called whatever it likes."""
    config = Config(tmp_path, "a1" * 8, name, "postgresql+psycopg://u:p%40ss@/n?host=/run")
    write_config(config)
    assert load_config(tmp_path) == config


def test_settings_are_for_their_owner_only(tmp_path: Path) -> None:
    """The address of a database can hold a password."""
    write_config(Config(tmp_path, "a1" * 8, "A school", ""))
    assert stat.S_IMODE((tmp_path / "collector.toml").stat().st_mode) == 0o600


def test_folder_without_settings_is_no_collector(tmp_path: Path) -> None:
    """The error says how one is made."""
    with pytest.raises(UsageError, match="is not a collector's folder") as caught:
        load_config(tmp_path / "nowhere")
    assert "init --dir" in caught.value.hint


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"school_id = ",
        b"\xff\xfe",
        b'school_id = "a"\nschool_name = "b"\n',
        b'school_id = 7\nschool_name = "b"\ndatabase = ""\n',
        b'school_id = ["a"]\nschool_name = "b"\ndatabase = ""\n',
    ],
)
def test_unreadable_settings_are_told(tmp_path: Path, content: bytes) -> None:
    """Settings that somebody spoilt are an operator's error with a hint, not a crash."""
    (tmp_path / "collector.toml").write_bytes(content)
    with pytest.raises(UsageError, match="is not readable") as caught:
        load_config(tmp_path)
    assert "backup" in caught.value.hint


def test_addresses_are_kept(tmp_path: Path) -> None:
    """What was served last is served again."""
    assert load_addresses(tmp_path) is None
    write_addresses(tmp_path, Addresses("127.0.0.1:1", "[::1]:2", "localhost:3"))
    assert load_addresses(tmp_path) == Addresses("127.0.0.1:1", "[::1]:2", "localhost:3")


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"grpc": "127.0.0.1:1"', b'{"other": "x"}', b'{"grpc": 7}', b"\xff", b"7", b"null"]
)
def test_spoilt_addresses_are_forgotten(tmp_path: Path, content: bytes) -> None:
    """They are only a convenience: without them the collector serves where it does by default."""
    (tmp_path / "served.json").write_bytes(content)
    assert load_addresses(tmp_path) is None
