# SPDX-License-Identifier: Apache-2.0
"""Tests of the words for errors of the line. Those for what stands in between are heard in `tests/hostile`."""

import errno
import os

import grpc
import pytest

from agent.uplink import words
from agent.uplink.words import explain_disk, explain_error


class Refused(grpc.RpcError):
    """What gRPC says when nothing listens."""

    def code(self) -> grpc.StatusCode:
        """Return the code."""
        return grpc.StatusCode.UNAVAILABLE

    def details(self) -> str:
        """Return the words."""
        return "failed to connect: Connection refused"


def test_a_bug_in_who_looks_leaves_the_words_of_the_error(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """An error is explained while it is handled: nobody would catch another one there."""

    def fail(address: str, roots_pem: bytes) -> str:
        raise ZeroDivisionError

    monkeypatch.setattr(words, "find_obstacle", fail)
    assert explain_error(Refused(), "127.0.0.1:1", b"") == "nothing listens at the address"
    assert "an error while looking at 127.0.0.1:1" in caplog.text


@pytest.mark.parametrize(
    ("code", "what"), [(errno.ENOSPC, "make room on it"), (errno.EDQUOT, "make room"), (errno.EIO, "look at the disk")]
)
def test_a_disk_that_takes_nothing_is_told_with_what_to_do(code: int, what: str) -> None:
    """Room is made on a full disk only."""
    said = explain_disk(OSError(code, os.strerror(code)))
    assert said.startswith(f"the disk does not take what this machine has to keep ({os.strerror(code)}): ")
    assert what in said
