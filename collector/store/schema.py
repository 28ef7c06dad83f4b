# SPDX-License-Identifier: Apache-2.0
"""The tables. One schema for every engine; `migrations` brings a database to it.

Times are integers, nanoseconds since 1970, by the collector's clock unless the name says `device_`. Those of people
and flags are written down in `schema_safeguarding`, those of machines in `schema_machines`, those of what stands
around evidence in `schema_evidence`.
"""

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from collector.store.columns import Number, make_school_column
from collector.store.columns import metadata as metadata
from collector.store.schema_evidence import audit_reviews as audit_reviews
from collector.store.schema_evidence import certificates as certificates
from collector.store.schema_evidence import disposals as disposals
from collector.store.schema_evidence import expected_devices as expected_devices
from collector.store.schema_evidence import incident_events as incident_events
from collector.store.schema_evidence import tombstones as tombstones
from collector.store.schema_evidence import trusts as trusts
from collector.store.schema_machines import answers as answers
from collector.store.schema_machines import approved_media as approved_media
from collector.store.schema_machines import hardware as hardware
from collector.store.schema_machines import presence as presence
from collector.store.schema_machines import seen_media as seen_media
from collector.store.schema_machines import software as software
from collector.store.schema_machines import software_lists as software_lists
from collector.store.schema_policy import changes as changes
from collector.store.schema_policy import chosen_packs as chosen_packs
from collector.store.schema_policy import device_groups as device_groups
from collector.store.schema_policy import exceptions as exceptions
from collector.store.schema_policy import held_sightings as held_sightings
from collector.store.schema_policy import incident_responses as incident_responses
from collector.store.schema_policy import parent_decisions as parent_decisions
from collector.store.schema_policy import pauses as pauses
from collector.store.schema_policy import rollouts as rollouts
from collector.store.schema_safeguarding import absences as absences
from collector.store.schema_safeguarding import accounts as accounts
from collector.store.schema_safeguarding import drills as drills
from collector.store.schema_safeguarding import flag_copies as flag_copies
from collector.store.schema_safeguarding import flag_notes as flag_notes
from collector.store.schema_safeguarding import flags as flags
from collector.store.schema_safeguarding import identities as identities
from collector.store.schema_safeguarding import notices as notices
from collector.store.schema_safeguarding import people as people
from collector.store.schema_safeguarding import recipient_sets as recipient_sets
from collector.store.schema_safeguarding import user_accounts as user_accounts

schools = Table(
    "schools",
    metadata,
    Column("school_id", String(16), primary_key=True),
    Column("name", Text, nullable=False),
    Column("created_at_ns", Number, nullable=False),
)

tokens = Table(
    "tokens",
    metadata,
    make_school_column(),
    Column("secret_sha256", LargeBinary(32), primary_key=True),
    Column("made_at_ns", Number, nullable=False),
    Column("expires_at_ns", Number, nullable=False),
    Column("uses_allowed", Integer, nullable=False),
    Column("uses", Integer, nullable=False, server_default=text("0")),
    Column("made_by", Text, nullable=False),
    Column("withdrawn_at_ns", Number),  # no device can use it from then on
)

devices = Table(
    "devices",
    metadata,
    make_school_column(),
    Column("device_id", String(16), primary_key=True),
    Column("state", String(16), nullable=False),  # pending, active, revoked or retired
    Column("hostname", Text, nullable=False),  # as the device says
    Column("os", Text, nullable=False),
    Column("os_version", Text, nullable=False),
    Column("architecture", Text, nullable=False),
    Column("agent_version", Text, nullable=False),
    Column("enrolled_at_ns", Number, nullable=False),
    Column("last_seen_at_ns", Number, nullable=False),
    Column("clock_offset_ns", Number, nullable=False, server_default=text("0")),  # device minus collector
    Column("bundle_version", Number, nullable=False, server_default=text("0")),
    Column("not_watched", Text, nullable=False, server_default=text("'[]'")),  # JSON array, as the device says
    # As its firmware says when it enrols: evidence of which machine it is, never its identity.
    Column("manufacturer", Text, nullable=False, server_default=text("''")),
    Column("product", Text, nullable=False, server_default=text("''")),
    Column("serial", Text, nullable=False, server_default=text("''")),
    Column("former_device_id", String(16)),  # the device that this one goes on for
    Column("succession", String(16), nullable=False, server_default=text("''")),  # why: see proto.enrolment
    Column("is_reset_often", Boolean, nullable=False, server_default=text("false")),  # set back to an image: declared
    Column("confirmed_at_ns", Number),  # null while it is pending
    Column("confirmed_by", Text),
    Column("trust_version", Number, nullable=False, server_default=text("0")),  # as its last hello says
    Index("devices_by_school", "school_id", "hostname"),
    Index("devices_by_former", "school_id", "former_device_id"),
)

# What proves that a device may speak: its keys and how it enrolled. Never changed, only added to.
device_keys = Table(
    "device_keys",
    metadata,
    make_school_column(),
    Column("device_id", String(16), nullable=False),
    Column("algorithm", String(32), nullable=False),
    Column("public_key", LargeBinary, nullable=False),
    Column("certificate_request", LargeBinary, nullable=False),
    Column("proof", LargeBinary, nullable=False),
    Column("certificate_sha256", LargeBinary(32), nullable=False),
    Column("token_sha256", LargeBinary(32), nullable=False),  # empty for a device that goes on for another
    Column("former_proof", LargeBinary, nullable=False, server_default=text("''")),  # by the former device's key
    Column("made_at_ns", Number, nullable=False),
    PrimaryKeyConstraint("device_id", "public_key"),
    ForeignKeyConstraint(["device_id"], ["devices.device_id"]),
)

# Where each device's chain ends. Duplicates are found here, not by an index over all events.
heads = Table(
    "heads",
    metadata,
    make_school_column(),
    Column("device_id", String(16), primary_key=True),
    Column("epoch", Integer, nullable=False),
    Column("seq", Number, nullable=False),
    Column("hash", LargeBinary(32), nullable=False),
    Column("checkpoint_hash", LargeBinary(32)),  # what the newest checkpoint that lists it says; null before the first
    ForeignKeyConstraint(["device_id"], ["devices.device_id"]),
)

# The evidence, verbatim: what the device signed. Event n of an envelope is first_event_id + n in `events`.
envelopes = Table(
    "envelopes",
    metadata,
    Column("first_event_id", Number, primary_key=True, autoincrement=False),
    make_school_column(),
    Column("device_id", String(16), nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("first_seq", Number, nullable=False),
    Column("last_seq", Number, nullable=False),
    Column("version", Integer, nullable=False),
    Column("algorithm", String(32), nullable=False),
    Column("header_block", LargeBinary, nullable=False),
    Column("signature", LargeBinary, nullable=False),
    Column("missing", LargeBinary, nullable=False),  # a byte for each event, as signed: proto.events.Missing
    Column("received_at_ns", Number, nullable=False),
    UniqueConstraint("device_id", "epoch", "first_seq", name="envelopes_once"),
)

# One narrow row for each event, in order of arrival.
events = Table(
    "events",
    metadata,
    Column("event_id", Number, primary_key=True, autoincrement=False),
    make_school_column(),
    Column("device_id", String(16), nullable=False),
    Column("seq", Number, nullable=False),
    Column("kind", String(64), nullable=False),
    Column("severity", Integer, nullable=False),
    Column("device_time_ns", Number, nullable=False),
)

# Content, apart from the evidence so that it can be erased: salt and body go, and the row says why.
payloads = Table(
    "payloads",
    metadata,
    Column("event_id", Number, primary_key=True, autoincrement=False),
    make_school_column(),
    Column("salt", LargeBinary, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("missing", Integer, nullable=False),  # proto.events.Missing
)

# What a device sent and was refused. Bounded for each device, see ledger.
refused = Table(
    "refused",
    metadata,
    Column("refused_id", Number, primary_key=True, autoincrement=True),
    make_school_column(),
    Column("device_id", String(16), nullable=False),
    Column("received_at_ns", Number, nullable=False),
    Column("last_received_at_ns", Number, nullable=False),
    Column("count", Integer, nullable=False),
    Column("reason", String(32), nullable=False),
    Column("detail", Text, nullable=False),
    Column("sha256", LargeBinary(32), nullable=False),
    Column("size", Integer, nullable=False),
    Column("bytes", LargeBinary, nullable=False),  # the first 64 KiB
    UniqueConstraint("device_id", "sha256", "reason", name="refused_once"),
)

checkpoints = Table(
    "checkpoints",
    metadata,
    make_school_column(),
    Column("number", Number, nullable=False),
    Column("made_at_ns", Number, nullable=False),
    # JSON, see collector.checkpoints: ends of chains that moved since the checkpoint before, of both logs, and the keys
    Column("heads", Text, nullable=False),
    Column("previous_hash", LargeBinary(32), nullable=False),
    Column("hash", LargeBinary(32), nullable=False),
    Column("signature", LargeBinary, nullable=False),
    PrimaryKeyConstraint("school_id", "number"),
)

incidents = Table(
    "incidents",
    metadata,
    Column("incident_id", String(16), primary_key=True),
    make_school_column(),
    Column("rule", String(128), nullable=False),
    Column("rule_title", Text, nullable=False),
    Column("audience", String(16), nullable=False),
    Column("severity", Integer, nullable=False),
    Column("action_class", String(32), nullable=False),
    Column("state", String(16), nullable=False),  # open, acknowledged, resolved
    Column("device_id", String(16), nullable=False),
    Column("subject", Text, nullable=False),
    Column("group_key", Text, nullable=False),
    Column("summary", Text, nullable=False),
    Column("clauses", Text, nullable=False),  # JSON array
    Column("response", String(64), nullable=False, server_default=text("''")),  # of the policy's responses
    Column("escalated", Integer, nullable=False, server_default=text("0")),  # how often it got worse by coming again
    Column("opened_at_ns", Number, nullable=False),
    Column("last_seen_at_ns", Number, nullable=False),
    Column("count", Integer, nullable=False),
    Column("reopened", Integer, nullable=False, server_default=text("0")),
    Column("first_event_id", Number, nullable=False),
    Column("last_event_id", Number, nullable=False),
    CheckConstraint("state in ('open', 'acknowledged', 'resolved')", name="incident_state"),
    UniqueConstraint("school_id", "subject", "rule", name="incidents_once"),
    Index("incidents_by_time", "school_id", "audience", "last_seen_at_ns"),
    Index("incidents_by_device", "school_id", "device_id", "state"),
)

# What happened to an incident, in order: opened, reopened, acknowledged, resolved, noted, escalated, responded,
# parents_asked, parents_decided.
incident_history = Table(
    "incident_history",
    metadata,
    Column("history_id", Number, primary_key=True, autoincrement=True),
    make_school_column(),
    Column("incident_id", String(16), nullable=False),
    Column("at_ns", Number, nullable=False),
    Column("actor", Text, nullable=False),  # a user's name, or "schoolwarden"
    Column("action", String(16), nullable=False),
    Column("note", Text, nullable=False, server_default=text("''")),
    Column("event_id", Number),  # for opened and reopened: the event behind it
    ForeignKeyConstraint(["incident_id"], ["incidents.incident_id"]),
    Index("incident_history_by_incident", "incident_id", "history_id"),
)

# Ordinary software that came at once, offered for the allow list as one decision; its programs are in the event.
proposals = Table(
    "proposals",
    metadata,
    Column("proposal_id", String(16), primary_key=True),
    make_school_column(),
    Column("device_id", String(16), nullable=False),
    Column("event_id", Number, nullable=False),
    Column("made_at_ns", Number, nullable=False),
    Column("state", String(16), nullable=False),  # proposed or decided
    Column("programs", Integer, nullable=False),
    Column("approved", Integer, nullable=False, server_default=text("0")),
    Column("decided_at_ns", Number),
    Column("decided_by", Text),
    UniqueConstraint("event_id", name="proposals_once"),
)

# The allow list.
approved_programs = Table(
    "approved_programs",
    metadata,
    make_school_column(),
    Column("name", String(256), nullable=False),  # in lower case
    Column("approved_at_ns", Number, nullable=False),
    Column("approved_by", Text, nullable=False),
    PrimaryKeyConstraint("school_id", "name"),
)

# Every bundle that was ever published, as it was signed.
bundles = Table(
    "bundles",
    metadata,
    make_school_column(),
    Column("version", Number, nullable=False),
    Column("made_at_ns", Number, nullable=False),
    Column("made_by", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("algorithm", String(32), nullable=False),
    Column("signature", LargeBinary, nullable=False),
    PrimaryKeyConstraint("school_id", "version"),
)

# A school's own rule files, beside the shipped packs.
rule_files = Table(
    "rule_files",
    metadata,
    make_school_column(),
    Column("name", String(128), nullable=False),
    Column("text", Text, nullable=False),
    Column("added_at_ns", Number, nullable=False),
    Column("added_by", Text, nullable=False),
    PrimaryKeyConstraint("school_id", "name"),
)

users = Table(
    "users",
    metadata,
    make_school_column(),
    Column("name", String(64), nullable=False),
    Column("roles", Text, nullable=False),  # JSON array, sorted
    Column("password_hash", Text, nullable=False),
    Column("must_change_password", Boolean, nullable=False),
    Column("disabled", Boolean, nullable=False, server_default=text("false")),
    Column("made_at_ns", Number, nullable=False),
    Column("last_sign_in_at_ns", Number),
    # TOTP, encrypted under a key outside the database; null before it is registered.
    Column("second_factor", LargeBinary),
    Column("second_factor_step", Number, nullable=False, server_default=text("0")),  # newest used: none is taken twice
    PrimaryKeyConstraint("school_id", "name"),
)

sessions = Table(
    "sessions",
    metadata,
    make_school_column(),
    Column("id_sha256", LargeBinary(32), primary_key=True),
    Column("user_name", String(64), nullable=False),
    Column("csrf_token", String(64), nullable=False),
    Column("made_at_ns", Number, nullable=False),
    Column("last_used_at_ns", Number, nullable=False),
    Column("second_factor_at_ns", Number),  # null until the second factor was given in this session
    Index("sessions_by_user", "school_id", "user_name"),
)

# Who did what at the console and the command line. Each row holds the hash of the row before it.
audit = Table(
    "audit",
    metadata,
    make_school_column(),
    Column("number", Number, nullable=False),
    Column("at_ns", Number, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", String(64), nullable=False),
    Column("subject", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("previous_hash", LargeBinary(32), nullable=False),
    Column("hash", LargeBinary(32), nullable=False),
    PrimaryKeyConstraint("school_id", "number"),
)
