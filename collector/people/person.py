# SPDX-License-Identifier: Apache-2.0
"""Somebody at the school, as its own records have him. Not a user of the console; those are in `collector.users`."""

from dataclasses import dataclass
from enum import StrEnum

from collector.roles import Role, find_conflict


class PersonKind(StrEnum):
    """What somebody, or an account that several share, is at the school."""

    PUPIL = "pupil"
    STAFF = "staff"
    SHARED = "shared"
    """A group whose members share accounts, such as a year: who sat there is not known."""
    GUEST = "guest"
    SUPPLY = "supply"


class Post(StrEnum):
    """What a member of staff is responsible for. It opens nothing at the console: see `roles` for what does."""

    TECHNICIAN = "technician"
    ADMINISTRATOR = "administrator"
    DSL = "dsl"
    DEPUTY_DSL = "deputy_dsl"
    HEADTEACHER = "headteacher"
    CHAIR_OF_GOVERNORS = "chair_of_governors"
    LINE_MANAGER = "line_manager"
    ICT_MANAGER = "ict_manager"
    BUSINESS_MANAGER = "business_manager"
    GOVERNOR = "governor"
    DPO = "dpo"
    AUDITOR = "auditor"


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody at the school, or a group that shares accounts."""

    person_id: str
    name: str
    kind: PersonKind
    roles: tuple[Post, ...] = ()
    aliases: tuple[str, ...] = ()
    year_group: str = ""
    class_name: str = ""
    accounts: tuple[str, ...] = ()
    user_name: str = ""
    """At the console; mostly empty."""
    from_date: str = ""
    until_date: str = ""
    """ISO dates; empty: no limit."""


def list_contradictions(person: Person) -> list[tuple[str, str, str]]:
    """Return what of a person does not go together: column, reason, what would be right."""
    found = []
    if person.roles and person.kind is not PersonKind.STAFF:
        found.append(("roles", f"a {person.kind} holds no role", "roles are for the kind staff"))
    if person.aliases and not person.roles:
        found.append(("aliases", "only somebody with a role has aliases", "leave it empty, or give the role"))
    if person.user_name and person.kind not in (PersonKind.STAFF, PersonKind.SUPPLY):
        found.append(("user_name", f"a {person.kind} is no user of the console", "leave it empty"))
    if conflict := find_conflict({role for role in Role if role.value in person.roles}):
        found.append(("roles", f"these roles do not go together: {conflict}", "give them to two people"))
    if person.from_date and person.until_date and person.until_date < person.from_date:
        found.append(("until", "it is before the date in from", "the last day, or nothing"))
    return found
