# SPDX-License-Identifier: Apache-2.0
"""A reader's own key. It is made and unwrapped in the browser; here it arrives and leaves in its wrapped form only.

Which key is in force is not decided here: the safeguarding root signs that (`collector.recipients`).
"""

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from collector.console.flag_file import to_base64
from collector.console.guard import Route
from collector.console.scripts import read_base64, refuse
from collector.console.visit import Visit
from collector.errors import UsageError
from collector.identities import Identity, find_identity, keep_identity
from collector.recipients import load_set
from collector.roles import Permission

IN_USE = {
    "signed": "Yes: flags are sealed to it.",
    "untested": "Not yet: it is signed, and your test item is still to be read aloud.",
    "other": "No: flags are sealed to another key of yours. Whoever keeps the safeguarding root has to sign this one.",
    "unsigned": "Not yet: whoever keeps the safeguarding root has to sign it.",
}


def show_identity(visit: Visit) -> Response:
    """Show a reader's own key, or how to make one."""
    identity = find_identity(visit.engine, visit.school_id, visit.user.user)
    return visit.page("identity.html", identity=identity, in_use=_find_use(visit, identity) if identity else "")


def give_identity(visit: Visit) -> Response:
    """Answer the page with the wrapped key of the reader who asks; the six words unwrap it there."""
    identity = find_identity(visit.engine, visit.school_id, visit.user.user)
    if identity is None:
        raise HTTPException(404)
    return JSONResponse(
        {
            "age_key": identity.age_key,
            "wrapped": to_base64(identity.wrapped),
            "test_item": to_base64(identity.test_item),
        }
    )


def take_identity(visit: Visit) -> Response:
    """Keep the wrapped key that a reader's browser made."""
    try:
        keep_identity(
            visit.engine,
            visit.school_id,
            user=visit.user.user,
            age_key=visit.field("age_key"),
            wrapped=read_base64(visit.field("wrapped")),
            now_ns=visit.now_ns,
        )
    except UsageError as error:
        return refuse(error)
    return JSONResponse({})


def _find_use(visit: Visit, identity: Identity) -> str:
    content = load_set(visit.engine, visit.school_id)
    for each in content.recipients if content else ():
        if each.id == identity.user:
            if each.age_key != identity.age_key:
                return IN_USE["other"]
            return IN_USE["signed" if each.tested else "untested"]
    return IN_USE["unsigned"]


ROUTES = (
    Route(method="GET", path="/identity", page=show_identity, needs=Permission.READ_FLAGS),
    Route(method="GET", path="/identity/key", page=give_identity, needs=Permission.READ_FLAGS),
    Route(method="POST", path="/identity", page=take_identity, needs=Permission.READ_FLAGS),
)
