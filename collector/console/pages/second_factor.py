# SPDX-License-Identifier: Apache-2.0
"""The page that asks for the second factor, and before the first time shows what the authenticator app needs."""

import segno
from markupsafe import Markup
from starlette.responses import Response

from collector.console.guard import Door, Route
from collector.console.visit import Visit
from collector.errors import PermissionDeniedError
from collector.second_factor import (
    is_registered,
    load_second_factor_key,
    make_uri,
    offer_secret,
    register,
    verify_code,
)
from collector.sessions import note_second_factor

GROUP = 4
"""Characters of the secret in a row, for whoever types it."""


def show_form(visit: Visit, error: PermissionDeniedError | None = None) -> Response:
    """Ask for a code; whoever has no second factor is shown the secret for the app."""
    if not visit.user.lacks_second_factor:
        return visit.redirect("/account")
    secret = "" if is_registered(visit.engine, visit.school_id, visit.user.user) else _offer(visit)
    uri = make_uri(secret, visit.user.user, visit.console.config.school_name) if secret else ""
    return visit.page(
        "second_factor.html",
        status=403 if error else 200,
        error=error,
        secret=" ".join(secret[start : start + GROUP] for start in range(0, len(secret), GROUP)),
        picture=_draw(uri) if uri else "",
        next=visit.next_page,
    )


def take_code(visit: Visit) -> Response:
    """Take a code: from now on this session is open, and the first one registers the app."""
    if not visit.user.lacks_second_factor:
        return visit.redirect("/account")
    user, code = visit.user.user, visit.field("code")
    visit.console.code_attempts.count(user, visit.address)
    key = load_second_factor_key(visit.console.config)
    is_first = not is_registered(visit.engine, visit.school_id, user)
    try:
        if is_first:
            secret = _offer(visit)
            register(visit.engine, visit.school_id, key, user=user, secret=secret, code=code, now_ns=visit.now_ns)
        else:
            verify_code(visit.engine, visit.school_id, key, user=user, code=code, now_ns=visit.now_ns)
    except PermissionDeniedError as error:
        return show_form(visit, error)
    visit.console.code_attempts.note_success(user, visit.address)
    note_second_factor(visit.engine, visit.school_id, visit.user, visit.now_ns)
    if is_first:
        return visit.redirect("/account", done="second-factor")
    return visit.redirect(visit.next_page or "/")


def _offer(visit: Visit) -> str:
    key = load_second_factor_key(visit.console.config)
    return offer_secret(key, visit.school_id, visit.user.user, visit.user.id)


def _draw(uri: str) -> Markup:
    """Return the QR code as an element of the page: nothing to load, and nothing that the page's policy forbids."""
    drawn = segno.make(uri, error="m", micro=False).svg_inline(
        scale=5, border=4, dark="#000", light="#fff", svgclass=None, lineclass=None, title="QR code for the app"
    )
    # The library wrote it, and what is in it is drawn as squares.
    return Markup(drawn)  # noqa: S704


ROUTES = (
    Route(method="GET", path="/account/second-factor", page=show_form, needs=Door.SIGNED_IN, for_one_factor=True),
    Route(method="POST", path="/account/second-factor", page=take_code, needs=Door.SIGNED_IN, for_one_factor=True),
)
