# SPDX-License-Identifier: Apache-2.0
"""Tests that `explain` says exactly what is collected: it is held against the table of kinds and against the gate."""

import json
from dataclasses import fields, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from agent.config import CHECKS
from agent.explain import NEVER, Explanation, explain
from agent.policy import PolicyStore
from agent.readers import ReaderStore
from proto.events import KINDS, Leaves, Program, ProgramFound, ProgramInstalled, ProgramStarted, SoftwareListed
from proto.recipients import fingerprint
from tests.agent.collector import DEVICE_ID, KEYWORDS, REVIEW_DATE, RULES, SCHOOL_NAME, rule_files
from tests.agent.piping import COLLECTOR, IDENTITY
from tests.agent.safeguarding import ROOT, make_safeguarding, make_set
from tests.fakes import FakeSystem
from tests.proto.samples import SAMPLES
from tests.tree import ROOT as ROOT_FOLDER

TOR = Program("tor", source="dpkg")
EVENTS = {**SAMPLES} | {
    event.kind: event
    for event in (
        ProgramFound(TOR),
        ProgramInstalled(TOR),
        ProgramStarted(Program("tor", source="process")),
        SoftwareListed((TOR,)),
    )
}
"""An event of each kind, about a program that the rules of these tests name."""
POLICIES = {"none": None, "rules": rule_files(), "rules and inventory": rule_files(inventory=True)} | {
    "keywords": rule_files(keywords=KEYWORDS)
}


def make_store(folder: Path, policy: str) -> PolicyStore:
    """Return a machine's policies with that one in force."""
    store = PolicyStore(folder / "bundle.bin", IDENTITY)
    files = POLICIES[policy]
    if files is not None:
        store.accept(COLLECTOR.publish(4, files))
    return store


def make_readers(folder: Path) -> ReaderStore:
    """Return the readers of a machine that has none yet."""
    return ReaderStore(folder / "readers.json", IDENTITY)


def make_explanation(folder: Path, policy: str = "rules") -> Explanation:
    """Return what `explain` says of a machine."""
    return explain(IDENTITY, make_store(folder, policy), make_readers(folder), FakeSystem())


def test_what_is_told_without_a_policy_is_explained(tmp_path: Path) -> None:
    """At enrolment and at each connection: the lists are the messages' own, and PRIVACY names what enrolment tells."""
    explained = make_explanation(tmp_path)
    assert {"hostname", "serial"} <= set(explained.told_at_enrolment)
    assert {"wall_clock_ns", "head_seq", "boot_id"} <= set(explained.told_at_connection)
    text = explained.to_text()
    assert f"Told once, when it enrols: {', '.join(explained.told_at_enrolment)}." in text
    privacy = (ROOT_FOLDER / "PRIVACY.md").read_text(encoding="utf-8")
    assert all(name in privacy for name in explained.told_at_enrolment)


@pytest.mark.parametrize("policy", POLICIES)
def test_every_kind_is_explained(tmp_path: Path, policy: str) -> None:
    """Each kind of event stands there once, with its own sentence, its fields and when it leaves."""
    explained = make_explanation(tmp_path, policy).kinds
    assert [each.kind for each in explained] == list(KINDS)
    for each in explained:
        cls = KINDS[each.kind]
        assert each.what
        assert each.what in (cls.__doc__ or "")
        assert each.fields == tuple(field.name for field in fields(cls))  # type: ignore[arg-type]
        assert each.leaves == cls.leaves.value


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("policy", POLICIES)
def test_what_is_said_is_what_the_gate_does(tmp_path: Path, policy: str, kind: str) -> None:
    """A kind is said to leave now if, and only if, the gate lets one leave that the policy is about."""
    store = make_store(tmp_path, policy)
    (explained,) = (
        each for each in explain(IDENTITY, store, make_readers(tmp_path), FakeSystem()).kinds if each.kind == kind
    )
    leaves = store.find_severity(EVENTS[kind]) is not None
    assert explained.now.startswith("yes" if leaves else "no")


def test_without_a_policy_only_the_agent_itself_leaves(tmp_path: Path) -> None:
    """A machine that has no policy yet says so."""
    explanation = make_explanation(tmp_path, "none")
    assert {each.kind for each in explanation.kinds if each.now == "yes"} == {
        kind for kind, cls in KINDS.items() if cls.leaves is Leaves.ALWAYS
    }
    assert explanation.policy_version == 0
    assert explanation.policy == "none: only the agent's own state leaves"


def test_it_names_machine_school_and_policy(tmp_path: Path) -> None:
    """Who reads it knows whose machine this is and which rules are in force, by whose reason."""
    explanation = make_explanation(tmp_path, "rules and inventory")
    assert (explanation.device, explanation.school, explanation.policy_version) == (DEVICE_ID, SCHOOL_NAME, 4)
    assert explanation.policy == "Rules for tests"
    assert explanation.inventory_reason == "The school keeps a software inventory."
    assert explanation.checks == CHECKS
    assert "software inventory" in next(each.now for each in explanation.kinds if each.kind == "software.listed")


def test_it_says_where_the_keys_live(tmp_path: Path) -> None:
    """Whoever asks learns whether somebody with the disk could be this machine."""
    assert "Its private keys live in protected files." in make_explanation(tmp_path).to_text()


def test_what_is_not_seen_is_said(tmp_path: Path) -> None:
    """Neither what this version cannot see anywhere, nor what it cannot see on this machine, is left out."""
    explanation = make_explanation(tmp_path)
    assert explanation.not_watched == FakeSystem().not_watched()
    assert FakeSystem().not_watched()


@pytest.mark.parametrize("policy", POLICIES)
def test_text_and_json_say_the_same(tmp_path: Path, policy: str) -> None:
    """Everything in the one is in the other, and JSON holds plain values alone."""
    explanation = make_explanation(tmp_path, policy)
    text, values = explanation.to_text(), json.loads(json.dumps(explanation.to_json()))
    for each in values["kinds"]:
        assert f"  {each['kind']}: {each['what']}\n      holds {', '.join(each['fields'])}\n" in text
        assert f"      leaves {each['leaves']}; now: {each['now']}\n" in text
    for sentence in [*values["never"], *values["not_watched"], values["school"], values["device"], values["policy"]]:
        assert sentence in text
    assert tuple(values["never"]) == NEVER
    assert set(values) == {field.name for field in fields(Explanation)}
    assert text.endswith("\n")


# Keyboards


def test_whoever_is_watched_can_see_who_reads(tmp_path: Path) -> None:
    """The root that decides it, the readers and their positions, the ground and the notice; nobody's key or alias."""
    readers = make_readers(tmp_path)
    readers.accept(make_safeguarding(3))
    explanation = explain(IDENTITY, make_store(tmp_path, "keywords"), readers, FakeSystem())
    text = explanation.to_text()

    assert explanation.watching.unmet == ()
    assert explanation.watching.root_fingerprint == fingerprint(ROOT.public_key).hex()
    for said in (
        fingerprint(ROOT.public_key).hex(),
        "dana: dsl",
        "hilda: headteacher",
        "set 3",
        "notice 2026-09",
        "pupils",
        "DPIA-2026-04",
        REVIEW_DATE,
    ):
        assert said in text
    for unsaid in ("Mrs Dale", "age1", "ddale"):
        assert unsaid not in text + json.dumps(explanation.to_json())


SCHOOL_TIMES = """
networks = ["10.20.0.0/16"]
days = ["mon", "tue"]
hours = "08:00-15:30"
languages = ["en"]
protected = ["Diary*"]
"""


def test_when_where_and_in_which_windows_is_said(tmp_path: Path) -> None:
    """As the policy has it, also while nobody is watched; a reference in the place of hours and networks."""
    lines = [line for line in KEYWORDS.splitlines() if not line.startswith(("out_of_hours", "away"))]
    for number, (keywords, said) in enumerate(
        (
            ("\n".join(lines) + SCHOOL_TIMES, ("mon, tue, 08:00-15:30", "on 10.20.0.0/16", "en", "Diary*")),
            (KEYWORDS, ("on the ground of Tests run at night.", "on the ground of Tests run anywhere.", "en")),
        )
    ):
        store = PolicyStore(tmp_path / f"{number}.bin", IDENTITY)
        store.accept(COLLECTOR.publish(1, rule_files(keywords=keywords)))
        explanation = explain(IDENTITY, store, make_readers(tmp_path), FakeSystem())
        assert "Nobody is watched now" in explanation.to_text()
        for each in said:
            assert each in explanation.to_text()
            assert each.split(", ")[0] in json.dumps(explanation.to_json()["watching"])


def test_everybody_who_can_open_a_flag_is_named_and_nobody_else(tmp_path: Path) -> None:
    """Who opened no test item reads nothing; who is away still does; two holders of a spare key do."""
    readers = make_readers(tmp_path)
    content = make_set(3)
    people = tuple(replace(each, tested=each.id != "derek") for each in content.recipients)
    readers.accept(make_safeguarding(3, replace(content, recipients=people), absent=["dana"]))
    explanation = explain(IDENTITY, make_store(tmp_path, "keywords"), readers, FakeSystem())

    assert explanation.watching.readers == ("dana: dsl", "hilda: headteacher", "carl: chair_of_governors")
    assert explanation.watching.untested == ("derek: deputy_dsl",)
    assert explanation.watching.absent == ("dana",)
    assert explanation.watching.recoveries == (
        "dsl: two of x",
        "head: two of x",
        "chair: two of x",
        "outside: two of x",
    )
    for each in (*explanation.watching.readers, *explanation.watching.untested, *explanation.watching.recoveries):
        assert f"    {each}\n" in explanation.to_text()
    assert json.loads(json.dumps(explanation.to_json()))["watching"]["untested"] == ["derek: deputy_dsl"]


def test_what_keeps_everybody_from_being_watched_is_said(tmp_path: Path) -> None:
    """Each precondition that does not hold, in its own line."""
    explanation = make_explanation(tmp_path, "rules")

    assert "no signed set of readers has come yet" in explanation.watching.unmet
    assert "the policy does not switch keywords on" in explanation.watching.unmet
    for each in explanation.watching.unmet:
        assert f"    {each}\n" in explanation.to_text()


def test_what_of_typing_is_never_read_is_said() -> None:
    """Passwords, help-lines and pasted text are promised in so many words."""
    promised = " ".join(NEVER)
    for word in ("passwords", "counselling", "banking", "clipboard", "sealed to its readers"):
        assert word in promised


def test_what_is_paused_is_explained(tmp_path: Path) -> None:
    """With its end, and that keyboards are not watched until then; nothing is said when nothing is paused."""
    first, last = datetime.now() - timedelta(days=1), datetime.now() + timedelta(days=1)  # noqa: DTZ005 - local time
    files = rule_files(keywords=KEYWORDS)
    pause = f'\n[[pause]]\nid = "p1"\nwhat = "keywords"\nfirst = "{first:%Y-%m-%dT%H:%M}"\n'
    pause += f'last = "{last:%Y-%m-%dT%H:%M}"\nreason = "An examination."\n'
    store = PolicyStore(tmp_path / "bundle.bin", IDENTITY)
    store.accept(COLLECTOR.publish(4, files | {"rules.toml": files["rules.toml"] + pause}))
    explained = explain(IDENTITY, store, make_readers(tmp_path), FakeSystem())
    assert explained.paused == (f"keywords, from {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M}",)
    assert f"the policy pauses it until {last:%Y-%m-%d %H:%M}" in explained.watching.unmet
    assert "Switched off for a while" in explained.to_text()
    assert "examination" not in explained.to_text()
    assert "Switched off" not in make_explanation(tmp_path / "other").to_text()


def test_drafts_that_are_counted_today_are_explained(tmp_path: Path) -> None:
    """Each with its last day, and none that is over or to come."""
    today, keywords = datetime.now().date(), KEYWORDS  # noqa: DTZ005 - local time
    for id_, days in (("old", -5), ("current", 0), ("next", 5)):
        first, last = today + timedelta(days=days), today + timedelta(days=days + 1)
        keywords += f'[[keywords.draft]]\nid = "{id_}"\nwhy = "To try."\ntexts = ["going country"]\n'
        keywords += f'first = "{first}"\nlast = "{last}"\n'
    store = PolicyStore(tmp_path / "bundle.bin", IDENTITY)
    store.accept(COLLECTOR.publish(4, rule_files(keywords=keywords)))
    explained = explain(IDENTITY, store, make_readers(tmp_path), FakeSystem())
    assert explained.watching.drafts == (f"current, until {today + timedelta(days=1)}",)
    assert f"Counted: how often the draft current, until {today + timedelta(days=1)} fits;" in explained.to_text()


def test_a_rule_that_waits_for_something_is_a_reason_to_tell_it(tmp_path: Path) -> None:
    """What ends a grace leaves, so it is said that it can."""
    rules = RULES.replace('kinds = ["program.started", "program.found"]', 'kinds = ["program.started"]\ngrace = "1d"')
    rules = rules.replace(
        '\n[[rule.program]]\nname = "Tor"', '\ncleared.kinds = ["posture.found"]\n[[rule.program]]\nname = "Tor"', 1
    )
    store = PolicyStore(tmp_path / "bundle.bin", IDENTITY)
    store.accept(COLLECTOR.publish(4, rule_files(rules=rules)))
    kinds = {each.kind: each.now for each in explain(IDENTITY, store, make_readers(tmp_path), FakeSystem()).kinds}
    assert kinds["posture.found"] == "yes, if it puts right what 1 found"
    assert kinds["program.started"] == "yes, if one of 2 rules matches it"
