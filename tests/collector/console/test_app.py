# SPDX-License-Identifier: Apache-2.0
"""Tests of what the whole console promises: headers, cookies, failures, and pages without assets."""

import logging

import pytest

from collector.console import static_files
from collector.console.app import create_app
from collector.console.headers import HEADERS
from collector.roles import Role
from proto.events import Program, ProgramStarted
from tests.collector.console.conftest import PASSWORD, Enter
from tests.collector.console.visitor import Answer, Visitor
from tests.collector.school import School

EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{7*7}}\u202eexe.tor\x1b[2J"


def assert_protected(answer: Answer) -> None:
    """Check that a response has all our headers."""
    for name, value in HEADERS.items():
        assert answer.header(name) == value
    assert answer.header("cache-control") == "no-store"


def test_policy_lets_nothing_in_but_our_own_files() -> None:
    """The content security policy starts from nothing and names no other source, no inline and no eval."""
    policy = HEADERS["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    assert "http" not in policy
    for directive in ("frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'", "script-src 'self'"):
        assert directive in policy


def test_every_kind_of_response_is_protected(visitor: Visitor, technician: Visitor) -> None:
    """Pages, redirects, refusals and failures all carry the headers and are kept nowhere."""
    answers = [
        (visitor.get("/sign-in"), 200),
        (visitor.get("/incidents"), 303),
        (visitor.post("/sign-in", {"name": "x", "password": "y"}), 403),
        (visitor.get("/no-such-page"), 404),
        (visitor.send("DELETE", "/sign-in"), 405),
        (technician.get("/users"), 403),
        (technician.get("/incidents"), 200),
        (technician.get("/incidents/unknown"), 404),
    ]
    for answer, status in answers:
        assert answer.status == status
        assert_protected(answer)


def test_bug_is_a_plain_page_and_reaches_the_server(technician: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistake of ours shows no internals; the server gets the error to log."""

    def fail(*_arguments: object, **_more: object) -> None:
        raise LookupError("secret of the inside")

    monkeypatch.setattr("collector.console.pages.devices.load_listed", fail)
    with pytest.raises(LookupError):
        technician.get("/devices")
    technician.bug = LookupError
    answer = technician.get("/devices")
    assert answer.status == 500
    assert "Something went wrong here" in answer.words
    assert "secret" not in answer.text
    assert_protected(answer)


def test_cookie_over_tls_is_bound_to_this_host(visitor: Visitor, school: School) -> None:
    """Over TLS the cookie has the __Host- prefix and every flag."""
    school.add_user("anna", Role.TECHNICIAN, PASSWORD)
    (cookie,) = visitor.post("/sign-in", {"name": "anna", "password": PASSWORD}).cookies
    parts = {part.strip().lower() for part in cookie.split(";")}
    assert cookie.startswith(f"__Host-schoolwarden-{school.id[:8]}=")
    assert {"httponly", "secure", "samesite=strict", "path=/"} <= parts
    assert not any(part.startswith(("domain", "max-age", "expires")) for part in parts)


def test_cookie_on_loopback_has_every_flag_but_secure(school: School) -> None:
    """Without TLS the flag would keep the cookie from working; the console is on loopback only then."""
    app = create_app(
        school.config, school.engine, publish=school.publish, secure_cookies=False, clock_ns=lambda: school.now_ns
    )
    school.add_user("anna", Role.TECHNICIAN, PASSWORD)
    (cookie,) = Visitor(app).post("/sign-in", {"name": "anna", "password": PASSWORD}).cookies
    parts = {part.strip().lower() for part in cookie.split(";")}
    assert cookie.startswith(f"schoolwarden-{school.id[:8]}=")
    assert {"httponly", "samesite=strict", "path=/"} <= parts
    assert "secure" not in parts


def test_hostile_text_is_harmless_on_every_page(enter: Enter, technician: Visitor, school: School) -> None:
    """A host name and a program's path full of markup, bidi marks and escapes are text on all pages."""
    device = school.add_device(
        EVIL, os=EVIL, os_version=EVIL, agent_version=EVIL, architecture=EVIL, not_watched=[EVIL]
    )
    program = Program(EVIL, path=EVIL, sha256=EVIL, source=EVIL, version=EVIL)
    incident = school.add_incident(
        device, ProgramStarted(program), summary=EVIL, rule_title=EVIL, group_key=EVIL, clauses=(EVIL,), rule=EVIL
    )
    school.add_incident(school.add_device(EVIL), summary=EVIL, rule_title=EVIL, group_key=EVIL, rule=EVIL)
    proposal = school.add_proposal(device, program)
    technician.post(f"/incidents/{incident}/note", {"note": EVIL})
    for path in (
        "/incidents",
        "/incidents/rows",
        f"/incidents/{incident}",
        "/devices",
        f"/devices/{device}",
        "/proposals",
        f"/proposals/{proposal}",
    ):
        text = technician.get(path).text
        assert "alert(1)" in text, path
        assert "<script>alert" not in text
        assert "<img" not in text
        assert "\u202e" not in text
        assert "\x1b" not in text
        assert "[U+202E]" in text
        assert "{{7*7}}" in text


def test_database_that_is_gone_is_a_page_with_a_hint(
    technician: Visitor, school: School, caplog: pytest.LogCaptureFixture
) -> None:
    """Without a database the console says so with 503 and what to do; details are for the log."""
    school.engine.dispose()
    school.config.ledger_file.rename(school.config.ledger_file.with_suffix(".gone"))
    school.config.ledger_file.mkdir()
    with caplog.at_level(logging.ERROR):
        answer = technician.get("/incidents")
    assert answer.status == 503
    assert "The console cannot answer at the moment" in answer.words
    assert "permissions" in answer.words
    assert caplog.records
    assert_protected(answer)


def test_console_works_without_built_assets(
    school: School, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path
) -> None:
    """Before the assets are built the pages are plain HTML, and the log says how to build them."""
    monkeypatch.setattr(static_files.load_addresses, "__defaults__", (tmp_path / "none",))
    with caplog.at_level(logging.WARNING):
        app = create_app(
            school.config, school.engine, publish=school.publish, secure_cookies=True, clock_ns=lambda: school.now_ns
        )
    assert "python -m installers.assets" in caplog.text
    school.add_user("anna", Role.TECHNICIAN, PASSWORD)
    visitor = Visitor(app)
    assert visitor.sign_in("anna", PASSWORD).status == 303
    page = visitor.get("/incidents").text
    assert "No incident waits" in page
    assert "<script" not in page
    assert "stylesheet" not in page


def test_icon_is_served(visitor: Visitor) -> None:
    """The picture in the tab needs no session."""
    answer = visitor.get("/icon.svg")
    assert answer.status == 200
    assert answer.header("content-type") == "image/svg+xml"
