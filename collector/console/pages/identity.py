# SPDX-License-Identifier: Apache-2.0
"""A reader's own key. It is made and unwrapped in the browser or in the opener; here it arrives and leaves in its
wrapped form only, from a script of the page or as the file that the opener writes and reads.

Which key is in force is not decided here: the safeguarding root signs that (`collector.recipients`).
"""

import json

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from collector.audit import record
from collector.console.flag_file import to_base64
from collector.console.guard import Route
from collector.console.scripts import read_base64, refuse
from collector.console.visit import Visit
from collector.errors import UsageError
from collector.identities import Identity, find_identity, keep_identity
from collector.recipients import load_set
from collector.roles import Permission
from collector.store.engine import writing

FORMAT = "schoolwarden identity v1"
"""Of the file; `schoolwarden-open identity import` and `export` know the same."""

IN_USE = {
    "signed": "Yes: flags are sealed to it.",
    "untested": "Not yet: it is signed, and your test item is still to be read aloud.",
    "other": "No: flags are sealed to another key of yours. Whoever keeps the safeguarding root has to sign this one.",
    "unsigned": "Not yet: whoever keeps the safeguarding root has to sign it.",
}


def show_identity(visit: Visit, error: UsageError | None = None, error_field: str = "") -> Response:
    """Show a reader's own key, or how to make one."""
    identity = find_identity(visit.engine, visit.school_id, visit.user.user)
    return visit.page(
        "identity.html",
        error=error,
        error_field=error_field,
        identity=identity,
        in_use=_find_use(visit, identity) if identity else "",
    )


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


def save_identity(visit: Visit) -> Response:
    """Answer with the wrapped key of the reader who asks as a file for the opener."""
    identity = find_identity(visit.engine, visit.school_id, visit.user.user)
    if identity is None:
        raise HTTPException(404)
    with writing(visit.engine) as connection:
        record(
            connection,
            visit.school_id,
            actor=visit.user.user,
            action="identity.saved",
            subject=f"user/{visit.user.user}",
            detail=identity.age_key,
            now_ns=visit.now_ns,
        )
    values = {"format": FORMAT, "age_key": identity.age_key, "wrapped": to_base64(identity.wrapped)}
    return Response(
        json.dumps(values, indent=1) + "\n",
        media_type="application/json",
        headers={"Content-Disposition": 'attachment; filename="identity.json"'},
    )


def take_identity_file(visit: Visit) -> Response:
    """Keep the wrapped key from a file that the opener wrote; in place of another key only if the reader is sure."""
    try:
        age_key, wrapped = parse_identity(visit.upload("file"))
    except UsageError as error:
        return show_identity(visit, error, "file")
    former = find_identity(visit.engine, visit.school_id, visit.user.user)
    if former and former.age_key != age_key and not visit.field("sure"):
        unsure = UsageError("tick the box first: a new key cannot be undone", hint="then choose the file again")
        return show_identity(visit, unsure, "sure-file")
    try:
        keep_identity(
            visit.engine,
            visit.school_id,
            user=visit.user.user,
            age_key=age_key,
            wrapped=wrapped,
            now_ns=visit.now_ns,
        )
    except UsageError as error:
        return show_identity(visit, error, "file")
    return visit.redirect("/identity", done="identity-kept")


def parse_identity(raw: bytes) -> tuple[str, bytes]:
    """Return the public half and the wrapped key of a file of the opener.

    Raises:
        UsageError: it is another file, or damaged.
    """
    if not raw:
        raise UsageError("choose the file with your key")
    try:
        values = json.loads(raw)
        if values["format"] != FORMAT:
            raise ValueError(values["format"])
        age_key, wrapped = values["age_key"], values["wrapped"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise UsageError(
            "this is not a file with a key", hint="schoolwarden-open writes it: identity export -o FILE"
        ) from error
    if not isinstance(age_key, str) or not isinstance(wrapped, str):
        raise UsageError("the file with the key is damaged", hint="export it again")
    return age_key, read_base64(wrapped)


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
    Route(method="GET", path="/identity/file", page=save_identity, needs=Permission.READ_FLAGS),
    Route(method="POST", path="/identity/file", page=take_identity_file, needs=Permission.READ_FLAGS, max_files=1),
)
