# SPDX-License-Identifier: Apache-2.0
"""A policy of a few rules for tests of how policies come and go: the real way of publishing, without the time that the
tests inside the shipped packs take."""

import pytest
from sqlalchemy import delete

from collector import changes
from collector.changes import Amendment, Change
from collector.own_rules import put_own_file
from collector.policies import load_policy, publish_change
from collector.store.engine import writing
from collector.store.schema import audit, bundles
from proto.keys import load_signer
from rules.model import Policy
from tests.collector.school import OWN_RULE, School

KEYWORDS = """
[keywords]
enabled = true
dpia_reference = "DPIA-1"
dpia_review_date = "2027-03-01"
notice_version = "1"
notice_title = "This computer is watched"
notice_text = "Words are looked for."
watch_groups = ["pupils", "sixth-form"]
networks = ["10.20.0.0/16"]
"""
GUARD = """
[[rule]]
id = "agent-paused"
title = "The agent was stopped"
why = "It is a safeguard."
advice = "Ask who did it."
class = "unacceptable"
severity = 4
kinds = ["agent.stopped"]
clauses = ["BX-07"]
[[rule.test]]
name = "stopped"
expect = "match"
event = { kind = "agent.stopped" }
[[rule.test]]
name = "another event"
expect = "silent"
event = { kind = "agent.throttled" }
"""
PACK_HEAD = '[pack]\nid = "broken"\ntitle = "Broken"\n'
PACKS = {
    "small": {"pack.toml": '[pack]\nid = "small"\ntitle = "Small"\n' + KEYWORDS, "agent.toml": GUARD},
    "other": {"pack.toml": '[pack]\nid = "other"\ntitle = "Other"\n' + KEYWORDS, "agent.toml": GUARD},
    "broken": {"pack.toml": PACK_HEAD, "own.toml": OWN_RULE.replace('["zork"]', '["rogue"]')},
    "blind": {"pack.toml": '[pack]\nid = "blind"\ntitle = "Blind"\n', "own.toml": OWN_RULE},
}
FEWER_PUPILS = KEYWORDS.replace('["pupils", "sixth-form"]', '["pupils"]')
"""A file of the school's own that takes the place of the pack's keywords, and watches fewer people."""
TERM = '[timetable]\n[[timetable.term]]\nname = "Autumn"\nfirst = "2020-09-02"\nlast = "{last}"\n'
SILENT = '[[change]]\nrule = "agent-paused"\nwhy = "We know."\noff = true\n'
SEVERE = '[[change]]\nrule = "agent-paused"\nwhy = "It happens here."\nseverity = 5\n'


def use_small_packs(school: School, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the shipped packs be these few, and a school begin with the first of them as its version 1."""
    monkeypatch.setattr("collector.composition.load_pack", PACKS.__getitem__)
    monkeypatch.setattr("collector.own_rules.list_packs", lambda: sorted(PACKS))
    monkeypatch.setattr("collector.own_rules.BASELINE", "small")
    with writing(school.engine) as connection:
        connection.execute(delete(bundles))
    school.publish()
    with writing(school.engine) as connection:
        connection.execute(delete(audit))


def school_of(school: School) -> changes.School:
    """Return what changes are asked with."""
    return changes.School(school.engine, school.id, load_signer(school.config.signing_key))


def ask(school: School, amendment: Amendment, author: str = "tess", reason: str = "as agreed") -> Change:
    """Ask for a change."""
    return changes.request_change(school_of(school), amendment, author=author, reason=reason, now_ns=school.now_ns)


def switch_off(school: School, text: str) -> None:
    """Publish a rule file off.toml with the word of a second person."""
    now_ns = school.now_ns
    publish_change(
        school.engine,
        school.id,
        load_signer(school.config.signing_key),
        lambda connection: put_own_file(connection, school.id, "off.toml", text, actor="tess", now_ns=now_ns),
        actor="tess",
        reason="we know",
        now_ns=now_ns,
        seconded_by="harriet",
    )


def in_force(school: School) -> Policy:
    """Return the newest policy."""
    return load_policy(school.engine, school.config)
