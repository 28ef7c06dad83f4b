# SPDX-License-Identifier: Apache-2.0
"""The devices: who was heard, who is quiet, what their checks answer, what they are made of, what is installed."""

from starlette.exceptions import HTTPException
from starlette.responses import Response

from collector.answers import list_answers
from collector.confirmation import find_waiting
from collector.console import device_wording
from collector.console.credentials import load_credentials
from collector.console.device_list import PER_PAGE, STATE_CHOICES, count_states, load_listed, read_filter
from collector.console.guard import Route
from collector.console.visit import Visit
from collector.devices import Device, DeviceState, find_device, list_successors
from collector.disposals import find_disposal
from collector.expected_devices import find_expected
from collector.hardware import list_versions
from collector.incidents import list_incidents
from collector.inventory import find_state, list_installed
from collector.policies import list_publications
from collector.roles import Permission

PROGRAMS_SHOWN = 500
SUCCESSORS_SHOWN = 50


def show_devices(visit: Visit) -> Response:
    """Show one page of the devices, and how many there are in each state."""
    chosen = read_filter(visit.asked("state"), visit.asked("name"), visit.asked("page"))
    listed = load_listed(visit.engine, visit.school_id, chosen, visit.now_ns)
    return visit.page(
        "devices.html",
        chosen=chosen,
        listed=listed,
        counts=count_states(visit.engine, visit.school_id, visit.now_ns),
        state_choices=STATE_CHOICES,
        first=(chosen.page - 1) * PER_PAGE + 1,
        is_last=chosen.page * PER_PAGE >= listed.total,
        newest_policy=_find_newest_policy(visit),
        words=device_wording,
    )


def show_device(visit: Visit) -> Response:
    """Show one device: what is to be decided about it, what its checks answer, what it is made of, its incidents."""
    device = _find(visit)
    found = (
        list_incidents(visit.engine, visit.school_id, audiences=visit.audiences, device_id=device.id, limit=200)
        if visit.may(Permission.SEE_INCIDENTS)
        else []
    )
    machines = list_versions(visit.engine, visit.school_id, device.id)
    former_id = device.former_device_id
    return visit.page(
        "device.html",
        device=device,
        waiting=find_waiting(visit.engine, visit.school_id, device.id) if device.state == DeviceState.PENDING else None,
        former=find_device(visit.engine, visit.school_id, former_id) if former_id else None,
        successors=list_successors(visit.engine, visit.school_id, device.id, limit=SUCCESSORS_SHOWN),
        expected=find_expected(visit.engine, visit.school_id, device.id),
        disposal=find_disposal(visit.engine, visit.school_id, device.id),
        credentials=load_credentials(visit.engine, visit.school_id, device.id),
        answers=list_answers(visit.engine, visit.school_id, device.id),
        machine=machines[0] if machines else None,
        machines_before=machines[1:],
        software=find_state(visit.engine, visit.school_id, device.id),
        incidents=found,
        newest_policy=_find_newest_policy(visit),
        words=device_wording,
    )


def show_software(visit: Visit) -> Response:
    """Show what is installed on one device, or what of it has a word in its name."""
    device = _find(visit)
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


def _find(visit: Visit) -> Device:
    device = find_device(visit.engine, visit.school_id, visit.param("device_id"))
    if device is None:
        raise HTTPException(404)
    return device


def _find_newest_policy(visit: Visit) -> int:
    publications = list_publications(visit.engine, visit.school_id)
    return publications[0].version if publications else 0


ROUTES = (
    Route(method="GET", path="/devices", page=show_devices, needs=Permission.SEE_DEVICES),
    Route(method="GET", path="/devices/{device_id}", page=show_device, needs=Permission.SEE_DEVICES),
    Route(method="GET", path="/devices/{device_id}/software", page=show_software, needs=Permission.SEE_DEVICES),
)
