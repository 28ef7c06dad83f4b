# SPDX-License-Identifier: Apache-2.0
"""Decides which lines of a list can be taken together: an account belongs to one person or shared group."""

from collector.people.person import Person
from collector.people.roster import Refusal, Roster

Claim = tuple[str, str]
"""What nobody else may have, after its column."""


def settle(known: dict[str, Person], roster: Roster) -> tuple[dict[str, Person], list[Refusal]]:
    """Return the lines that can be taken together, and why the others cannot.

    1. An id that stands in two lines is refused in both: which is right cannot be seen from here.
    2. So is what two lines claim: an account, or a user of the console.
    3. Who is not in the file, or whose line is refused, keeps what he has; whoever claims it is refused, and so on.
    """
    good: dict[str, Person] = {}
    lines: dict[str, int] = {}
    refused: list[Refusal] = []
    # (1) One line for each person.
    counted: dict[str, list[int]] = {}
    for line, person in roster.people:
        counted.setdefault(person.person_id, []).append(line)
        good[person.person_id], lines[person.person_id] = person, line
    for person_id, places in counted.items():
        if len(places) > 1:
            del good[person_id]
            for line in places:
                other = next(each for each in places if each != line)
                refused.append(Refusal(line, "person_id", f"{person_id} stands in line {other} too", "one line each"))
    # (2) One person for each account and user.
    claimants: dict[Claim, list[str]] = {}
    for person in good.values():
        for claim in _list_claims(person):
            claimants.setdefault(claim, []).append(person.person_id)

    def refuse(person_id: str, claim: Claim, holder: str) -> None:
        if good.pop(person_id, None) is not None:
            reason = f"{claim[1]} belongs to {holder}, and {person_id} claims it too"
            refused.append(Refusal(lines[person_id], claim[0], reason, "it belongs to one of them"))

    for claim, ids in claimants.items():
        if len(ids) > 1:
            for person_id in ids:
                refuse(person_id, claim, ids[0] if ids[0] != person_id else ids[1])
    # (3) What is held already goes to nobody else; whoever is refused here holds on to what he has.
    keeping = [person_id for person_id in known if person_id not in good]
    while keeping:
        holder = keeping.pop()
        for claim in _list_claims(known[holder]):
            for person_id in claimants.get(claim, ()):
                if person_id in good and person_id != holder:
                    refuse(person_id, claim, holder)
                    keeping.extend([person_id] if person_id in known else [])
    return good, refused


def _list_claims(person: Person) -> list[Claim]:
    """Return what nobody else may have, with its column."""
    user = [("user_name", person.user_name)] if person.user_name else []
    return [*(("accounts", account) for account in person.accounts), *user]
