# SPDX-License-Identifier: Apache-2.0
"""The devices: who was heard, who is quiet, what their checks answer, what they are made of, what is installed."""

from starlette.exceptions import HTTPException
from starlette.responses import Response

from collector.answers import list_answers
from collector.console.guard import Route
from collector.console.visit import Visit
from collector.devices import DeviceState, find_device, list_devices
from collector.hardware import list_versions
from collector.incidents import list_incidents
from collector.inventory import find_state, list_installed
from collector.policies import list_publications
from collector.roles import Permission

PROGRAMS_SHOWN = 500
CLOCK_SHOWN_FROM_NS = 60 * 10**9
"""A clock that is off by less is not worth a word."""


def show_devices(visit: Visit) -> Response:
    """Show all devices: the quiet ones first, because they are the ones to look at, the revoked ones last."""
    heard, quiet, revoked = [], [], []
    for device in list_devices(visit.engine, visit.school_id):
        if device.state != DeviceState.ACTIVE:
            revoked.append(device)
        elif device.is_quiet(visit.now_ns):
            quiet.append(device)
        else:
            heard.append(device)
    return visit.page(
        "devices.html",
        sorts={"quiet": quiet, "heard": heard, "revoked": revoked},
        newest_policy=_find_newest_policy(visit),
        clock_shown_from_ns=CLOCK_SHOWN_FROM_NS,
    )


def show_device(visit: Visit) -> Response:
    """Show one device: what its checks answer, what it is made of, and its incidents."""
    device = find_device(visit.engine, visit.school_id, visit.param("device_id"))
    if device is None:
        raise HTTPException(404)
    found = (
        list_incidents(visit.engine, visit.school_id, audiences=visit.audiences, device_id=device.id, limit=200)
        if visit.may(Permission.SEE_INCIDENTS)
        else []
    )
    machines = list_versions(visit.engine, visit.school_id, device.id)
    return visit.page(
        "device.html",
        device=device,
        answers=list_answers(visit.engine, visit.school_id, device.id),
        machine=machines[0] if machines else None,
        machines_before=machines[1:],
        software=find_state(visit.engine, visit.school_id, device.id),
        incidents=found,
        newest_policy=_find_newest_policy(visit),
        clock_shown_from_ns=CLOCK_SHOWN_FROM_NS,
    )


def show_software(visit: Visit) -> Response:
    """Show what is installed on one device, or what of it has a word in its name."""
    device = find_device(visit.engine, visit.school_id, visit.param("device_id"))
    if device is None:
        raise HTTPException(404)
    search = visit.asked("search").strip()
    found = [
        each
        for each in list_installed(visit.engine, visit.school_id, device.id)
        if search.casefold() in each.name.casefold()
    ]
    return visit.page(
        "software.html",
        device=device,
        state=find_state(visit.engine, visit.school_id, device.id),
        search=search,
        programs=found[:PROGRAMS_SHOWN],
        total=len(found),
    )


def _find_newest_policy(visit: Visit) -> int:
    publications = list_publications(visit.engine, visit.school_id)
    return publications[0].version if publications else 0


ROUTES = (
    Route(method="GET", path="/devices", page=show_devices, needs=Permission.SEE_DEVICES),
    Route(method="GET", path="/devices/{device_id}", page=show_device, needs=Permission.SEE_DEVICES),
    Route(method="GET", path="/devices/{device_id}/software", page=show_software, needs=Permission.SEE_DEVICES),
)
