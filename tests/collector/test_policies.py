# SPDX-License-Identifier: Apache-2.0
"""Tests of how the policy in force comes to be: versions, the school's own rule files, and who may change it."""

import pytest
from sqlalchemy import event, update

from collector.audit import list_entries
from collector.errors import UsageError
from collector.own_rules import put_own_file
from collector.policies import (
    PACK,
    add_rule_file,
    choose_pack,
    find_bundle,
    list_publications,
    load_policy,
    open_own_bundle,
    publish,
    remove_allowed,
)
from collector.proposals import approve_program, decide_proposal
from collector.store.engine import writing
from collector.store.schema import bundles, rule_files
from proto.events import Program, ProgramStarted
from proto.keys import Ed25519Signer, load_signer
from rules.bundle import make_bundle
from rules.errors import BundleError
from rules.evaluate import Evaluator
from rules.load import load_pack
from tests.collector.school import OWN_RULE, School
from tests.collector.small_policy import SILENT, use_small_packs


def add(school: School, name: str, text: str) -> int:
    """Add a rule file and return the version that it was published with."""
    return add_rule_file(
        school.engine,
        school.id,
        load_signer(school.config.signing_key),
        name=name,
        text=text,
        actor="anna",
        now_ns=school.now_ns,
    )


def matches_of(school: School, name: str) -> list[str]:
    """Return the rules in force that fit the start of a program."""
    evaluator = Evaluator(load_policy(school.engine, school.config))
    return [
        match.rule.id for match in evaluator.match("program.started", ProgramStarted(Program(name, source="process")))
    ]


def test_shipped_rules_are_in_force_from_the_start(school: School) -> None:
    """Version 1 holds the pack, signed with the collector's key."""
    policy = load_policy(school.engine, school.config)
    assert (policy.version, policy.pack) == (1, PACK)
    assert matches_of(school, "tor") != []


def test_versions_go_up_and_all_are_kept(school: School) -> None:
    """Each says who published it and why."""
    assert [school.publish("anna", "first"), school.publish("ben", "second")] == [2, 3]
    assert [(each.version, each.made_by, each.reason) for each in list_publications(school.engine, school.id)][:2] == [
        (3, "ben", "second"),
        (2, "anna", "first"),
    ]


def test_only_a_newer_bundle_is_found(school: School) -> None:
    """Whoever has the newest gets none."""
    school.publish()
    newest = find_bundle(school.engine, school.id)
    assert newest is not None
    assert newest.version == 2
    assert find_bundle(school.engine, school.id, newer_than=1) == newest
    assert find_bundle(school.engine, school.id, newer_than=2) is None
    assert find_bundle(school.engine, "0" * 16) is None


def test_own_rule_file_is_in_force_beside_the_pack(school: School) -> None:
    """A school adds rules; those of the pack stay."""
    assert matches_of(school, "zork") == []
    assert add(school, "own.toml", OWN_RULE) == 2
    assert matches_of(school, "zork") == ["own-zork"]
    assert matches_of(school, "tor") != []
    assert list_publications(school.engine, school.id)[0].reason == "rule file own.toml"


def test_own_rule_file_is_replaced_by_name(school: School) -> None:
    """The same name again is the same file, newer."""
    add(school, "own.toml", OWN_RULE)
    add(school, "own.toml", OWN_RULE.replace("zork", "rogue"))
    assert (matches_of(school, "zork"), matches_of(school, "rogue")) == ([], ["own-rogue"])
    assert school.count(rule_files) == 1


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("own.toml", "", "no rule"),
        ("own.toml", "[[rule", "no TOML"),
        ("own.toml", OWN_RULE.replace("severity = 2", "severity = 9"), "severity"),
        ("own.toml", OWN_RULE.replace("severity = 2", "severity = 2\ncolour = 'red'"), "colour"),
        (
            "own.toml",
            OWN_RULE.replace('executables = ["zork"]', 'executables = ["other"]'),
            "should match and is silent",
        ),
        ("own.toml", OWN_RULE + OWN_RULE, "twice"),
        ("own.txt", OWN_RULE, "name for a rule file"),
        ("../own.toml", OWN_RULE, "name for a rule file"),
        ("a/b/own.toml", OWN_RULE, "name for a rule file"),
    ],
)
def test_unsound_rule_file_changes_nothing(school: School, name: str, text: str, message: str) -> None:
    """It is refused with its place, and what is in force stays in force."""
    with pytest.raises(UsageError, match=message) as caught:
        add(school, name, text)
    assert "own" in caught.value.message
    assert school.count(rule_files) == 0
    assert len(list_publications(school.engine, school.id)) == 1


def test_rule_of_the_pack_cannot_be_replaced(school: School) -> None:
    """An own rule under the id of a shipped one is refused: nobody silences a rule by the way."""
    evaluator = Evaluator(load_policy(school.engine, school.config))
    (match, *_) = evaluator.match("program.started", ProgramStarted(Program("tor", source="process")))
    with pytest.raises(UsageError, match="twice"):
        add(school, "own.toml", OWN_RULE.replace("own-zork", match.rule.id))


def test_allow_list_goes_into_the_next_version(school: School) -> None:
    """What was approved is in the bundle, so that devices know it."""
    proposal_id = school.add_proposal(school.add_device("library-01"), Program("vim", source="dpkg"))
    decide_proposal(school.engine, school.id, proposal_id, approve=["vim"], actor="anna", now_ns=school.now_ns)
    assert load_policy(school.engine, school.config).approved == frozenset()
    school.publish()
    assert load_policy(school.engine, school.config).approved == {"vim"}


def test_bundle_that_somebody_changed_is_not_used(school: School) -> None:
    """Whoever can write into the database cannot write a policy."""
    with writing(school.engine) as connection:
        connection.execute(update(bundles).values(body=b"{}"))
    with pytest.raises(BundleError, match="not signed"):
        load_policy(school.engine, school.config)


def test_bundle_of_another_signer_is_not_ours(school: School) -> None:
    """A policy that another collector's key signed is refused, and nothing is published on top of ours with it."""
    stranger = Ed25519Signer.generate()
    with pytest.raises(UsageError, match="cannot be read"):
        publish(school.engine, school.id, stranger, actor="eve", reason="evil", now_ns=school.now_ns)
    files = load_pack(PACK)
    bundle = make_bundle(stranger, school_id=school.id, version=2, files=files, approved=(), made_at_ns=school.now_ns)
    with pytest.raises(BundleError, match="not signed"):
        open_own_bundle(bundle, school.config)


def test_publishing_is_in_the_audit_log(school: School) -> None:
    """Who put which version in force, and why."""
    version = school.publish(actor="anna", reason="as agreed")
    entry = list_entries(school.engine, school.id)[0]
    assert (entry.actor, entry.action, entry.subject, entry.detail) == (
        "anna",
        "policy.published",
        f"policy/{version}",
        "as agreed",
    )


def test_allowed_program_is_removed_with_a_new_version(school: School) -> None:
    """The undo of the allow list: the next policy does not hold the program, and the log says who took it off."""
    approve_program(school.engine, school.id, "vim", actor="anna", now_ns=school.now_ns)
    school.publish()
    assert load_policy(school.engine, school.config).approved == {"vim"}
    signer = load_signer(school.config.signing_key)
    version = remove_allowed(school.engine, school.id, signer, name="VIM", actor="command line", now_ns=school.now_ns)
    assert version == 3
    assert load_policy(school.engine, school.config).approved == set()
    actions = [(each.action, each.actor) for each in list_entries(school.engine, school.id, limit=2)]
    assert actions == [("policy.published", "command line"), ("program.withdrawn", "command line")]


def test_program_that_is_not_allowed_is_not_removed(school: School) -> None:
    """No version is published for nothing."""
    signer = load_signer(school.config.signing_key)
    with pytest.raises(UsageError, match="not on the allow list"):
        remove_allowed(school.engine, school.id, signer, name="vim", actor="anna", now_ns=school.now_ns)
    assert len(list_publications(school.engine, school.id)) == 1


def test_list_of_versions_reads_no_body(school: School) -> None:
    """Each body holds all rules: a list of a thousand versions must not load them."""
    statements: list[str] = []
    event.listen(school.engine, "before_cursor_execute", lambda *arguments: statements.append(arguments[2]))
    list_publications(school.engine, school.id)
    (select,) = [each for each in statements if "FROM bundles" in each]
    assert "body" not in select


def test_pack_is_chosen(school: School, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a new version; a name that is none is told with the one that was meant."""
    use_small_packs(school, monkeypatch)
    signer = load_signer(school.config.signing_key)

    def choose(pack: str, seconded_by: str = "") -> int:
        return choose_pack(
            school.engine,
            school.id,
            signer,
            pack=pack,
            actor="tess",
            reason="we changed",
            now_ns=school.now_ns,
            seconded_by=seconded_by,
        )

    assert choose("other") == 2
    assert load_policy(school.engine, school.config).pack == "other"
    with pytest.raises(UsageError, match="no pack 'othr'") as caught:
        choose("othr")
    assert caught.value.hint == "did you mean other?"
    # One that guards less needs a second person, here as everywhere.
    for nobody in ("", "tess"):
        with pytest.raises(UsageError, match="nobody is watched any more"):
            choose("blind", nobody)
    assert choose("blind", "harriet") == 3


def test_no_way_of_publishing_goes_round_the_second_person(school: School, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where a rule file came into the database by itself, the next who publishes anything is stopped."""
    use_small_packs(school, monkeypatch)
    with writing(school.engine) as connection:
        put_own_file(connection, school.id, "quiet.toml", SILENT, actor="eve", now_ns=school.now_ns)
    with pytest.raises(UsageError, match="agent-paused: it is not in force any more"):
        school.publish()
    assert len(list_publications(school.engine, school.id)) == 1
