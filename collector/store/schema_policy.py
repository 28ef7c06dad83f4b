# SPDX-License-Identifier: Apache-2.0
"""Tables of the policy: which pack is in force, who changed what with whose word, what is excepted or paused, and what
was done about an incident. `schema` brings all tables together."""

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    text,
)

from collector.store.columns import Number, make_school_column, metadata

# The pack that the school works under; without a row it is the baseline.
chosen_packs = Table(
    "chosen_packs",
    metadata,
    make_school_column(),
    Column("pack", String(32), nullable=False),
    Column("chosen_at_ns", Number, nullable=False),
    Column("chosen_by", Text, nullable=False),
    PrimaryKeyConstraint("school_id"),
)

# Every change of the policy that somebody asked for: published at once, or after a second person's word.
changes = Table(
    "changes",
    metadata,
    Column("change_id", String(16), primary_key=True),
    make_school_column(),
    Column("subject", Text, nullable=False),  # what is changed: "rule file games.toml", "pack bexton", "pause keywords"
    Column("author", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("difference", Text, nullable=False),  # unified diff of the rule files, for people
    Column("weakens", Text, nullable=False, server_default=text("'[]'")),  # JSON array: which safeguards, in words
    Column("step", Text, nullable=False),  # JSON: what is done when it is published, see collector.changes
    Column("state", String(16), nullable=False),  # proposed, published, refused or withdrawn
    Column("made_at_ns", Number, nullable=False),
    Column("decided_at_ns", Number),
    Column("decided_by", Text),
    Column("decision_note", Text, nullable=False, server_default=text("''")),
    Column("version", Number),  # of the bundle that carried it
    CheckConstraint("state in ('proposed', 'published', 'refused', 'withdrawn')", name="change_state"),
    Index("changes_by_time", "school_id", "made_at_ns"),
)

# A safeguard that is switched off for a while. It ends by itself: the times are in the bundle.
pauses = Table(
    "pauses",
    metadata,
    Column("pause_id", String(16), primary_key=True),
    make_school_column(),
    Column("what", String(128), nullable=False),  # keywords, check:<name> or rule:<id>
    Column("first_ns", Number, nullable=False),
    Column("last_ns", Number, nullable=False),
    Column("reason", Text, nullable=False),
    Column("asked_by", Text, nullable=False),
    Column("decided_by", Text, nullable=False),
    Column("ended_at_ns", Number),  # by somebody, before its time
    Index("pauses_by_time", "school_id", "last_ns"),
)

# A version that only a share of the devices has yet. The others keep the newest one that everybody has.
rollouts = Table(
    "rollouts",
    metadata,
    make_school_column(),
    Column("version", Number, nullable=False),
    Column("share", Integer, nullable=False),  # per cent of devices
    Column("state", String(16), nullable=False),  # staged, complete or withdrawn
    Column("changed_at_ns", Number, nullable=False),
    Column("changed_by", Text, nullable=False),
    PrimaryKeyConstraint("school_id", "version"),
    CheckConstraint("state in ('staged', 'complete', 'withdrawn')", name="rollout_state"),
)

# What somebody asked to be excepted from rules, and who decided it. Decided ones are in the bundle until they end.
exceptions = Table(
    "exceptions",
    metadata,
    Column("exception_id", String(16), primary_key=True),
    make_school_column(),
    Column("asked_by", Text, nullable=False),
    Column("asked_at_ns", Number, nullable=False),
    Column("asked_for", Text, nullable=False),  # JSON, see collector.exceptions
    Column("reason", Text, nullable=False),
    Column("first_ns", Number, nullable=False),
    Column("last_ns", Number, nullable=False),
    Column("review_on", String(10), nullable=False),  # ISO date
    Column("state", String(16), nullable=False),  # asked, granted, refused or withdrawn; it expires by its time
    Column("decided_by", Text),
    Column("decided_at_ns", Number),
    Column("decision_note", Text, nullable=False, server_default=text("''")),
    Column("reviewed_by", Text),
    Column("reviewed_at_ns", Number),
    CheckConstraint("state in ('asked', 'granted', 'refused', 'withdrawn')", name="exception_state"),
    Index("exceptions_by_end", "school_id", "last_ns"),
)

# Groups of devices that rules speak of: rooms, laptops that go home.
device_groups = Table(
    "device_groups",
    metadata,
    make_school_column(),
    Column("name", String(64), nullable=False),
    Column("device_id", String(16), nullable=False),
    Column("added_at_ns", Number, nullable=False),
    Column("added_by", Text, nullable=False),
    PrimaryKeyConstraint("school_id", "name", "device_id"),
    ForeignKeyConstraint(["device_id"], ["devices.device_id"]),
)

# What rules fitted and somebody has to remember: no incident yet, or one that gets worse by coming again. See
# collector.judgement.
held_sightings = Table(
    "held_sightings",
    metadata,
    Column("held_id", Number, primary_key=True, autoincrement=True),
    make_school_column(),
    Column("rule", String(128), nullable=False),
    Column("subject", Text, nullable=False),  # what counts together: of one device, or of the school
    Column("group_key", Text, nullable=False),
    Column("device_id", String(16), nullable=False),
    Column("event_id", Number, nullable=False),
    Column("at_ns", Number, nullable=False),  # when it was heard of
    Column("due_at_ns", Number),  # the end of its grace; null when it waits for others, or for nothing
    Column("until_ns", Number, nullable=False),  # from then on it cannot matter
    Column("state", String(16), nullable=False),  # held, told or cleared
    Column("sighting", Text, nullable=False),  # JSON; empty once it was told
    CheckConstraint("state in ('held', 'told', 'cleared')", name="held_state"),
    Index("held_by_subject", "school_id", "rule", "subject", "at_ns"),
    Index("held_by_device", "device_id", "rule"),
    Index("held_by_due", "school_id", "due_at_ns"),
    Index("held_by_end", "school_id", "until_ns"),
)

# What the school did about an incident, of what its policy names: see collector.responses.
incident_responses = Table(
    "incident_responses",
    metadata,
    Column("response_id", Number, primary_key=True, autoincrement=True),
    make_school_column(),
    Column("incident_id", String(16), nullable=False),
    Column("step", String(64), nullable=False),
    Column("about", String(16), nullable=False),  # pupil, staff or unknown
    Column("outcome", Text, nullable=False),
    Column("recorded_by", Text, nullable=False),
    Column("recorded_at_ns", Number, nullable=False),
    ForeignKeyConstraint(["incident_id"], ["incidents.incident_id"]),
    Index("incident_responses_by_incident", "incident_id", "response_id"),
)

# The DSL's word on whether parents are told of an incident.
parent_decisions = Table(
    "parent_decisions",
    metadata,
    make_school_column(),
    Column("incident_id", String(16), nullable=False),
    Column("asked_by", Text, nullable=False),
    Column("asked_at_ns", Number, nullable=False),
    Column("state", String(16), nullable=False),  # asked, agreed or vetoed
    Column("ground", String(32), nullable=False, server_default=text("''")),  # of a veto, one of a few words
    Column("decided_by", Text),
    Column("decided_at_ns", Number),
    PrimaryKeyConstraint("school_id", "incident_id"),
    ForeignKeyConstraint(["incident_id"], ["incidents.incident_id"]),
    CheckConstraint("state in ('asked', 'agreed', 'vetoed')", name="parent_decision_state"),
)
