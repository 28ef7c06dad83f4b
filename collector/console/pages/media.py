# SPDX-License-Identifier: Apache-2.0
"""USB devices: which were seen where, and the register of those that the school approved."""

from datetime import datetime

from starlette.exceptions import HTTPException
from starlette.responses import Response

from collector.console.clock import find_zone
from collector.console.guard import Route
from collector.console.visit import Visit
from collector.errors import UsageError
from collector.media import Medium, find_medium, list_media
from collector.policies import approve_medium, withdraw_medium
from collector.roles import Permission
from proto.keys import load_signer

SHOWN_AT_MOST = 500
HOSTS_SHOWN = 30


def show_media(visit: Visit) -> Response:
    """Show the register, and what else was seen: the last seen first."""
    found = list_media(visit.engine, visit.school_id)
    seen = [each for each in found if each.approval is None]
    return visit.page(
        "media.html",
        approved=[each for each in found if each.approval is not None],
        seen=seen[:SHOWN_AT_MOST],
        left_out=max(0, len(seen) - SHOWN_AT_MOST),
        today=datetime.fromtimestamp(visit.now_ns // 10**9, find_zone()).date(),
    )


def show_medium(visit: Visit, error: UsageError | None = None) -> Response:
    """Show one device, with what can be decided about it."""
    medium = _find(visit)
    approval = medium.approval
    return visit.page(
        "medium.html",
        error=error,
        medium=medium,
        hostnames=medium.hostnames[:HOSTS_SHOWN],
        hosts_left_out=max(0, len(medium.hostnames) - HOSTS_SHOWN),
        note=visit.field("note") or (approval.note if approval else ""),
        until=visit.field("until") or (approval.until if approval else ""),
        today=datetime.fromtimestamp(visit.now_ns // 10**9, find_zone()).date(),
    )


def approve(visit: Visit) -> Response:
    """Put it into the register, or change what stands there, and send the policy to the devices."""
    medium = _find(visit)
    try:
        approve_medium(
            visit.engine,
            visit.school_id,
            load_signer(visit.console.config.signing_key),
            medium.key,
            note=visit.field("note"),
            until=visit.field("until"),
            actor=visit.user.user,
            now_ns=visit.now_ns,
        )
    except UsageError as error:
        return show_medium(visit, error)
    return visit.redirect("/media", done="medium-approved")


def withdraw(visit: Visit) -> Response:
    """Take it out of the register and send the policy to the devices."""
    medium = _find(visit)
    signer = load_signer(visit.console.config.signing_key)
    try:
        withdraw_medium(visit.engine, visit.school_id, signer, medium.key, actor=visit.user.user, now_ns=visit.now_ns)
    except UsageError as error:
        return show_medium(visit, error)
    return visit.redirect("/media", done="medium-withdrawn")


def _find(visit: Visit) -> Medium:
    medium = find_medium(visit.engine, visit.school_id, visit.param("digest"))
    if medium is None:
        raise HTTPException(404)
    return medium


ROUTES = (
    Route(method="GET", path="/media", page=show_media, needs=Permission.SEE_DEVICES),
    Route(method="GET", path="/media/{digest}", page=show_medium, needs=Permission.SEE_DEVICES),
    Route(method="POST", path="/media/{digest}/approve", page=approve, needs=Permission.APPROVE_MEDIA),
    Route(method="POST", path="/media/{digest}/withdraw", page=withdraw, needs=Permission.APPROVE_MEDIA),
)
