# SPDX-License-Identifier: Apache-2.0
"""The console's words for what the program calls by name."""

from collector.people import PersonKind, Post
from collector.roles import Role

SEVERITIES = {5: "Act now", 4: "High", 3: "Medium", 2: "Low", 1: "Information"}

SEVERITY_COLOURS = {5: "red", 4: "orange", 3: "yellow", 2: "blue", 1: "grey"}
"""Colours of govuk-tag. A colour never says anything alone: the word stands in it."""

STATES = {"open": "Open", "acknowledged": "Acknowledged", "resolved": "Resolved"}

STATE_COLOURS = {"open": "magenta", "acknowledged": "blue", "resolved": "green"}

ACTION_CLASSES = {
    "acceptable": "Acceptable",
    "certain_times": "Acceptable at certain times",
    "nominated_users": "Acceptable for nominated users",
    "unacceptable": "Unacceptable",
    "illegal": "Unacceptable and illegal",
}

HISTORY = {
    "opened": "Opened",
    "reopened": "Reopened",
    "acknowledged": "Acknowledged",
    "resolved": "Resolved",
    "noted": "Note added",
}

ROLES = {
    Role.TECHNICIAN: "Technician",
    Role.ADMINISTRATOR: "Administrator",
    Role.DSL: "DSL",
    Role.DEPUTY_DSL: "Deputy DSL",
    Role.HEADTEACHER: "Headteacher",
    Role.CHAIR_OF_GOVERNORS: "Chair of governors",
}

PERSON_KINDS = {
    PersonKind.PUPIL: "Pupils",
    PersonKind.STAFF: "Staff",
    PersonKind.SHARED: "Shared accounts",
    PersonKind.GUEST: "Guests",
    PersonKind.SUPPLY: "Supply staff",
}

POSTS = {Post(role.value): text for role, text in ROLES.items()} | {
    Post.LINE_MANAGER: "Line manager",
    Post.ICT_MANAGER: "ICT manager",
    Post.BUSINESS_MANAGER: "Business manager",
    Post.GOVERNOR: "Governor",
    Post.DPO: "Data protection officer",
    Post.AUDITOR: "Auditor",
}

KINDS = {
    "agent.started": "The agent started",
    "agent.stopped": "The agent was told to stop",
    "agent.throttled": "The agent slowed itself down",
    "chain.restarted": "The device lost its queue",
    "check.changed": "A check came to another answer",
    "check.crashed": "A check ended with an error",
    "events.dropped": "Events were not sent",
    "policy.applied": "A policy came into force",
    "policy.refused": "A policy was refused",
    "program.found": "A program is installed",
    "program.installed": "A program was installed",
    "program.started": "A program was started",
    "recipients.applied": "A set of readers of flags came into force",
    "recipients.refused": "A set of readers of flags was refused",
    "software.listed": "The installed software was listed",
}

FIELDS = {
    "already_running": "Ran already when the agent started",
    "bundle_sha256": "SHA-256 of the policy",
    "bundle_version": "Policy version",
    "cpu_percent": "Processor use in per cent of one core",
    "dropped_kind": "Kind of event",
    "first_failed_at_ns": "First failed",
    "memory_mb": "Memory in MB",
    "not_watched": "Not watched",
    "os": "Operating system",
    "os_version": "Version of the operating system",
    "previous_epoch": "Epoch before",
    "program.name": "Program",
    "program.path": "Path",
    "program.sha256": "SHA-256 of its content",
    "program.source": "Seen as",
    "program.version": "Version",
    "recipients_sha256": "SHA-256 of the set of readers",
    "recipients_version": "Version of the set of readers",
    "root_fingerprint": "Fingerprint of the safeguarding root",
}
"""Fields of events by their dotted name; one that is not here is shown by that name."""

NOTICES = {
    "acknowledged": "The incident is acknowledged.",
    "resolved": "The incident is resolved.",
    "reopened": "The incident is open again.",
    "noted": "The note is added.",
    "allowed": "The program is on the allow list, the incident is resolved, and a new policy is on its way.",
    "approved": "The allow list is changed, and a new policy is on its way to the devices.",
    "disabled": "The user is disabled and signed out everywhere.",
    "enabled": "The user can sign in again.",
    "decided": "The decision is saved.",
    "identity-kept": "Your key is saved. Keep the sheet with the six words locked away.",
    "published": "The signed set is in force and on its way to the devices.",
    "drilled": "The drill is ordered. A connected device answers within seconds.",
    "second-factor": "The second factor is registered. Each sign-in asks for a code from now on.",
    "second-factor-reset": "The second factor is taken away. The user is signed out and registers a new one.",
    "away": "The absence is noted. Flags go to whoever stands in.",
    "back": "The absence is ended.",
    "password": "The password is changed. Other browsers are signed out.",
    "signed-out": "You are signed out.",
    "session-ended": "Your session has ended. Sign in again.",
}
"""What the page after a decision says; the address names it by its key, so that nobody can put words into it."""

NEWS = {"session-ended"}
"""Notices about what somebody did not do himself."""


def name_field(path: str) -> str:
    """Return the words for a field of an event."""
    return FIELDS.get(path) or path.replace(".", ", ").replace("_", " ").capitalize()
