# SPDX-License-Identifier: Apache-2.0
"""The console's words for what the program calls by name."""

from collector.changes import ChangeState
from collector.people import PersonKind, Post
from collector.roles import Role
from rules.coverage import Extent

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

EXTENTS = {
    Extent.DETECTS: "Detected",
    Extent.RECORDS: "Recorded",
    Extent.PARTLY: "In part",
    Extent.PAPER: "On paper",
    Extent.NOT_YET: "Not yet",
}
"""How far a clause of the policy is carried out."""

EXTENT_COLOURS = {
    Extent.DETECTS: "green",
    Extent.RECORDS: "green",
    Extent.PARTLY: "yellow",
    Extent.PAPER: "grey",
    Extent.NOT_YET: "red",
}

CHANGE_STATES = {
    ChangeState.PROPOSED: "Waits for a second person",
    ChangeState.PUBLISHED: "Published",
    ChangeState.REFUSED: "Refused",
    ChangeState.WITHDRAWN: "Withdrawn",
}

HISTORY = {
    "opened": "Opened",
    "reopened": "Reopened",
    "acknowledged": "Acknowledged",
    "resolved": "Resolved",
    "noted": "Note added",
    "escalated": "Got worse by coming again",
    "responded": "Response recorded",
    "parents_asked": "DSL asked whether parents are told",
    "parents_decided": "Whether parents are told was decided",
}

ROLES = {
    Role.TECHNICIAN: "Technician",
    Role.ADMINISTRATOR: "Administrator",
    Role.DSL: "DSL",
    Role.DEPUTY_DSL: "Deputy DSL",
    Role.HEADTEACHER: "Headteacher",
    Role.CHAIR_OF_GOVERNORS: "Chair of governors",
    Role.AUDITOR: "Auditor",
    Role.ICT_MANAGER: "ICT manager",
    Role.BUSINESS_MANAGER: "Business manager",
    Role.LINE_MANAGER: "Line manager",
    Role.GOVERNOR: "Governor",
}

PERSON_KINDS = {
    PersonKind.PUPIL: "Pupils",
    PersonKind.STAFF: "Staff",
    PersonKind.SHARED: "Shared accounts",
    PersonKind.GUEST: "Guests",
    PersonKind.SUPPLY: "Supply staff",
}

POSTS = {Post(role.value): text for role, text in ROLES.items() if role.value in set(Post)} | {
    Post.LINE_MANAGER: "Line manager",
    Post.ICT_MANAGER: "ICT manager",
    Post.BUSINESS_MANAGER: "Business manager",
    Post.GOVERNOR: "Governor",
    Post.DPO: "Data protection officer",
}

KINDS = {
    "account.signed_in": "A session began",
    "account.signed_out": "A session ended",
    "agent.rekeyed": "The device goes on under a new key",
    "agent.started": "The agent started",
    "agent.stopped": "The agent was told to stop",
    "agent.throttled": "The agent slowed itself down",
    "chain.restarted": "The device began a new chain",
    "check.changed": "A check came to another answer",
    "check.crashed": "A check ended with an error",
    "clock.stepped": "The clock jumped",
    "events.dropped": "Events were not sent",
    "file.arrived": "A file that can be run came into a user’s folder",
    "flag.raised": "A safeguarding flag was raised",
    "hardware.listed": "The hardware was listed",
    "media.counted": "Music, videos and pictures were counted",
    "notice.accepted": "A notice was accepted",
    "policy.applied": "A policy came into force",
    "policy.refused": "A policy was refused",
    "posture.found": "The machine’s security is not as the policy asks",
    "program.found": "A program is installed",
    "program.installed": "A program was installed",
    "program.removed": "A program was removed",
    "program.started": "A program was started",
    "recipients.applied": "A set of readers of flags came into force",
    "recipients.refused": "A set of readers of flags was refused",
    "session.left_open": "A session was left without a lock",
    "software.listed": "The installed software was listed",
    "traffic.sustained": "A program sent or received a lot",
    "usb.attached": "USB storage was attached",
    "usb.changed": "USB storage changed",
    "usb.written": "USB storage was written to",
}

CHECKS = {
    "accounts": "Sessions and accounts",
    "downloads": "Files that arrive",
    "hardware": "Hardware",
    "idle_lock": "Screen lock",
    "keywords": "Safeguarding keywords",
    "posture": "Security of the machine",
    "software": "Software",
    "traffic": "Traffic",
    "usb_storage": "USB storage",
}
"""Checks by their name; one that is not here is shown by that name."""

ANSWERS = {"pass": "Pass", "fail": "Fail", "unknown": "Not known", "not_applicable": "Does not apply"}

ANSWER_COLOURS = {"pass": "green", "fail": "red", "unknown": "yellow", "not_applicable": "grey"}

PROTECTIONS = {
    "encrypted": "Encrypted",
    "hardware_encrypted": "Encrypted by its own hardware",
    "possibly_encrypted": "Possibly encrypted",
    "plain": "Not encrypted",
    "partly": "Encrypted in part",
    "blank": "Blank",
    "no_medium": "No medium in it",
    "not_applicable": "Does not apply",
    "unknown": "Not known",
    "": "Never seen",
}

PROTECTION_COLOURS = {"encrypted": "green", "hardware_encrypted": "green", "plain": "red", "partly": "red"}
"""Of all others: yellow, for nobody knows."""

FORMS = {
    "disk": "Stick or disk",
    "card_reader": "Card reader",
    "optical": "Disc drive",
    "phone": "Phone or tablet",
}

OWN_RULES = {
    "account-on-several-devices": (
        """A personal account is for one person. Several sessions at a time may mean that a password is shared, or that
        somebody left a session open and went on elsewhere. Sessions are told apart by a reference that names nobody:
        this says which machines. It proves no person.""",
        """Look at the machines first: is a session left open somewhere? Then speak with whoever looks after the
        accounts. A locked session counts too. An account that several people use belongs in `shared` of `[accounts]` in
        the policy: then it is not told again. Ask before you conclude.""",
    ),
}
"""What the collector raises itself, without a rule of the policy: why, and what to do first."""

FIELDS = {
    "account_kind": "Kind of account",
    "account_ref": "Reference of the account",
    "already_running": "Ran already when the agent started",
    "audio_bytes": "Size of sound files",
    "audio_files": "Sound files",
    "bundle_sha256": "SHA-256 of the policy",
    "bundle_version": "Policy version",
    "contains": "What is in it",
    "cores": "Processor cores",
    "cpu_percent": "Processor use in per cent of one core",
    "device.driver": "Driver",
    "device.form": "Form",
    "device.is_approved": "In the register of approved devices",
    "device.is_mounted": "Open for files",
    "device.is_unlocked": "Its encryption is unlocked",
    "device.product": "USB device",
    "device.product_id": "Product id",
    "device.protection": "Protection",
    "device.protection_by": "Known by",
    "device.serial": "Serial number",
    "device.size_bytes": "Size",
    "device.vendor": "Maker",
    "device.vendor_id": "Maker’s id",
    "device.volumes": "Volumes",
    "dropped_kind": "Kind of event",
    "duration_s": "For",
    "first_failed_at_ns": "First failed",
    "idle_s": "Not used for",
    "is_executable": "Can be run",
    "is_local": "Account of the machine itself",
    "is_over": "It is over",
    "limit_s": "Allowed",
    "mean_mbit_s": "Mean in Mbit/s",
    "measured_by": "Measured by",
    "memory_bytes": "Memory",
    "memory_mb": "Memory in MB",
    "not_watched": "Not watched",
    "os": "Operating system",
    "os_version": "Version of the operating system",
    "others": "Other people with a session there",
    "picture_bytes": "Size of pictures",
    "picture_files": "Pictures",
    "previous_epoch": "Epoch before",
    "program.build_id": "Build id",
    "program.name": "Program",
    "program.path": "Path",
    "program.sha256": "SHA-256 of its content",
    "program.sketch": "Likeness of its content",
    "program.source": "Seen as",
    "program.version": "Version",
    "program_name": "Program",
    "received_bytes": "Received",
    "recipients_sha256": "SHA-256 of the set of readers",
    "recipients_version": "Version of the set of readers",
    "root_fingerprint": "Fingerprint of the safeguarding root",
    "sent_bytes": "Sent",
    "session_ref": "Reference of the session",
    "session_type": "Kind of session",
    "sha256": "SHA-256 of its content",
    "size_bytes": "Size",
    "video_bytes": "Size of videos",
    "video_files": "Videos",
    "was_there": "Was there when the agent started",
    "written_bytes": "Written",
}
"""Fields of events by their dotted name; one that is not here is shown by that name."""

NOTICES = {
    "acknowledged": "The incident is acknowledged.",
    "resolved": "The incident is resolved.",
    "reopened": "The incident is open again.",
    "noted": "The note is added.",
    "responded": "It is recorded, and stands in the incident log.",
    "parents-asked": "The DSL sees the question under “Parents”. The answer will stand here.",
    "parents-agreed": "Whoever asked now reads that parents may be told.",
    "parents-vetoed": "Whoever asked now reads that they are not to be told. Only the safeguarding leads see why.",
    "allowed": "The program is on the allow list, the incident is resolved, and a new policy is on its way.",
    "approved": "The allow list is changed, and a new policy is on its way to the devices.",
    "medium-approved": "The device is in the register, and a new policy is on its way to the devices.",
    "exception-asked": "It is asked. Somebody else decides it; nothing is excepted until then.",
    "exception-granted": "The exception is granted, and a new policy is on its way to the devices. It ends by itself.",
    "exception-refused": "The request is refused.",
    "exception-withdrawn": "It is withdrawn. If it was in force, a new policy is on its way to the devices.",
    "exception-reviewed": "The review is saved. The exception stands.",
    "medium-withdrawn": "The device is not in the register any more, and a new policy is on its way to the devices.",
    "change-proposed": "It is asked for. Nothing changes until a headteacher or safeguarding lead agrees.",
    "change-agreed": "The change is published, and the new policy is on its way to the devices.",
    "change-refused": "The change is refused. The policy is as it was.",
    "change-withdrawn": "The change is withdrawn. The policy is as it was.",
    "pause-ended": "The pause is ended, and a new policy is on its way to the devices.",
    "rollout-staged": "The share is saved. Connected devices in it get what is staged within seconds.",
    "rollout-everywhere": "It is for every device now. Connected ones get it within seconds.",
    "rollout-ended": "The roll-out is over before it began. What is published next goes to every device.",
    "policy-back": "Pack and own rule files are as they were before, and a new policy is on its way to the devices.",
    "audit-reviewed": "Your look through the log is kept, and stands in the log itself.",
    "device-confirmed": "The device is confirmed. What it found is not marked as unconfirmed any more.",
    "device-replaced": "The device is confirmed as the same machine, and the one before it is revoked.",
    "devices-confirmed": "Every device that fits exactly one free row of the school’s list is confirmed.",
    "device-revoked": "The device is revoked. If it is connected, it is cut off within seconds.",
    "device-retired": "The device is retired, and its record is signed.",
    "resets-declared": "The declaration is saved.",
    "disabled": "The user is disabled and signed out everywhere.",
    "enabled": "The user can sign in again.",
    "decided": "The decision is saved.",
    "annulled": "The flag is annulled. It stands in nobody’s history any more.",
    "annulled-log": "The flag is annulled. It stands in nobody’s history any more. The database’s log still holds what"
    " it said, because somebody was reading; the collector tries to empty it within the hour.",
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


def name_paused(what: str) -> str:
    """Return the words for what a pause switches off: `check:software`."""
    kind, _, name = what.partition(":")
    if kind == "keywords":
        return CHECKS["keywords"]
    return f"Check: {CHECKS.get(name, name)}" if kind == "check" else f"Rule: {name}"


def name_field(path: str) -> str:
    """Return the words for a field of an event."""
    # What a check found has names of its own, and the page says already that these are facts.
    return FIELDS.get(path) or path.removeprefix("facts.").replace(".", ", ").replace("_", " ").capitalize()
