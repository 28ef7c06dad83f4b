# SPDX-License-Identifier: Apache-2.0
"""Giving a device away: the form, and the signed record of it to print or to keep as JSON."""

import json

from starlette.exceptions import HTTPException
from starlette.responses import Response

from collector.console import device_wording
from collector.console.guard import Route
from collector.console.visit import Visit
from collector.devices import Device, find_device
from collector.disposals import Account, Method, find_disposal, make_receipt, retire_device
from collector.errors import UsageError
from collector.expected_devices import find_expected
from collector.roles import Permission
from proto.keys import load_signer


def show_form(visit: Visit, error: UsageError | None = None) -> Response:
    """Ask how a device leaves the school."""
    return visit.page(
        "device_retire.html",
        error=error,
        device=_find(visit),
        typed={name: visit.field(name) for name in ("method", "receiver", "receipt", "wiped", "wiped_how")},
        words=device_wording,
    )


def retire(visit: Visit) -> Response:
    """Record it, sign the record and take the device's right to speak."""
    device = _find(visit)
    try:
        method, wiped = visit.field("method"), visit.field("wiped")
        if method not in set(Method) or wiped not in ("yes", "no"):
            raise UsageError("choose how it leaves, and whether its disks were wiped")
        account = Account(
            method=Method(method),
            receiver=visit.field("receiver"),
            receipt=visit.field("receipt"),
            is_wiped=wiped == "yes",
            wiped_how=visit.field("wiped_how"),
        )
        retire_device(
            visit.engine,
            visit.school_id,
            device.id,
            account,
            signer=load_signer(visit.console.config.signing_key),
            actor=visit.user.user,
            now_ns=visit.now_ns,
        )
    except UsageError as error:
        return show_form(visit, error)
    return visit.redirect(f"/devices/{device.id}/receipt", done="device-retired")


def show_receipt(visit: Visit) -> Response:
    """Show the record of a retired device, for the screen and for paper."""
    device = _find(visit)
    disposal = find_disposal(visit.engine, visit.school_id, device.id)
    if disposal is None:
        raise HTTPException(404)
    return visit.page(
        "device_receipt.html",
        device=device,
        disposal=disposal,
        expected=find_expected(visit.engine, visit.school_id, device.id),
        words=device_wording,
    )


def send_receipt(visit: Visit) -> Response:
    """Send the record with its signatures, for programs."""
    config = visit.console.config
    device_id, signer = _find(visit).id, load_signer(config.signing_key)
    receipt = make_receipt(visit.engine, visit.school_id, config.school_name, device_id, signer=signer)
    if receipt is None:
        raise HTTPException(404)
    name = f"disposal-{device_id}.json"
    return Response(
        json.dumps(receipt, indent=1) + "\n",
        media_type="application/json",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _find(visit: Visit) -> Device:
    device = find_device(visit.engine, visit.school_id, visit.param("device_id"))
    if device is None:
        raise HTTPException(404)
    return device


ROUTES = (
    Route(method="GET", path="/devices/{device_id}/retire", page=show_form, needs=Permission.DECIDE_DEVICES),
    Route(method="POST", path="/devices/{device_id}/retire", page=retire, needs=Permission.DECIDE_DEVICES),
    Route(method="GET", path="/devices/{device_id}/receipt", page=show_receipt, needs=Permission.SEE_DEVICES),
    Route(method="GET", path="/devices/{device_id}/receipt.json", page=send_receipt, needs=Permission.SEE_DEVICES),
)
