# SPDX-License-Identifier: Apache-2.0
"""Downloads of evidence: of an incident for who sees it, of one flag for who reads it. Each is in the audit log.

What is in such a file, and what it must not tell whom, is the business of `collector.evidence`.
"""

from starlette.exceptions import HTTPException
from starlette.responses import Response

from collector.console.flag_reader import find_reader_of
from collector.console.guard import Route
from collector.console.visit import Visit
from collector.evidence.case import Case, load_flag, load_incident
from collector.evidence.dossier import export_evidence
from collector.flags import find_flag
from collector.incidents import find_incident
from collector.roles import Permission


def download_of_incident(visit: Visit) -> Response:
    """Answer with the evidence of an incident of security."""
    incident_id = visit.param("incident_id")
    if find_incident(visit.engine, visit.school_id, incident_id, audiences=visit.audiences) is None:
        raise HTTPException(404)
    return _give(visit, load_incident(visit.engine, visit.school_id, incident_id, is_operator=False))


def download_of_flag(visit: Visit) -> Response:
    """Answer with the evidence of one flag, sealed as it is."""
    reader, flag_id = find_reader_of(visit), visit.param("flag_id")
    if find_flag(visit.engine, visit.school_id, flag_id, reader=reader) is None:
        raise HTTPException(404)
    return _give(visit, load_flag(visit.engine, visit.school_id, flag_id, reader=reader))


def _give(visit: Visit, case: Case) -> Response:
    content = export_evidence(visit.engine, visit.console.config, case, actor=visit.user.user, now_ns=visit.now_ns)
    name = f"evidence-{case.name.replace('/', '-')}.zip"
    return Response(
        content, media_type="application/zip", headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )


ROUTES = (
    Route(
        method="POST",
        path="/incidents/{incident_id}/evidence",
        page=download_of_incident,
        needs=Permission.SEE_INCIDENTS,
    ),
    Route(method="POST", path="/flags/{flag_id}/evidence", page=download_of_flag, needs=Permission.READ_FLAGS),
)
