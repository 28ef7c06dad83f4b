# SPDX-License-Identifier: Apache-2.0
"""Tests of rules.reach. Rules that could never match stand in the corpus, see test_load."""

import pytest

from proto.events import KINDS
from rules.errors import RuleFormatError
from rules.evaluate import Evaluator
from rules.fields import COMPARED_WITH, SOURCES, is_about_program, to_event
from rules.model import Condition, Operator, ProgramPattern
from rules.reach import verify_reachable
from rules.table import Table
from tests.rules.sample import make_policy, make_rule

SKETCH = "s1:" + "".join(f"{number:08x}" for number in range(64))
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
