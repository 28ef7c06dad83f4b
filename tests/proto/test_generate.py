# SPDX-License-Identifier: Apache-2.0
"""Tests of the program that writes the code of the messages. That it is fresh is in `tests/test_generated`."""

from pathlib import Path

import pytest

from proto import generate


def test_two_runs_write_the_same(tmp_path: Path) -> None:
    """The same .proto files make the same bytes, two modules and their stubs for each."""
    generate.generate(tmp_path)
    before = {path.name: path.read_bytes() for path in (tmp_path / "proto" / "v1").iterdir()}
    generate.generate(tmp_path)
    assert {path.name: path.read_bytes() for path in (tmp_path / "proto" / "v1").iterdir()} == before
    assert set(before) == {"collector_pb2.py", "collector_pb2.pyi", "events_pb2.py", "events_pb2.pyi"}


def test_a_file_too_many_is_stale(tmp_path: Path) -> None:
    """Generated code whose .proto file is gone is named."""
    generate.generate(tmp_path)
    (tmp_path / "proto" / "v1" / "forgotten_pb2.py").write_bytes(b"")
    assert generate.find_stale(tmp_path) == ["proto/v1/forgotten_pb2.py"]


def test_a_mistake_in_a_message_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What protoc refuses is not written, and does not pass for fresh."""
    (tmp_path / "proto" / "v1").mkdir(parents=True)
    (tmp_path / "proto" / "v1" / "broken.proto").write_text('syntax = "proto3";\nmessage {}\n', encoding="utf-8")
    monkeypatch.setattr(generate, "ROOT", tmp_path)
    monkeypatch.setattr(generate, "SOURCES", ["proto/v1/broken.proto"])
    with pytest.raises(RuntimeError, match="refused"):
        generate.generate(tmp_path)


@pytest.mark.parametrize("arguments", [["--chekc"], ["--check", "--check"], ["proto/v1"]])
def test_a_wrong_call_is_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """An argument that is not known ends with 2, writes nothing and says what is known."""
    assert generate.main(arguments) == 2
    captured = capsys.readouterr()
    assert "usage" in captured.err
    assert captured.out == ""
