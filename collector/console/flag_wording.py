# SPDX-License-Identifier: Apache-2.0
"""The console's words for safeguarding flags. Plain ones: whoever reads them has a child to think of, not a program."""

from proto.events import Tier
from rules.route import Position, Route

TIERS = {
    Tier.CALL: "Act now",
    Tier.ALERT: "Look today",
    Tier.REVIEW: "Look this week",
    Tier.COUNT: "For the record",
}
"""The most urgent first; pages keep this order."""

TIER_HINTS = {
    Tier.CALL: "A child may be in danger. Read these first, and act before you write anything down.",
    Tier.ALERT: "Read these today.",
    Tier.REVIEW: "Read these within the week.",
    Tier.COUNT: "Nothing to do at once.",
}

TIER_COLOURS = {Tier.CALL: "red", Tier.ALERT: "orange", Tier.REVIEW: "yellow", Tier.COUNT: "grey"}

ROUTES = {
    Route.DSL.value: "Safeguarding leads",
    Route.HEAD.value: "Headteacher",
    Route.CHAIR.value: "Chair of governors",
    Route.OUTSIDE.value: "Nobody at this school",
}

ROUTE_REASONS = {
    Route.DSL.value: "Safeguarding leads",
    Route.HEAD.value: "Headteacher, because it may be about a safeguarding lead",
    Route.CHAIR.value: "Chair of governors, because it may be about the headteacher",
    Route.OUTSIDE.value: "Nobody at this school, because it may be about everybody who could read it",
}
"""A route in words, with why a flag took it."""

POSITIONS = {
    Position.DSL.value: "Designated safeguarding lead",
    Position.DEPUTY_DSL.value: "Deputy safeguarding lead",
    Position.HEADTEACHER.value: "Headteacher",
    Position.CHAIR_OF_GOVERNORS.value: "Chair of governors",
}

STATES = {"new": "Not read", "read": "Read", "decided": "Decided"}
STATE_COLOURS = {"new": "magenta", "read": "blue", "decided": "green"}

VERDICTS = {
    "concern": "A concern: somebody at school acts on it",
    "referred": "Referred: passed on to social care, the police or another service",
    "already_known": "Already known: it belongs to a case that is open",
    "no_concern": "No concern: the words fit, the meaning does not",
    "test_text": "School work, a quotation or a test",
}
"""In the order in which they are offered."""

VERDICTS_SHORT = {
    "concern": "Concern",
    "referred": "Referred",
    "already_known": "Already known",
    "no_concern": "No concern",
    "test_text": "School work or test",
}

CATEGORIES = {
    "suicide": "Suicide",
    "self_harm": "Self-harm",
    "abuse": "Abuse or neglect",
    "sexual": "Sexual content or harm",
    "grooming": "Grooming",
    "violence": "Violence",
    "criminal_exploitation": "Criminal exploitation",
    "running_away": "Running away",
    "bullying": "Bullying",
    "hate": "Hate",
    "radicalisation": "Radicalisation",
    "eating_disorder": "Eating disorder",
    "drugs": "Drugs",
    "gambling": "Gambling",
    "bypass": "Getting round safeguards",
    "drill": "Drill",
    "draft": "Draft of keywords",
}

ACCOUNT_KINDS = {
    "pupil": "pupil",
    "staff": "member of staff",
    "drill": "drill, nobody typed it",
    "draft": "nobody’s: a count of what many may have typed",
}


def name_choice(words: dict[str, str], code: str) -> str:
    """Return the words for a code; one that is newer than these words is shown with its underscores made blanks."""
    return words.get(code) or code.replace("_", " ").capitalize()
