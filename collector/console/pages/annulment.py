# SPDX-License-Identifier: Apache-2.0
"""Annulling a flag: the page that says what it means and asks, and the act. It cannot be undone.

Who may is the business of the queries behind it: whoever reads the flag. What goes and what stays is in `annulment`.
"""

from starlette.exceptions import HTTPException
from starlette.responses import Response

from collector.annulment import WHY, annul_flag
from collector.console.flag_reader import find_reader_of
from collector.console.guard import Route
from collector.console.visit import Visit
from collector.errors import UsageError
from collector.flags import find_flag
from collector.roles import Permission
from proto.keys import load_signer


def ask(visit: Visit, error: UsageError | None = None) -> Response:
    """Say what goes and what stays, and ask why."""
    flag = find_flag(visit.engine, visit.school_id, visit.param("flag_id"), reader=find_reader_of(visit))
    if flag is None or flag.drill:
        raise HTTPException(404)
    return visit.page("flag_annul.html", error=error, flag=flag, why=WHY, chosen=visit.field("why"))


def annul(visit: Visit) -> Response:
    """Annul the flag, if the reader said why and that he means it."""
    try:
        if visit.field("sure") != "yes":
            raise UsageError("say that you are sure: it cannot be undone")
        is_log_empty = annul_flag(
            visit.engine,
            visit.school_id,
            visit.param("flag_id"),
            reader=find_reader_of(visit),
            signer=load_signer(visit.console.config.signing_key),
            why=visit.field("why"),
            now_ns=visit.now_ns,
        )
    except UsageError as error:
        return ask(visit, error)
    return visit.redirect("/flags", done="annulled" if is_log_empty else "annulled-log")


ROUTES = (
    Route(method="GET", path="/flags/{flag_id}/annul", page=ask, needs=Permission.READ_FLAGS),
    Route(method="POST", path="/flags/{flag_id}/annul", page=annul, needs=Permission.READ_FLAGS),
)
