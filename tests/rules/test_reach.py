# SPDX-License-Identifier: Apache-2.0
"""Tests of rules.reach. Rules that could never match stand in the corpus, see test_load."""

import ast
from collections.abc import Iterable

import pytest

from agent.budget import Level
from agent.parsing import formats
from agent.parsing.parsers import archive
from agent.system.linux.arrivals import folders
from proto.events import KINDS
from rules import reach
from rules.circumstances_grammar import ACCOUNTS
from rules.errors import RuleFormatError
from rules.evaluate import Evaluator
from rules.fields import COMPARED_WITH, SOURCES, is_about_program, to_event
from rules.model import Condition, Operator, ProgramPattern
from rules.reach import verify_reachable
from rules.table import Table
from tests.rules.sample import make_policy, make_rule
from tests.tree import ROOT

SKETCH = "s1:" + "".join(f"{number:08x}" for number in range(64))
KNOWN = {field: set(words) for field, words in reach._KNOWN_VALUES.items()}
NAMES = dict.fromkeys(COMPARED_WITH, "tor") | {
    "paths": "/tor",
    "sha256": "ab",
    "build_ids": "cd",
    "sketches": SKETCH,
}
PROGRAM_KINDS = [kind for kind in KINDS if is_about_program(kind)]


@pytest.mark.parametrize("key", NAMES)
@pytest.mark.parametrize("kind", PROGRAM_KINDS)
@pytest.mark.parametrize("source", sorted(SOURCES))
def test_a_rule_called_unreachable_is_never_matched(kind, key, source):
    """What is refused as hopeless really is: no event of that kind and source makes it match."""
    when = [Condition("program.source", Operator.EQUALS, (source,))]
    rule = make_rule(ProgramPattern(name="Tor", **{key: (NAMES[key],)}), kinds=[kind], when=when)
    event = to_event(
        kind,
        {
            "program.name": "tor",
            "program.path": "/tor",
            "program.sha256": "ab",
            "program.build_id": "cd",
            "program.sketch": SKETCH,
            "program.source": source,
        },
    )
    matches = Evaluator(make_policy(rule)).match(kind, event)
    table = Table({}, keys=(), file="x.toml")

    # Devices never send an installed program with the source of a running one, nor the other way round.
    is_real = (source != "process") if kind != "program.started" else source in ("process", "file")
    if matches and is_real:
        verify_reachable(rule, table)
    else:
        with pytest.raises(RuleFormatError, match="could never match"):
            verify_reachable(rule, table)


def parse_agent(path: str, name: str) -> ast.AST:
    """Return a function of the agent as it is written."""
    tree = ast.parse((ROOT / "agent" / path).read_text("utf-8"))
    return next(each for each in ast.walk(tree) if isinstance(each, ast.FunctionDef) and each.name == name)


def find_texts(nodes: Iterable[ast.AST | None]) -> set[str]:
    """Return every text in some expressions."""
    inner = (each for node in nodes if node for each in ast.walk(node))
    return {each.value for each in inner if isinstance(each, ast.Constant) and isinstance(each.value, str)}


def test_a_condition_can_ask_for_every_word_that_devices_send_and_no_other() -> None:
    """A word that is missing here would forbid a sound rule; one too many would let a dead rule through."""
    assert KNOWN["level"] == set(Level)
    assert KNOWN["account_kind"] == set(ACCOUNTS)
    assert KNOWN["contains"] == set(archive._RANKS)
    assert KNOWN["place"] == {place for _, place, _ in folders._IN_HOMES} | {"temporary"}
    told = {name for _, name in formats._MAGIC} | formats.RUNNABLE | formats.COMPRESSED | formats.SEALED
    assert KNOWN["format"] == (told - {"ole"}) | {"script", "document", "tar", "unknown"}


def test_a_condition_can_ask_for_every_word_of_the_judgements() -> None:
    """Of the machine's posture and of storage on USB, which stand where they are judged."""
    items = [
        each for each in ast.walk(parse_agent("checks/posture/check.py", "_judge_all")) if isinstance(each, ast.Dict)
    ]
    assert KNOWN["item"] == find_texts(key for each in items for key in each.keys)
    form = parse_agent("system/linux/usb/protection.py", "name_form")
    assert KNOWN["device.form"] == find_texts(each.value for each in ast.walk(form) if isinstance(each, ast.Return))
    tree = ast.parse((ROOT / "agent/system/linux/usb/protection.py").read_text("utf-8"))
    judged = [
        each.args[0] for each in ast.walk(tree) if isinstance(each, ast.Call) and each.args and is_judgement(each)
    ]
    judged = [each for call in judged for each in ([call.body, call.orelse] if isinstance(call, ast.IfExp) else [call])]
    combined = find_texts([parse_agent("system/linux/usb/protection.py", "_combine")])
    assert find_texts(judged) <= KNOWN["device.protection"] <= find_texts(judged) | combined


def is_judgement(call: ast.Call) -> bool:
    """Tell whether a call makes a judgement."""
    return isinstance(call.func, ast.Name) and call.func.id == "Judgement"


@pytest.mark.parametrize("field", sorted(KNOWN.keys() - {"program.source", "state"}))
def test_the_words_of_a_field_are_those_of_its_kind(field: str) -> None:
    """`proto.events` says beside the field what it can be."""
    said = "".join(path.read_text("utf-8") for path in (ROOT / "proto" / "events").glob("*.py"))
    assert [word for word in KNOWN[field] if word not in said] == []
