# SPDX-License-Identifier: Apache-2.0
"""Tests of reading an extension's texts. How they are used is tested where extensions are found."""

import io
import json

from agent.parsing.parsers.extension_messages import MAX_LENGTH, MAX_MESSAGES, parse


def read(content: object) -> dict[str, str]:
    messages = parse(io.BytesIO(json.dumps(content).encode()))["messages"]
    assert isinstance(messages, dict)
    return messages


def test_only_what_may_be_a_name_is_taken():
    """Keys are in lower case; numbers are keys too."""
    content = {"extName": {"message": "A"}, "help": {"message": "B"}, "8969005060131950570": {"message": "C"}}

    assert read(content) == {"extname": "A", "8969005060131950570": "C"}


def test_there_are_limits():
    """On their number and their length."""
    many = read({f"name{number}": {"message": "x" * 1000} for number in range(1000)})

    assert len(many) == MAX_MESSAGES
    assert {len(message) for message in many.values()} == {MAX_LENGTH}
    assert read({"name" * 100: {"message": "A"}, "name": 7, "title": {"message": 7}}) == {"title": ""}
