# SPDX-License-Identifier: Apache-2.0
"""Tests of how the console answers its own scripts."""

import json

import pytest

from collector.console.scripts import read_base64, refuse
from collector.errors import UsageError


def test_refusal_is_sentences() -> None:
    """What was not right, then what to do."""
    answer = refuse(UsageError("there is no such flag", hint="look again"))
    assert answer.status_code == 400
    assert json.loads(bytes(answer.body)) == {"error": "There is no such flag. Look again."}
    assert json.loads(bytes(refuse(UsageError("no")).body)) == {"error": "No."}


@pytest.mark.parametrize("text", ["%", "a", "ä", "YQ==\n"])
def test_damaged_bytes_are_refused(text: str) -> None:
    """Nothing is guessed out of what is not base64."""
    with pytest.raises(UsageError):
        read_base64(text)
    assert read_base64("YQ==") == b"a"
