# SPDX-License-Identifier: Apache-2.0
"""What the script of the flags' page asks for and brings back: sealed texts, sealed notes, sealed copies.

The answers are JSON, because a script reads them. Each flag that is given out is in the audit log
(`collector.flags`), and so is the register.
"""

import json

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from collector.audit import record
from collector.console.clock import show_time
from collector.console.flag_file import describe_decision, describe_flag, describe_note
from collector.console.flag_reader import find_reader_of
from collector.console.flag_wording import ACCOUNT_KINDS, ROUTE_REASONS, TIER_COLOURS, TIERS
from collector.console.guard import Route
from collector.console.scripts import read_base64, refuse
from collector.console.visit import Visit
from collector.errors import UsageError
from collector.flags import Flag, Note, Sealed, add_copy, find_flag, read_sealed
from collector.flags import add_note as keep_note
from collector.people import list_directory
from collector.readers import list_readers
from collector.recipients import load_set
from collector.roles import Permission
from collector.store.engine import writing


def open_flag(visit: Visit) -> Response:
    """Answer with one sealed flag, its notes, and the keys that a note on it is sealed to."""
    given = _read(visit)
    flag = given.flag
    readers, recovery = _find_keys(visit, flag)
    words = {
        "tier": TIERS[flag.tier],
        "tier_colour": TIER_COLOURS[flag.tier],
        "route": ROUTE_REASONS[flag.route.value],
        "received": show_time(flag.received_at_ns),
        "account_kinds": ACCOUNT_KINDS,
    }
    return JSONResponse(
        {
            **describe_flag(visit.school_id, given),
            "decision": describe_decision(flag),
            "readers": readers,
            "recovery": recovery,
            "words": words,
        }
    )


def save_flag(visit: Visit) -> Response:
    """Answer with one sealed flag as a file for the offline opener."""
    given = _read(visit)
    with writing(visit.engine) as connection:
        record(
            connection,
            visit.school_id,
            actor=visit.user.user,
            action="flag.saved",
            subject=f"flag/{given.flag.id}",
            now_ns=visit.now_ns,
        )
    name = f"flag-{given.flag.id}.json"
    return Response(
        json.dumps(describe_flag(visit.school_id, given), indent=1) + "\n",
        media_type="application/json",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def add_note(visit: Visit) -> Response:
    """Keep a note that the browser sealed, and answer with its label."""
    try:
        sealed = read_base64(visit.field("sealed"))
        keep_note(
            visit.engine,
            visit.school_id,
            visit.param("flag_id"),
            reader=find_reader_of(visit),
            sealed=sealed,
            now_ns=visit.now_ns,
        )
    except UsageError as error:
        return refuse(error)
    return JSONResponse({"note": describe_note(Note(visit.now_ns, visit.user.user, sealed))})


def give_copy(visit: Visit) -> Response:
    """Keep a flag that the browser sealed again for a colleague."""
    try:
        add_copy(
            visit.engine,
            visit.school_id,
            visit.param("flag_id"),
            reader=find_reader_of(visit),
            for_reader=find_reader_of(visit, visit.field("for_user")),
            sealed=read_base64(visit.field("sealed")),
            now_ns=visit.now_ns,
        )
    except UsageError as error:
        return refuse(error)
    return JSONResponse({})


def give_people(visit: Visit) -> Response:
    """Answer with whose each account is: all of them, so that nobody learns here which one a flag is about.

    Only to somebody who reads a route now: a role alone is no reason to have the whole register.
    """
    if not find_reader_of(visit).routes:
        raise HTTPException(403, "The register is for whoever reads flags now.")
    directory = list_directory(visit.engine, visit.school_id)
    with writing(visit.engine) as connection:
        record(
            connection,
            visit.school_id,
            actor=visit.user.user,
            action="register.read",
            subject="register",
            now_ns=visit.now_ns,
        )
    return JSONResponse(
        {"accounts": [{"account": account, "name": name, "class": group} for account, name, group in directory]}
    )


def _read(visit: Visit) -> Sealed:
    try:
        return read_sealed(
            visit.engine,
            visit.school_id,
            visit.param("flag_id"),
            reader=find_reader_of(visit),
            now_ns=visit.now_ns,
        )
    except UsageError as error:
        raise HTTPException(404) from error


def _find_keys(visit: Visit, flag: Flag) -> tuple[list[dict[str, str]], list[str]]:
    """Whose keys a note on a flag is sealed to: everybody who may see the flag now, and the route's recovery."""
    content = load_set(visit.engine, visit.school_id)
    if content is None:
        return [], []
    now = list_readers(visit.engine, visit.school_id, flag.route, visit.now_ns)
    readers = [
        {"user": each.id, "age_key": each.age_key}
        for each in content.tested
        if each.id in now
        and find_flag(visit.engine, visit.school_id, flag.id, reader=find_reader_of(visit, each.id)) is not None
    ]
    return readers, [each.age_key for each in content.recoveries if each.route == flag.route.value]


ROUTES = (
    Route(method="GET", path="/flags/people", page=give_people, needs=Permission.READ_FLAGS),
    Route(method="POST", path="/flags/{flag_id}/open", page=open_flag, needs=Permission.READ_FLAGS),
    Route(method="POST", path="/flags/{flag_id}/file", page=save_flag, needs=Permission.READ_FLAGS),
    Route(method="POST", path="/flags/{flag_id}/notes", page=add_note, needs=Permission.READ_FLAGS),
    Route(method="POST", path="/flags/{flag_id}/copy", page=give_copy, needs=Permission.READ_FLAGS),
)
