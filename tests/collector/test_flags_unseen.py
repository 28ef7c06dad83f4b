# SPDX-License-Identifier: Apache-2.0
"""Tests of what a curious technician finds of flags: every page and command says the same as if there were none.

What is compared is the whole text of every page, before and after. The one thing that may differ is how many events a
device has sent, of whatever kind.
"""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.applications import Starlette

from collector.authority import load_authority
from collector.checkpoints import list_checkpoints, make_checkpoint
from collector.console.app import ROUTES, create_app
from collector.console.guard import Door
from collector.devices import list_devices
from collector.errors import UsageError
from collector.incidents import Action, IncidentState, count_open, decide, list_incidents
from collector.roles import ROLES, Permission, Role
from proto.events import Audience, NoticeAccepted
from proto.keys import load_signer
from tests.collector.command import Run
from tests.collector.console.visitor import Answer, Visitor
from tests.collector.evidence import SECURITY, TOR_STARTED, Device, enrol_device
from tests.collector.safeguarding import PASSWORD, Safeguarding, build_safeguarding, make_nonce
from tests.collector.school import School

CURIOUS = (Role.TECHNICIAN, Role.ADMINISTRATOR)
EVENTS_KEPT = re.compile(r"Events kept \d+")


@pytest.fixture
def safeguarding(school: School) -> Safeguarding:
    """Four readers and the set that names them."""
    return build_safeguarding(school)


@pytest.fixture
def app(school: School) -> Starlette:
    """The console."""
    return create_app(
        school.config, school.engine, publish=school.publish, secure_cookies=True, clock_ns=lambda: school.now_ns
    )


def enter(school: School, app: Starlette, role: Role) -> Visitor:
    """Sign in as a role that reads no flags."""
    visitor = Visitor(app)
    assert visitor.sign_in(role.value, school.add_user(role.value, role, PASSWORD)).status == 303
    return visitor


def read_everything(visitor: Visitor, device_id: str) -> dict[str, str]:
    """Return the words of every page that can be opened by its address."""
    addresses = {route.path for route in ROUTES if route.method == "GET" and route.needs is not Door.PUBLIC}
    asked = {each.replace("{device_id}", device_id) for each in addresses}
    asked |= {f"/incidents?state={state}&severity={number}" for state in ("all", "open") for number in "12345"}
    pages = {each: visitor.get(each) for each in sorted(asked) if "{" not in each}
    assert sum(page.status == 200 for page in pages.values()) > 10
    return {each: f"{page.status} {EVENTS_KEPT.sub('', page.words)}" for each, page in pages.items()}


def raise_everything(safeguarding: Safeguarding, device: Device) -> None:
    """Let a device raise flags of every tier and route, and say that a notice was accepted."""
    for tier in ("call", "alert", "review", "count"):
        for route in ("dsl", "head", "chair", "outside"):
            safeguarding.raise_flag(device, tier=tier, route=route)
    safeguarding.take(device.say(NoticeAccepted(safeguarding.ref(), "1"), audience=Audience.SAFEGUARDING))


@pytest.mark.parametrize("role", CURIOUS)
def test_pages_are_the_same_as_without_flags(
    school: School, safeguarding: Safeguarding, app: Starlette, device: Device, role: Role
) -> None:
    """Every page, list and filter; the control is an incident of the same device, which does show."""
    visitor = enter(school, app, role)
    before = read_everything(visitor, device.id)
    raise_everything(safeguarding, device)
    assert read_everything(visitor, device.id) == before
    safeguarding.take(device.say(TOR_STARTED))
    after = read_everything(visitor, device.id)
    assert {each for each in before if after[each] != before[each]} >= {
        "/incidents",
        "/devices",
        f"/devices/{device.id}",
    }


@pytest.mark.parametrize("role", CURIOUS)
def test_incident_of_flags_is_not_there_for_who_knows_its_id(
    school: School, safeguarding: Safeguarding, app: Starlette, device: Device, role: Role
) -> None:
    """The same answer as for one that never was, to looking and to deciding."""
    visitor = enter(school, app, role)
    visitor.get("/incidents")
    safeguarding.raise_flag(device)
    (hidden,) = list_incidents(school.engine, school.id, audiences=[Audience.SAFEGUARDING])
    for verb in ("", "/acknowledge", "/resolve", "/note", "/allow"):
        ask: Callable[[str], Answer] = visitor.get if not verb else lambda path: visitor.post(path, {"note": "x"})
        found, unknown = ask(f"/incidents/{hidden.id}{verb}"), ask(f"/incidents/{'0' * 16}{verb}")
        assert (found.status, found.words) == (unknown.status, unknown.words)
        assert found.status in (403, 404)
    for audiences in [ROLES[each].audiences for each in Role]:
        with pytest.raises(UsageError):
            decide(
                school.engine,
                school.id,
                hidden.id,
                audiences=audiences,
                actor="mallory",
                action=Action.NOTED,
                note="x",
                now_ns=school.now_ns,
            )


def test_no_role_of_a_technician_has_the_audience(school: School, safeguarding: Safeguarding, device: Device) -> None:
    """Nor a count, nor a number on a device: whoever asks for security gets security."""
    raise_everything(safeguarding, device)
    for role, duties in ROLES.items():
        assert Audience.SAFEGUARDING not in duties.audiences, role
    assert count_open(school.engine, school.id, audiences=SECURITY) == 0
    assert list_incidents(school.engine, school.id, audiences=SECURITY, states=tuple(IncidentState)) == []
    assert [each.open_incidents for each in list_devices(school.engine, school.id)] == [0]
    assert [role for role in CURIOUS if Permission.READ_FLAGS in ROLES[role].permissions] == []


@pytest.mark.parametrize("verb", ["incidents", "devices", "refused", "verify", "drill list", "readers show"])
def test_commands_are_the_same_as_without_flags(run: Run, folder: Path, school_at: School, verb: str) -> None:
    """As text and as JSON; only how many events there are is told, of whatever kind."""
    safeguarding = build_safeguarding(school_at)
    device = enrol_device(school_at, load_authority(school_at.config.authority_folder))

    def ask() -> list[str]:
        said = []
        for form in ("text", "json"):
            assert run(*verb.split(), "--dir", folder, "--format", form) == 0
            said.append(re.sub(r'("(events|envelopes)": )\d+|\d+ (events|envelopes)', "", run.out))
        return said

    before = ask()
    raise_everything(safeguarding, device)
    assert ask() == before


def test_checkpoint_says_where_chains_end_and_no_more(
    school: School, safeguarding: Safeguarding, device: Device
) -> None:
    """Numbers, hashes and keys; neither a route nor a tier nor a reference."""
    raise_everything(safeguarding, device)
    made = make_checkpoint(school.engine, school.id, load_signer(school.config.signing_key), school.now_ns)
    assert made is not None
    assert list_checkpoints(school.engine, school.id) == [made]
    chain, log, key = json.loads(made.heads)
    assert (chain[:4], len(chain), len(chain[4])) == ([device.id, 1, device.seq, device.hash.hex()], 5, 64)
    assert (log[:2], len(log), len(log[3])) == (["audit", 0], 4, 64)
    assert (key[:3], len(key), len(key[3])) == (["collector", 0, 0], 4, 64)


def test_strange_flag_tells_technicians_no_event(
    school: School, safeguarding: Safeguarding, app: Starlette, device: Device
) -> None:
    """That a device claims a drill is a fault to look into; the flag behind it is not shown with it."""
    technician = enter(school, app, Role.TECHNICIAN)
    safeguarding.raise_flag(device, tier="call", drill_nonce=make_nonce())
    (incident,) = list_incidents(school.engine, school.id, audiences=SECURITY)
    page = technician.get(f"/incidents/{incident.id}")
    ordinary = technician.get(f"/incidents/{school.add_incident(school.add_device('pc-1'))}")
    assert "A device sent a message that does not keep to the contract" in page.words
    for word in ("flag", "flags", "drill", "flag.raised", "sealed", "call", safeguarding.ref().hex(), "dsl"):
        # What stands on every incident's page, such as that the DSL is asked about parents, says nothing of this one.
        assert len(re.findall(rf"\b{word}\b", page.words.lower())) <= len(
            re.findall(rf"\b{word}\b", ordinary.words.lower())
        ), word
