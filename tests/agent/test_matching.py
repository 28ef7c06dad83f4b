# SPDX-License-Identifier: Apache-2.0
"""Tests of agent.matching and of the command's verb `match`, in a process of its own as others call it."""

import io
import json
import subprocess
import sys

import pytest

from agent.matching import MAX_LINE_BYTES, match_json_lines
from rules.keywords.lexicon import Lexicon
from rules.keywords.match import Matcher
from tests.tree import ROOT

NOTHING = Matcher(Lexicon(()))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"\n", "the line is empty"),
        (b"nope\n", "not JSON"),
        (b'{"id": 1, "text": "\xff"}\n', "not UTF-8 text"),
        (b"[" * 100_000 + b"\n", "not JSON"),
        (b"[1, 2]\n", "not an object"),
        (b'{"text": "a"}\n', '"id" is missing'),
        (b'{"id": true, "text": "a"}\n', '"id" is missing'),
        (b'{"id": 1, "text": 2}\n', '"text" is missing'),
        (b'{"id": 1, "text": "' + b"a" * MAX_LINE_BYTES + b'"}\n', "longer than"),
    ],
)
def test_a_line_that_cannot_be_read_is_answered(line, said):
    """It gets its one line, and the next line is read as if nothing had been."""
    bad, good = match_json_lines(io.BytesIO(line + b'{"id": "x", "text": "a"}'), NOTHING)
    assert bad.to_json()["id"] is None
    assert said in bad.to_json()["error"]
    assert good.to_json() == {"id": "x", "matches": []}


def run(*arguments: str, given: str) -> subprocess.CompletedProcess[str]:
    """Run `match` to its end."""
    command = [sys.executable, "-m", "agent", "match", *arguments]
    return subprocess.run(command, cwd=ROOT, input=given, capture_output=True, text=True, check=False)


def test_wrong_input_ends_with_1_and_the_rest_is_answered():
    """One line out for each line in, in order; offsets count characters of the text as it was given."""
    text = "\U0001f622 i don’t want to live anymore"
    done = run("--format", "json", given='nope\n\n{"id": 7, "text": "hello"}\n' + json.dumps({"id": "a", "text": text}))
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert (done.returncode, [line["id"] for line in lines]) == (1, [None, None, 7, "a"])
    assert lines[2]["matches"] == []
    (match,) = lines[3]["matches"]
    assert set(match) == {"category", "tier", "severity", "rule", "start", "end", "why"}
    assert (match["category"], match["tier"]) == ("suicide", "alert")
    assert text[match["start"] : match["end"]] == "i don’t want to live anymore"


def test_text_is_searched_line_by_line():
    """Without a format each line is a text, and the answer is for a person, with nothing that commands a terminal."""
    done = run(given="hello\ni want to die\x1b[2J\n")
    assert done.returncode == 0
    assert done.stdout.splitlines()[0] == "nothing"
    assert "en.suicide.want-to-die" in done.stdout
    assert "\x1b" not in done.stdout


def test_an_unknown_language_ends_with_2():
    """Nothing is read, and the hint says which there are."""
    done = run("--languages", "xx", given="hello\n")
    assert (done.returncode, done.stdout) == (2, "")
    assert "it can be en" in done.stderr


def test_each_answer_comes_at_once():
    """Whoever writes one line and waits gets its answer while the command runs on."""
    command = [sys.executable, "-m", "agent", "match", "--format", "json"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write('{"id": 1, "text": "hello"}\n')
        process.stdin.flush()
        assert json.loads(process.stdout.readline()) == {"id": 1, "matches": []}
        process.stdin.close()
        assert process.wait(timeout=60) == 0
