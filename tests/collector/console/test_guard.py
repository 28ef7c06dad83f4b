# SPDX-License-Identifier: Apache-2.0
"""Tests of the door: every route with every role, and what another site can make a browser send."""

import re

import pytest
from sqlalchemy import update

from collector.console.app import ROUTES
from collector.console.guard import Door, Route
from collector.roles import Permission, Role, dump_roles, needs_second_factor
from collector.store.engine import writing
from collector.store.schema import audit, users
from collector.users import disable, reset_password
from tests.collector.console.conftest import PASSWORD, Enter
from tests.collector.console.visitor import HOST, ORIGIN, SAME_ORIGIN, Visitor
from tests.collector.school import MINUTE_NS, STEP_NS, School

Somebody = Role | None
"""A role, or nobody who is signed in."""

EVERYBODY: set[Somebody] = {None, *Role}
SIGNED_IN: set[Somebody] = {*Role}
DEVICES: set[Somebody] = {Role.TECHNICIAN, Role.ADMINISTRATOR, Role.ICT_MANAGER}
INCIDENTS: set[Somebody] = DEVICES | {Role.LINE_MANAGER}
DECIDES: set[Somebody] = {Role.TECHNICIAN, Role.ICT_MANAGER, Role.LINE_MANAGER}
POLICY: set[Somebody] = {*Role}
CHANGES: set[Somebody] = {Role.TECHNICIAN, Role.ADMINISTRATOR, Role.ICT_MANAGER}
SECONDS: set[Somebody] = {Role.DSL, Role.HEADTEACHER}
ASKS: set[Somebody] = {*Role} - {Role.AUDITOR, Role.GOVERNOR}
EXCEPTS: set[Somebody] = {Role.ICT_MANAGER, Role.HEADTEACHER}
PARENTS: set[Somebody] = {Role.DSL, Role.DEPUTY_DSL}
READER: set[Somebody] = {Role.DSL, Role.DEPUTY_DSL, Role.HEADTEACHER, Role.CHAIR_OF_GOVERNORS}
TECHNICIAN: set[Somebody] = {Role.TECHNICIAN}
ADMINISTRATOR: set[Somebody] = {Role.ADMINISTRATOR}
AUDITOR: set[Somebody] = {Role.AUDITOR, Role.HEADTEACHER}

WHO_MAY = {
    "GET /": SIGNED_IN,
    "GET /sign-in": EVERYBODY,
    "POST /sign-in": EVERYBODY,
    "GET /account": SIGNED_IN,
    "GET /account/password": SIGNED_IN,
    "POST /account/password": SIGNED_IN,
    "POST /account/sign-out": SIGNED_IN,
    "POST /account/sign-out-everywhere": SIGNED_IN,
    "GET /account/second-factor": SIGNED_IN,
    "POST /account/second-factor": SIGNED_IN,
    "POST /account/absence": READER,
    "POST /account/absence/end": READER,
    "GET /flags": READER,
    "GET /flags/rows": READER,
    "GET /flags/people": READER,
    "GET /flags/{flag_id}": READER,
    "POST /flags/{flag_id}/decide": READER,
    "POST /flags/{flag_id}/open": READER,
    "POST /flags/{flag_id}/file": READER,
    "POST /flags/{flag_id}/evidence": READER,
    "POST /flags/{flag_id}/notes": READER,
    "POST /flags/{flag_id}/copy": READER,
    "GET /flags/{flag_id}/annul": READER,
    "POST /flags/{flag_id}/annul": READER,
    "GET /audit": AUDITOR,
    "POST /audit": AUDITOR,
    "GET /identity": READER,
    "GET /identity/key": READER,
    "POST /identity": READER,
    "GET /identity/file": READER,
    "POST /identity/file": READER,
    "GET /readers": READER | ADMINISTRATOR,
    "GET /readers/drills": READER,
    "POST /readers": READER,
    "POST /readers/drill": READER,
    "GET /incidents": INCIDENTS,
    "GET /incidents/rows": INCIDENTS,
    "GET /incidents/{incident_id}": INCIDENTS,
    "POST /incidents/{incident_id}/evidence": INCIDENTS,
    "POST /incidents/{incident_id}/acknowledge": DECIDES,
    "POST /incidents/{incident_id}/resolve": DECIDES,
    "POST /incidents/{incident_id}/reopen": DECIDES,
    "POST /incidents/{incident_id}/note": DECIDES,
    "POST /incidents/{incident_id}/allow": TECHNICIAN,
    "GET /devices": DEVICES,
    "GET /devices/{device_id}": DEVICES,
    "GET /devices/{device_id}/software": DEVICES,
    "GET /devices/{device_id}/receipt": DEVICES,
    "GET /devices/{device_id}/receipt.json": DEVICES,
    "GET /devices/{device_id}/retire": TECHNICIAN,
    "POST /devices/{device_id}/retire": TECHNICIAN,
    "POST /devices/{device_id}/confirm": TECHNICIAN,
    "POST /devices/{device_id}/same": TECHNICIAN,
    "POST /devices/{device_id}/revoke": TECHNICIAN,
    "POST /devices/{device_id}/resets": TECHNICIAN,
    "GET /devices/pending": DEVICES,
    "POST /devices/pending": TECHNICIAN,
    "GET /devices/expected": DEVICES,
    "POST /devices/expected": TECHNICIAN,
    "GET /media": DEVICES,
    "GET /media/{digest}": DEVICES,
    "POST /media/{digest}/approve": TECHNICIAN,
    "POST /media/{digest}/withdraw": TECHNICIAN,
    "GET /proposals": TECHNICIAN,
    "GET /proposals/{proposal_id}": TECHNICIAN,
    "POST /proposals/{proposal_id}": TECHNICIAN,
    "GET /people": ADMINISTRATOR,
    "POST /people": ADMINISTRATOR,
    "GET /users": ADMINISTRATOR,
    "POST /users": ADMINISTRATOR,
    "POST /users/{name}/reset": ADMINISTRATOR,
    "POST /users/{name}/reset-second-factor": ADMINISTRATOR,
    "POST /users/{name}/disable": ADMINISTRATOR,
    "POST /users/{name}/enable": ADMINISTRATOR,
    "POST /absences": ADMINISTRATOR,
    "POST /absences/{name}/end": ADMINISTRATOR,
    "GET /incidents/log": INCIDENTS,
    "GET /incidents/log.csv": INCIDENTS,
    "POST /incidents/{incident_id}/respond": DECIDES,
    "POST /incidents/{incident_id}/ask-parents": DECIDES,
    "GET /parents": PARENTS,
    "POST /parents/{incident_id}/agree": PARENTS,
    "POST /parents/{incident_id}/veto": PARENTS,
    "GET /coverage": POLICY,
    "GET /exceptions": ASKS,
    "GET /exceptions/register.csv": ASKS,
    "GET /exceptions/ask": ASKS,
    "POST /exceptions/ask": ASKS,
    "GET /exceptions/ask-stick": ASKS,
    "POST /exceptions/ask-stick": ASKS,
    "GET /exceptions/{exception_id}": ASKS,
    "POST /exceptions/{exception_id}/withdraw": ASKS,
    "POST /exceptions/{exception_id}/grant": EXCEPTS,
    "POST /exceptions/{exception_id}/refuse": EXCEPTS,
    "POST /exceptions/{exception_id}/review": EXCEPTS,
    "GET /policy": POLICY,
    "GET /policy/changes/{change_id}": POLICY,
    "POST /policy/changes/{change_id}/agree": SECONDS,
    "POST /policy/changes/{change_id}/refuse": SECONDS,
    "POST /policy/changes/{change_id}/withdraw": CHANGES,
    "GET /policy/pause": CHANGES,
    "POST /policy/pause": CHANGES,
    "POST /policy/resume": POLICY,
    "POST /policy/stage": CHANGES,
    "POST /policy/everywhere": CHANGES,
    "POST /policy/back": CHANGES,
}
"""Written down a second time on purpose: a route that is added or opened wider has to be added here as well."""

REFUSING_FURTHER_ON = {"POST /sign-in", "POST /account/password", "GET /flags/people", "POST /policy/resume"}
"""Let the role in and refuse by themselves: for a wrong password, to a reader who is in no signed set, or to somebody
who neither changes rules nor has the second word."""

FOR_ONE_TIME_PASSWORDS = {"GET /account/password", "POST /account/password", "POST /account/sign-out"}
FOR_ONE_FACTOR = {"GET /account/second-factor", "POST /account/second-factor", "POST /account/sign-out"}


def name_of(route: Route) -> str:
    """Return how a route is called here."""
    return f"{route.method} {route.path}"


def knock(visitor: Visitor, route: Route) -> tuple[int, str]:
    """Ask for a route with what its address needs and nothing else; return the status and where it leads."""
    path = route.path.replace("{name}", "ghost")
    for parameter in re.findall(r"\{[a-z_]+\}", path):
        path = path.replace(parameter, "00" * 8)
    answer = visitor.get(path) if route.method == "GET" else visitor.post(path, {})
    return answer.status, answer.location


def test_every_route_is_in_the_table() -> None:
    """Nothing is served that nobody thought about."""
    assert {name_of(route) for route in ROUTES} == set(WHO_MAY)


@pytest.mark.parametrize("role", [None, *Role])
def test_every_route_is_open_to_its_roles_only(
    role: Role | None, enter: Enter, visitor: Visitor, school: School
) -> None:
    """Each route with each role: let in, asked to sign in, or refused, and never anything else."""
    if role is not None:
        visitor = enter(role)
    for route in ROUTES:
        if role is not None and visitor.get("/account").status == 303:
            # Some routes end the session.
            visitor.sign_in(role.value, PASSWORD)
            if needs_second_factor({role}):
                school.pass_time(STEP_NS)
                visitor.give_code(school.make_code(role.value))
        status, location = knock(visitor, route)
        if role in WHO_MAY[name_of(route)]:
            assert status not in (401, 403, 405, 500) or name_of(route) in REFUSING_FURTHER_ON
            assert not location.startswith("/sign-in") or "sign-out" in route.path
        elif role is None:
            assert (status, location.split("?")[0]) == (303, "/sign-in"), route
        else:
            assert status == 403, route


def test_refused_post_changes_nothing(administrator: Visitor, school: School) -> None:
    """A role that may only read incidents cannot decide one by sending the form anyway."""
    incident = school.add_incident(school.add_device("pc-1"))
    before = school.count(audit)
    assert administrator.post(f"/incidents/{incident}/resolve", {"note": "x"}).status == 403
    assert school.count(audit) == before
    assert "Open" in administrator.get(f"/incidents/{incident}").words


def test_one_time_password_opens_nothing_but_its_own_change(enter: Enter) -> None:
    """Until a new password is chosen every other page leads to the form for it."""
    newcomer = enter(Role.TECHNICIAN, has_own_password=False)
    for route in ROUTES:
        if route.needs is Door.PUBLIC or name_of(route) in FOR_ONE_TIME_PASSWORDS:
            continue
        assert knock(newcomer, route) == (303, "/account/password"), route
    assert {name_of(route) for route in ROUTES if route.for_one_time_password} == FOR_ONE_TIME_PASSWORDS


def test_password_alone_opens_nothing_to_a_reader(school: School, visitor: Visitor) -> None:
    """Until the second factor is given every page but its own leads to it, whatever other roles the user holds."""
    school.add_user("tess", {Role.TECHNICIAN, Role.DSL}, PASSWORD)
    visitor.sign_in("tess", PASSWORD)
    for route in ROUTES:
        if route.needs is Door.PUBLIC or name_of(route) in FOR_ONE_FACTOR:
            continue
        status, location = knock(visitor, route)
        assert (status, location.split("?")[0]) == (303, "/account/second-factor"), route
    assert {name_of(route) for route in ROUTES if route.for_one_factor} == FOR_ONE_FACTOR


def test_asking_to_sign_in_remembers_the_page(visitor: Visitor) -> None:
    """Who opens a page without a session comes back to it."""
    assert visitor.get("/incidents?state=all&severity=3").location == (
        "/sign-in?next=%2Fincidents%3Fstate%3Dall%26severity%3D3"
    )


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "null"},
        {"origin": "https://evil.example"},
        {"origin": "https://evil.example", "sec-fetch-site": "same-origin"},
        {"origin": ORIGIN, "sec-fetch-site": "cross-site"},
        {"origin": ORIGIN, "sec-fetch-site": "same-site"},
        {"origin": "null", "sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "none"},
        {"origin": f"https://{HOST}.evil.example"},
        {"origin": f"https://evil.example/{HOST}"},
        {"origin": f"https://{HOST}@evil.example"},
    ],
)
@pytest.mark.parametrize("path", ["/account/sign-out-everywhere", "/sign-in"])
def test_form_from_elsewhere_is_refused(technician: Visitor, path: str, headers: dict[str, str]) -> None:
    """A form that does not come from a page of ours is refused, even with the right token, also at sign-in."""
    answer = technician.post(path, {"name": "technician", "password": PASSWORD}, headers=headers)
    assert answer.status == 403
    assert "not sent from a page of this console" in answer.words
    assert technician.get("/incidents").status == 200


@pytest.mark.parametrize(
    "headers", [SAME_ORIGIN, {"origin": ORIGIN}, {"origin": ORIGIN, "sec-fetch-site": "same-origin"}]
)
def test_form_of_ours_is_taken(technician: Visitor, headers: dict[str, str]) -> None:
    """Browsers old and new that say where the form comes from are let in."""
    assert technician.post("/account/sign-out-everywhere", headers=headers).status == 303
    assert technician.get("/incidents").location.startswith("/sign-in")


@pytest.mark.parametrize("token", ["", "x" * 43, "é"])
def test_form_without_the_sessions_token_is_refused(technician: Visitor, token: str) -> None:
    """The right origin is not enough: the form must carry this session's token."""
    answer = technician.post("/account/sign-out-everywhere", {"csrf": token})
    assert answer.status == 403
    assert "not of your session" in answer.words


def test_token_of_another_session_is_refused(enter: Enter) -> None:
    """A token is good in its own session only."""
    anna, ben = enter(Role.TECHNICIAN, "anna"), enter(Role.TECHNICIAN, "ben")
    assert anna.post("/account/sign-out-everywhere", {"csrf": ben.csrf}).status == 403


def test_role_is_read_from_the_database_at_every_request(technician: Visitor, school: School) -> None:
    """Nothing that a browser sends makes a role; a role taken away is gone at once."""
    for header in ("x-role", "role", "x-user"):
        assert technician.send("GET", "/users", headers={header: "administrator"}).status == 403
    technician.cookies["role"] = "administrator"
    assert technician.get("/users?role=administrator").status == 403
    assert technician.get("/proposals").status == 200
    with writing(school.engine) as connection:
        connection.execute(update(users).values(roles=dump_roles({Role.ADMINISTRATOR})))
    assert technician.get("/proposals").status == 403
    assert technician.get("/users").status == 200


def test_disabled_users_session_ends_at_once(technician: Visitor, school: School) -> None:
    """The next click of a disabled user leads to the sign-in page."""
    school.add_user("root", Role.ADMINISTRATOR)
    disable(school.engine, school.id, "technician", school.now_ns, actor="root")
    assert technician.get("/incidents").location.startswith("/sign-in?done=session-ended")


def test_reset_users_session_ends_at_once(technician: Visitor, school: School) -> None:
    """A reset password ends what was signed in with the old one."""
    reset_password(school.engine, school.id, "technician", school.now_ns)
    assert technician.get("/incidents").location.startswith("/sign-in?done=session-ended")


def test_list_left_open_signs_its_user_out(technician: Visitor, school: School) -> None:
    """A page that refreshes itself every two seconds does not count as somebody working; then it leads to sign-in."""
    for _ in range(3):
        school.pass_time(10 * MINUTE_NS)
        answer = technician.get("/incidents/rows", hx_request="true")
    assert answer.status == 401
    assert answer.header("hx-redirect") == "/sign-in?done=session-ended"
    assert answer.text == ""


def test_somebody_who_works_stays_signed_in(technician: Visitor, school: School) -> None:
    """Opening pages keeps the session alive."""
    for _ in range(4):
        school.pass_time(20 * MINUTE_NS)
        assert technician.get("/incidents").status == 200


def test_only_routes_that_poll_are_no_activity() -> None:
    """No page that a person opens is taken for a refresh."""
    assert [route.path for route in ROUTES if route.refreshes_itself] == [
        "/flags/rows",
        "/readers/drills",
        "/incidents/rows",
    ]


def test_every_route_needs_something_on_purpose() -> None:
    """Only signing in is open to anybody."""
    assert {route.path for route in ROUTES if route.needs is Door.PUBLIC} == {"/sign-in"}
    assert all(isinstance(route.needs, Permission | Door) for route in ROUTES)


def test_oversized_form_is_refused(technician: Visitor) -> None:
    """More than the largest proposal needs is not read."""
    answer = technician.post("/users", {"name": "x" * (3 * 1024 * 1024)})
    assert answer.status == 413
    assert technician.post("/users", [("x", "y")] * 30_000).status == 400
