# SPDX-License-Identifier: Apache-2.0
"""What a school's policy names to be done about an incident: its response matrices, as frozen values, nothing else.

`responses_grammar` reads them; what was done is kept by `collector.responses`.
"""

from dataclasses import dataclass
from enum import StrEnum


class Step(StrEnum):
    """Something that a policy lets be done: the columns of the matrices of the five policies."""

    CLASS_TEACHER = "class_teacher"
    E_SAFETY_COORDINATOR = "e_safety_coordinator"
    HEADTEACHER = "headteacher"
    LINE_MANAGER = "line_manager"
    DSL = "dsl"
    POLICE = "police"
    LADO = "lado"
    SOCIAL_CARE = "social_care"
    LOCAL_AUTHORITY = "local_authority"
    HR = "hr"
    GOVERNORS = "governors"
    SAFE_SCHOOLS_TEAM = "safe_schools_team"
    TECHNICAL_SUPPORT = "technical_support"
    PARENTS = "parents"
    REMOVE_ACCESS = "remove_access"
    WARNING = "warning"
    FURTHER_SANCTION = "further_sanction"
    SUSPENSION = "suspension"
    DISCIPLINARY = "disciplinary"
    BREACH_RECORD = "breach_record"


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """One step of a row, and from when on the policy names it."""

    step: Step
    from_severity: int = 1
    from_time: int = 1
    """Persistence: from the first, second, ... time on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """One of `[[response]]`: a row of a matrix. Rules name it by its id."""

    id: str
    title: str
    """The kind of incident, in the policy's words or shorter."""
    clauses: tuple[str, ...]
    pupil: tuple[Offer, ...] = ()
    staff: tuple[Offer, ...] = ()
    note: str = ""
    """What the policy says beside it: who decides, what is never done."""
