# SPDX-License-Identifier: Apache-2.0
"""From a match to a sighting: what an incident is about and under which key it is counted.

The one line that tells it is made by `summaries`.
"""

import re
from typing import Any

from collector.counting import Sighting
from collector.presence import SESSION_REF_BYTES, Several
from collector.summaries import MAX_QUOTED_CHARACTERS, quote, summarise
from proto.events import (
    AccountSignedIn,
    AccountSignedOut,
    Audience,
    FileArrived,
    PostureFound,
    Tier,
    TrafficSustained,
)
from rules.counted import is_of_school
from rules.model import Match, Rule

_NO_LETTERS = re.compile(r"\W+")

_REFUSALS = {
    "bad_signature": ("device-refused", "A device sent evidence that does not verify", 4),
    "bad_chain": ("device-refused", "A device sent evidence that does not verify", 4),
}
_OTHER_REFUSAL = ("device-refused-message", "A device sent something that cannot be taken", 3)

FLAG_RULE = "safeguarding-flag"
_FLAG_SEVERITIES = {Tier.CALL: 5, Tier.ALERT: 4, Tier.REVIEW: 3, Tier.COUNT: 1}

# One name for every such fault and no word of what it was in: technicians must not learn from it that a flag came.
STRANGE_MESSAGE = "device-strange-message"
_STRANGE_MESSAGE_TITLE = "A device sent a message that does not keep to the contract"

SEVERAL_DEVICES = "account-on-several-devices"
_SEVERAL_DEVICES_TITLE = "A personal account has sessions on several devices at the same time"
MAX_NAMED_DEVICES = 5

_SESSION = "session/"
_SESSION_EVENTS = frozenset({AccountSignedIn.__name__, AccountSignedOut.__name__})


def sighting_of_match(match: Match, device_id: str, event_id: int, content: Any) -> Sighting:
    """Return why a rule's match opens or counts an incident. `content` is the event's decoded body."""
    rule = match.rule
    group = find_group(match, content)
    # Sessions are told apart only so that each is ended by its own end: a device has one incident of them all.
    about = rule.id if group.startswith(_SESSION) else group
    return Sighting(
        rule=rule.id,
        rule_title=rule.title,
        audience=Audience(rule.audience),
        severity=rule.severity,
        action_class=rule.action_class.value,
        device_id=device_id,
        subject=f"device/{device_id}/{about}",
        group_key=group,
        summary=summarise(match, content),
        clauses=rule.clauses,
        event_id=event_id,
        response=rule.response,
    )


def find_group(match: Match, content: Any) -> str:
    """Return the key under which the same on many devices is one row: `program/tor-browser`, or the rule's id.

    What a rule waits for is ended only by an event of the same key, or of another sort.
    """
    program, usb, name = getattr(content, "program", None), getattr(content, "device", None), type(content).__name__
    about = match.program or (program.name if program is not None else "")
    if about:
        return f"program/{to_slug(about)}"
    if usb is not None:
        # One stick on thirty machines is one row.
        return f"usb/{to_slug('-'.join((usb.vendor_id, usb.product_id, usb.serial)))}"
    if name == PostureFound.__name__:
        return f"posture/{to_slug(content.item)}"
    if name == FileArrived.__name__:
        # The same file under two names is one thing, as long as its content is known.
        return f"file/{to_slug(content.sha256 or content.name)}"
    if name == TrafficSustained.__name__:
        return f"traffic/{to_slug(content.program_name)}"
    if name in _SESSION_EVENTS and _waits_for_session(match.rule):
        # Whoever else signs out at the same machine has not ended this one.
        return f"{_SESSION}{content.session_ref[:SESSION_REF_BYTES].hex()}"
    return match.rule.id


def _waits_for_session(rule: Rule) -> bool:
    """Tell whether a rule waits for the end of a session. One that counts devices has to find the same key on each."""
    return rule.cleared is not None and AccountSignedOut.kind in rule.cleared.kinds and not is_of_school(rule)


def sighting_of_several(several: Several) -> Sighting:
    """Return the incident of an account that is on several devices. It names devices, no account and no person."""
    named = [quote(each) or "a device without a name" for each in several.hostnames[:MAX_NAMED_DEVICES]]
    more = len(several.hostnames) - len(named)
    if more:
        named.append(f"{more} more")
    subject = f"account/{several.account_ref.hex()}"
    return Sighting(
        rule=SEVERAL_DEVICES,
        rule_title=_SEVERAL_DEVICES_TITLE,
        audience=Audience.SECURITY,
        severity=2,
        action_class="unacceptable",
        device_id=several.device_id,
        subject=subject,
        group_key=subject,
        summary=f"One personal account has sessions on {', '.join(named)} at the same time",
        clauses=("BX-19", "WH-08", "WI-08", "HZ-07"),
        event_id=several.event_id,
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


def to_slug(text: str) -> str:
    """Return text as a short key of lower-case letters, digits and dashes; other scripts keep their letters."""
    slug = _NO_LETTERS.sub("-", text[:MAX_QUOTED_CHARACTERS].casefold()).strip("-")
    return slug[:64] or "unnamed"
