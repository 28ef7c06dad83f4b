# SPDX-License-Identifier: Apache-2.0
"""The flags of a reader: the list, one of them without its text, and the decision.

No page holds what a flag says: the browser asks for it sealed (`sealed`) and opens it with the reader's key.
"""

import hashlib
from typing import Any

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from collector.console.flag_file import describe_decision
from collector.console.flag_list import (
    MINUTE_NS,
    STATE_CHOICES,
    TIER_CHOICES,
    Filter,
    group_by_tier,
    is_late,
    leave_out_old,
    name_place,
    read_filter,
    show_age,
)
from collector.console.flag_reader import find_reader_of
from collector.console.flag_wording import CATEGORIES, VERDICTS
from collector.console.guard import Route
from collector.console.scripts import refuse
from collector.console.visit import Visit
from collector.errors import UsageError
from collector.flags import ACTIONS, Flag, Verdict, count_accounts, find_flag, list_flags, list_outside
from collector.flags import CATEGORIES as KEPT_CATEGORIES
from collector.flags import decide as decide_flag
from collector.identities import find_identity
from collector.readers import Reader
from collector.recipients import load_set
from collector.roles import Permission

SHOWN_AT_MOST = 300


def show_flags(visit: Visit) -> Response:
    """Show the list, with what a script needs to open one."""
    reader, chosen = find_reader_of(visit), read_filter(visit.request.query_params)
    return visit.page(
        "flags.html",
        key_state=_find_key_state(visit),
        routes=reader.routes,
        outside=list_outside(visit.engine, visit.school_id, reader=reader),
        state_choices=STATE_CHOICES,
        tier_choices=TIER_CHOICES,
        **_offer_choices(),
        **_list(visit, reader, chosen),
    )


def show_rows(visit: Visit) -> Response:
    """Answer a page that asks what is new: its rows, or nothing when they are as it has them."""
    listed = _list(visit, find_reader_of(visit), read_filter(visit.request.query_params))
    if listed["seen"] == visit.request.query_params.get("seen"):
        return Response(status_code=204)
    return visit.page("flag_rows.html", **listed)


def show_flag(visit: Visit, error: UsageError | None = None) -> Response:
    """Show what the collector knows of one flag: for a browser without scripts."""
    return visit.page("flag.html", error=error, flag=_find(visit, find_reader_of(visit)), **_offer_choices())


def decide(visit: Visit) -> Response:
    """Keep what the reader made of a flag; a script is answered with what was kept."""
    wants_json = visit.request.headers.get("accept") == "application/json"
    reader = find_reader_of(visit)
    flag = _find(visit, reader)
    try:
        if visit.field("verdict") not in list(Verdict):
            raise UsageError("choose what it is")
        decide_flag(
            visit.engine,
            visit.school_id,
            flag.id,
            reader=reader,
            verdict=Verdict(visit.field("verdict")),
            category=visit.field("category"),
            action=visit.field("action"),
            now_ns=visit.now_ns,
        )
    except UsageError as error:
        if wants_json:
            return refuse(error)
        return show_flag(visit, error)
    if wants_json:
        return JSONResponse({"decision": describe_decision(_find(visit, reader))})
    return visit.redirect(f"/flags/{flag.id}", done="decided")


def _find(visit: Visit, reader: Reader) -> Flag:
    flag = find_flag(visit.engine, visit.school_id, visit.param("flag_id"), reader=reader)
    if flag is None:
        raise HTTPException(404)
    return flag


def _list(visit: Visit, reader: Reader, chosen: Filter) -> dict[str, Any]:
    where, wanted, drills = (visit.engine, visit.school_id), chosen.wanted, chosen.wanted_drills
    found = list_flags(*where, reader=reader, wanted=wanted, limit=SHOWN_AT_MOST + 1, before=chosen.last_seen)
    shown = found[:SHOWN_AT_MOST]
    drilled = list_flags(*where, reader=reader, wanted=drills, limit=SHOWN_AT_MOST) if drills else []
    same = count_accounts(*where, reader=reader, wanted=wanted)
    minute = visit.now_ns // MINUTE_NS
    seen = hashlib.sha256(repr((found, drilled, sorted(same.items()), minute)).encode()).hexdigest()[:16]
    return {
        "chosen": chosen,
        "by_tier": group_by_tier(shown),
        "drills": leave_out_old(drilled, chosen, visit.now_ns),
        "same": same,
        "is_cut": len(found) > len(shown),
        "shown_at_most": SHOWN_AT_MOST,
        "older_address": chosen.address(before=name_place(shown[-1])) if shown else "",
        "rows_address": chosen.address("/flags/rows", seen=seen),
        "seen": seen,
        "is_late": is_late,
        "age": lambda at_ns: show_age(at_ns, visit.now_ns),
    }


def _offer_choices() -> dict[str, Any]:
    kept = {code: CATEGORIES.get(code, code) for code in KEPT_CATEGORIES}
    offered = {code: text for code, text in CATEGORIES.items() if code in kept}
    return {"verdicts": VERDICTS, "categories": offered | kept, "actions": ACTIONS}


def _find_key_state(visit: Visit) -> str:
    name = visit.user.user
    identity = find_identity(visit.engine, visit.school_id, name)
    if identity is None:
        return "none"
    content = load_set(visit.engine, visit.school_id)
    keys = {each.age_key for each in content.tested if each.id == name} if content else set()
    return "signed" if identity.age_key in keys else "not signed"


ROUTES = (
    Route(method="GET", path="/flags", page=show_flags, needs=Permission.READ_FLAGS),
    Route(method="GET", path="/flags/rows", page=show_rows, needs=Permission.READ_FLAGS, refreshes_itself=True),
    Route(method="GET", path="/flags/{flag_id}", page=show_flag, needs=Permission.READ_FLAGS),
    Route(method="POST", path="/flags/{flag_id}/decide", page=decide, needs=Permission.READ_FLAGS),
)
