# SPDX-License-Identifier: Apache-2.0
"""What is decided about devices: those that wait, one or all that fit the list, copies, not ours, set back often."""

from starlette.responses import Response

from collector.confirmation import confirm_device, confirm_listed, declare_resets, list_waiting, replace_former
from collector.console import device_wording
from collector.console.guard import Route
from collector.console.visit import Visit
from collector.enrolment import revoke_device
from collector.roles import Permission

WAITING_SHOWN = 200


def show_pending(visit: Visit) -> Response:
    """Show the devices that wait to be confirmed, each with what fits it on the school's list."""
    waiting = list_waiting(visit.engine, visit.school_id)
    return visit.page(
        "devices_pending.html",
        waiting=waiting[:WAITING_SHOWN],
        total=len(waiting),
        listed=sum(each.is_settled_by_list for each in waiting),
        words=device_wording,
    )


def confirm_all_listed(visit: Visit) -> Response:
    """Confirm every device that fits exactly one free row of the list."""
    confirm_listed(visit.engine, visit.school_id, actor=visit.user.user, now_ns=visit.now_ns)
    return visit.redirect("/devices/pending", done="devices-confirmed")


def confirm(visit: Visit) -> Response:
    """It is one of the school's, and new."""
    device_id = visit.param("device_id")
    confirm_device(visit.engine, visit.school_id, device_id, actor=visit.user.user, now_ns=visit.now_ns)
    return visit.redirect(f"/devices/{device_id}", done="device-confirmed")


def replace(visit: Visit) -> Response:
    """It is the same machine as the one before, set back."""
    device_id = visit.param("device_id")
    replace_former(visit.engine, visit.school_id, device_id, actor=visit.user.user, now_ns=visit.now_ns)
    return visit.redirect(f"/devices/{device_id}", done="device-replaced")


def revoke(visit: Visit) -> Response:
    """It is not ours, or not trusted any more."""
    device_id = visit.param("device_id")
    revoke_device(visit.engine, visit.school_id, device_id, actor=visit.user.user, now_ns=visit.now_ns)
    return visit.redirect(f"/devices/{device_id}", done="device-revoked")


def declare(visit: Visit) -> Response:
    """It is set back to an image now and then, or is not any more."""
    device_id = visit.param("device_id")
    declare_resets(
        visit.engine,
        visit.school_id,
        device_id,
        is_on=visit.field("state") == "on",
        why=visit.field("why"),
        actor=visit.user.user,
        now_ns=visit.now_ns,
    )
    return visit.redirect(f"/devices/{device_id}", done="resets-declared")


ROUTES = (
    Route(method="GET", path="/devices/pending", page=show_pending, needs=Permission.SEE_DEVICES),
    Route(method="POST", path="/devices/pending", page=confirm_all_listed, needs=Permission.DECIDE_DEVICES),
    *(
        Route(method="POST", path=f"/devices/{{device_id}}/{name}", page=page, needs=Permission.DECIDE_DEVICES)
        for name, page in {"confirm": confirm, "same": replace, "revoke": revoke, "resets": declare}.items()
    ),
)
