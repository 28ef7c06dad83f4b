# SPDX-License-Identifier: Apache-2.0
"""Tests of files of evidence: what goes in, what does not, for whom there is none, and that each is written down."""

import hashlib
import json
from dataclasses import replace

import pytest
from sqlalchemy import select

from collector import audit
from collector.annulment import annul_flag
from collector.authority import Authority
from collector.checkpoints import list_checkpoints, make_checkpoint
from collector.errors import UsageError
from collector.evidence import dossier
from collector.evidence.case import Case, load_flag, load_incident
from collector.evidence.dossier import export_evidence
from collector.ingest import Ingest
from collector.store.engine import reading
from collector.store.schema import flags, incidents
from collector.verifier.schoolwarden_verify import verify
from proto.keys import load_signer
from tests.collector.evidence import ORDINARY, TOR_STARTED, Device, enrol_device, incidents_of, send, spoil
from tests.collector.safeguarding import Safeguarding, build_safeguarding
from tests.collector.school import School
from tests.collector.verifier.forgery import Forgery


def case_of(school: School, *, is_operator: bool = True, with_sealed_headers: bool = False) -> Case:
    """Return the case of the school's one incident of Tor."""
    (incident,) = [each for each in incidents_of(school) if each.rule == "bypass-tor"]
    return load_incident(
        school.engine, school.id, incident.id, is_operator=is_operator, with_sealed_headers=with_sealed_headers
    )


def export(school: School, case: Case) -> Forgery:
    """Make a file that verifies, and take it apart."""
    data = export_evidence(school.engine, school.config, case, actor="anna", now_ns=school.now_ns)
    assert verify(data)["problems"] == []
    return Forgery.of(data)


@pytest.fixture
def safeguarding(school: School) -> Safeguarding:
    """Readers with keys."""
    return build_safeguarding(school)


def test_run_begins_with_the_first_event_and_ends_with_the_checkpoint_after_the_last(
    school: School, ingest: Ingest, device: Device
) -> None:
    """What came before and after is not in the file; of what lies between, headers only."""
    key = load_signer(school.config.signing_key)
    send(ingest, device.say(ORDINARY))
    send(ingest, device.say(TOR_STARTED, ORDINARY), device.say(ORDINARY))
    make_checkpoint(school.engine, school.id, key, school.now_ns)
    send(ingest, device.say(ORDINARY))
    made = export(school, case_of(school))
    assert [(each["first_seq"], each["last_seq"]) for each in made.envelopes] == [(2, 3), (4, 4)]
    assert [each["seq"] for each in made.contents] == [2]
    assert [each["number"] for each in made.checkpoints] == [1]


def test_checkpoint_is_made_when_none_covers_yet(school: School, ingest: Ingest, device: Device) -> None:
    """Evidence of this minute is covered as well, and the next export needs no other."""
    send(ingest, device.say(TOR_STARTED))
    assert len(export(school, case_of(school)).checkpoints) == 1
    assert len(list_checkpoints(school.engine, school.id)) == 1
    export(school, case_of(school))
    assert len(list_checkpoints(school.engine, school.id)) == 1


def test_rule_is_told_as_it_stood_on_the_device(school: School, ingest: Ingest, device: Device) -> None:
    """The text of the rule of the policy that the first event names, with the policy's own hash."""
    send(ingest, device.say(TOR_STARTED, bundle_version=1))
    word = export(school, case_of(school)).files["case.json"]["word"]
    lines = [value for name, value in word.items() if name.startswith("rule, line")]
    assert lines[:2] == ["[[rule]]", 'id = "bypass-tor"']
    assert word["policy in force on the device"].startswith("version 1, SHA-256 ")


def test_rule_that_stands_in_no_file_is_told_without(school: School, ingest: Ingest, device: Device) -> None:
    """Of a policy that is not here nothing is made up."""
    send(ingest, device.say(TOR_STARTED, bundle_version=7))
    word = export(school, case_of(school)).files["case.json"]["word"]
    assert word["policy in force on the device"] == "none that is here"


def test_several_devices_of_one_incident_are_all_in_it(
    school: School, ingest: Ingest, device: Device, authority: Authority
) -> None:
    """Each with its key and its own run."""
    other = enrol_device(school, authority, "library-02")
    send(ingest, device.say(TOR_STARTED), other.say(TOR_STARTED))
    case = case_of_all(school)
    made = export(school, case)
    assert {each[0] for each in made.files["case.json"]["events"]} == {device.id, other.id}
    assert {each["device_id"] for each in made.files["keys.json"]} == {device.id, other.id}


def case_of_all(school: School) -> Case:
    """Return one case of the events of all incidents of Tor."""
    cases = [load_incident(school.engine, school.id, each.id, is_operator=True) for each in incidents_of(school)]
    return replace(cases[0], event_ids=tuple(sorted(number for each in cases for number in each.event_ids)))


def test_every_export_is_in_the_audit_log(school: School, ingest: Ingest, device: Device) -> None:
    """Who took which file, by its hash."""
    send(ingest, device.say(TOR_STARTED))
    case = case_of(school)
    data = export_evidence(school.engine, school.config, case, actor="anna", now_ns=school.now_ns)
    (newest, *_) = audit.list_entries(school.engine, school.id)
    assert (newest.actor, newest.action, newest.subject) == ("anna", "evidence.exported", case.name)
    assert newest.detail == f"SHA-256 {hashlib.sha256(data).hexdigest()}"


def test_incident_without_events_has_no_evidence(school: School, ingest: Ingest, device: Device) -> None:
    """What was refused is no part of a chain; and what there is not, there is not."""
    send(ingest, spoil(device.say(ORDINARY), signature=bytes(64)))
    (incident,) = incidents_of(school)
    with pytest.raises(UsageError, match="no event stands behind"):
        load_incident(school.engine, school.id, incident.id, is_operator=True)
    with pytest.raises(UsageError, match="no security incident"):
        load_incident(school.engine, school.id, "0" * 16, is_operator=True)


def test_flag_is_given_to_its_reader_sealed(school: School, device: Device, safeguarding: Safeguarding) -> None:
    """The bytes that the device sealed, as they are: the verifier says that it cannot open them, their readers can."""
    flag_id = safeguarding.raise_flag(device)
    case = load_flag(school.engine, school.id, flag_id, reader=safeguarding.reader(safeguarding.dsl))
    data = export_evidence(school.engine, school.config, case, actor="dana", now_ns=school.now_ns)
    told = verify(data)
    assert told["problems"] == []
    (rests,) = told["What the case rests on"]
    assert "flag.raised" in rests
    assert "nobody would miss me" not in json.dumps(told)
    assert b"nobody would miss me" not in data
    (content,) = Forgery.of(data).contents
    assert b"age-encryption.org/v1" in bytes.fromhex(content["body"])


def test_flag_is_given_to_nobody_else(school: School, device: Device, safeguarding: Safeguarding) -> None:
    """To whom it may not be shown it is not there; and its incident is none of the command line's."""
    flag_id = safeguarding.raise_flag(device, account="directory:dana")
    with pytest.raises(UsageError, match="no such flag"):
        load_flag(school.engine, school.id, flag_id, reader=safeguarding.reader(safeguarding.dsl))
    with reading(school.engine) as connection:
        incident_id = connection.execute(select(incidents.c.incident_id)).scalar_one()
    with pytest.raises(UsageError, match="no security incident"):
        load_incident(school.engine, school.id, incident_id, is_operator=True)


def test_flag_beside_one_that_its_reader_may_not_see_is_not_given(
    school: School, device: Device, safeguarding: Safeguarding
) -> None:
    """That there is another would stand in the chain: it is refused in words that do not say so."""
    flag_id = safeguarding.raise_flag(device)
    safeguarding.raise_flag(device, route="head")
    case = load_flag(school.engine, school.id, flag_id, reader=safeguarding.reader(safeguarding.dsl))
    with pytest.raises(UsageError) as refused:
        export_evidence(school.engine, school.config, case, actor="dana", now_ns=school.now_ns)
    assert "flag" not in refused.value.message
    assert school_exports(school) == []


def test_technician_does_not_learn_of_flags_from_a_chain(
    school: School, ingest: Ingest, device: Device, safeguarding: Safeguarding
) -> None:
    """A run with a sealed event is not given, nor to the operator, who has the database, until he says that he may."""
    send(ingest, device.say(TOR_STARTED), safeguarding.say_flag(device))
    for is_operator, way_out in ((False, "ask whoever runs the collector"), (True, "--with-sealed-headers")):
        with pytest.raises(UsageError, match="cannot be given to you") as refused:
            export(school, case_of(school, is_operator=is_operator))
        assert way_out in refused.value.hint
    assert school_exports(school) == []
    assert len(export(school, case_of(school, with_sealed_headers=True)).envelopes) == 2
    (newest, *_) = audit.list_entries(school.engine, school.id)
    assert newest.detail.endswith(", with sealed headers")


def test_who_erased_another_s_matter_is_not_told(
    school: School, ingest: Ingest, device: Device, safeguarding: Safeguarding
) -> None:
    """The tombstone of an annulled flag says who annulled it and why; the file of an incident beside it has none."""
    send(ingest, device.say(TOR_STARTED))
    send(ingest, safeguarding.say_flag(device), device.say(TOR_STARTED))
    with reading(school.engine) as connection:
        flag_id = connection.execute(select(flags.c.flag_id)).scalar_one()
    reader = safeguarding.reader(safeguarding.dsl)
    key = load_signer(school.config.signing_key)
    annul_flag(school.engine, school.id, flag_id, reader=reader, signer=key, why="malicious", now_ns=school.now_ns)
    made = export(school, case_of(school, with_sealed_headers=True))
    assert [name for name in made.files if name.startswith("tombstones")] == []


def test_very_long_run_is_for_the_operator(school: School, ingest: Ingest, device: Device) -> None:
    """At the console it is refused in the same words, so that they tell nothing about what stands in it."""
    send(ingest, device.say(TOR_STARTED), device.say(ORDINARY))
    export(school, case_of(school, is_operator=False))
    with pytest.raises(UsageError, match="cannot be given to you"):
        export(school, replace(case_of(school, is_operator=False), max_envelopes=1))


def school_exports(school: School) -> list[str]:
    """Return what was exported."""
    entries = audit.list_entries(school.engine, school.id)
    return [each.subject for each in entries if each.action == "evidence.exported"]


def test_rule_is_cut_out_whole_and_alone() -> None:
    """With its own tests, without the comment that stands before the next one."""
    text = '# pack\n[[rule]]\nid = "a"\n[[rule.test]]\nname = "x"\n\n# of b\n[[rule]]\nid = "b"\n'
    assert dossier._cut_out({"x.toml": text}, "a") == '[[rule]]\nid = "a"\n[[rule.test]]\nname = "x"'
    assert dossier._cut_out({"x.toml": text}, "b") == '[[rule]]\nid = "b"'
    assert dossier._cut_out({"x.toml": text}, "c") == ""
