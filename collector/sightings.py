# SPDX-License-Identifier: Apache-2.0
"""From a match to a sighting: what an incident is about, under which key it is counted, and its one-line summary.

A summary is made here and not on the device, so that a device cannot write sentences into the console: what it sent
is quoted, cut and freed of control characters.
"""

import re
from typing import Any

from collector.incidents import Sighting
from proto.events import Audience, ProgramFound, ProgramInstalled, ProgramStarted, Tier
from rules.model import Match

MAX_QUOTED_CHARACTERS = 80
_NO_LETTERS = re.compile(r"\W+")

_REFUSALS = {
    "forked": ("device-forked", "Two machines use one identity, or an old copy of this device was restored", 4),
    "bad_signature": ("device-refused", "A device sent evidence that does not verify", 4),
    "bad_chain": ("device-refused", "A device sent evidence that does not verify", 4),
}
_OTHER_REFUSAL = ("device-refused-message", "A device sent something that cannot be taken", 3)

FLAG_RULE = "safeguarding-flag"
_FLAG_SEVERITIES = {Tier.CALL: 5, Tier.ALERT: 4, Tier.REVIEW: 3, Tier.COUNT: 1}

# One name for every such fault and no word of what it was in: technicians must not learn from it that a flag came.
STRANGE_MESSAGE = "device-strange-message"
_STRANGE_MESSAGE_TITLE = "A device sent a message that does not keep to the contract"

_VERBS = {
    ProgramStarted.kind: "was started",
    ProgramFound.kind: "is installed",
    ProgramInstalled.kind: "was installed and is on no list",
}


def sighting_of_match(match: Match, device_id: str, event_id: int, content: Any) -> Sighting:
    """Return why a rule's match opens or counts an incident. `content` is the event's decoded body."""
    rule = match.rule
    program = getattr(content, "program", None)
    about = match.program or (program.name if program is not None else "")
    group = f"program/{to_slug(about)}" if about else rule.id
    return Sighting(
        rule=rule.id,
        rule_title=rule.title,
        audience=Audience(rule.audience),
        severity=rule.severity,
        action_class=rule.action_class.value,
        device_id=device_id,
        subject=f"device/{device_id}/{group}",
        group_key=group,
        summary=_summarise(match, content),
        clauses=rule.clauses,
        event_id=event_id,
    )


def sighting_of_refusal(reason: str, detail: str, device_id: str) -> Sighting:
    """Return why something that was refused opens or counts an incident."""
    rule, title, severity = _REFUSALS.get(reason, _OTHER_REFUSAL)
    return Sighting(
        rule=rule,
        rule_title=title,
        audience=Audience.SECURITY,
        severity=severity,
        action_class="unacceptable",
        device_id=device_id,
        subject=f"device/{device_id}/{rule}",
        group_key=rule,
        summary=f"{title}: {detail}",
        clauses=("WE-12",),
        event_id=0,
    )


def sighting_of_failure(error: str, device_id: str, event_id: int) -> Sighting:
    """Return the incident of a rule that failed on an event."""
    title = "A rule failed: this event was kept but not judged"
    return Sighting(
        rule="collector-rule-failed",
        rule_title=title,
        audience=Audience.SECURITY,
        severity=4,
        action_class="unacceptable",
        device_id=device_id,
        subject=f"device/{device_id}/collector-rule-failed",
        group_key="collector-rule-failed",
        summary=f"{title} ({error})",
        clauses=("WE-12",),
        event_id=event_id,
    )


def to_flag_subject(route: str, subject_ref: bytes) -> str:
    """Return what the incident of flags is about: an account that nobody can name from it, on one route."""
    return f"{route}/{subject_ref.hex()}"


def sighting_of_flag(tier: Tier, route: str, subject_ref: bytes, device_id: str, event_id: int) -> Sighting:
    """Return why a flag opens or counts an incident, which only its readers may see. It says nothing of its content."""
    return Sighting(
        rule=FLAG_RULE,
        rule_title="A safeguarding flag was raised",
        audience=Audience.SAFEGUARDING,
        severity=_FLAG_SEVERITIES[tier],
        action_class="unacceptable",
        device_id=device_id,
        subject=to_flag_subject(route, subject_ref),
        group_key=route,
        summary="A safeguarding flag was raised",
        clauses=("BX-12", "BX-21"),
        event_id=event_id,
    )


def sighting_of_strange_message(device_id: str) -> Sighting:
    """Return what technicians are told of a flag that does not keep to the contract: that there is a fault, no more."""
    return Sighting(
        rule=STRANGE_MESSAGE,
        rule_title=_STRANGE_MESSAGE_TITLE,
        audience=Audience.SECURITY,
        severity=4,
        action_class="unacceptable",
        device_id=device_id,
        subject=f"device/{device_id}/{STRANGE_MESSAGE}",
        group_key=STRANGE_MESSAGE,
        summary=_STRANGE_MESSAGE_TITLE,
        clauses=("WE-12",),
        # No event: its header and its references are not for those who read this.
        event_id=0,
    )


def quote(text: str) -> str:
    """Return what a device sent, cut and without control, bidi and other invisible characters."""
    text = text[: MAX_QUOTED_CHARACTERS + 1]
    # Almost every text is printable, and asking that is quick. Separators that are not the blank are not printable.
    visible = (
        text
        if text.isprintable()
        else "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)
    )
    return visible if len(visible) <= MAX_QUOTED_CHARACTERS else visible[: MAX_QUOTED_CHARACTERS - 1] + "…"


def to_slug(text: str) -> str:
    """Return text as a short key of lower-case letters, digits and dashes; other scripts keep their letters."""
    slug = _NO_LETTERS.sub("-", text[:MAX_QUOTED_CHARACTERS].casefold()).strip("-")
    return slug[:64] or "unnamed"


def _summarise(match: Match, content: Any) -> str:
    program = getattr(content, "program", None)
    for kind, verb in _VERBS.items():
        if program is not None and kind in match.rule.kinds and _is_of(kind, content):
            name = match.program or quote(program.name)
            place = quote(program.path or f"{program.source} package {program.name}")
            return f"{name} {verb}: {place}" + (" (known by its content)" if match.matched_by == "sha256" else "")
    if hasattr(content, "reason"):
        return f"{match.rule.title}: {quote(content.reason)}"
    return match.rule.title


def _is_of(kind: str, content: Any) -> bool:
    name = "".join(part.title() for part in kind.split("."))
    return type(content).__name__ == name
