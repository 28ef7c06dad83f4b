# SPDX-License-Identifier: Apache-2.0
"""The tables. One schema for every engine; `migrations` brings a database to it.

Times are integers, nanoseconds since 1970, by the collector's clock unless the name says `device_`.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

metadata = MetaData()

# 64 bits on every engine; SQLite gives only INTEGER primary keys the fast rowid.
Number = BigInteger().with_variant(Integer, "sqlite")


def _school() -> Column[str]:
    return Column("school_id", String(16), nullable=False)


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
    _school(),
    Column("secret_sha256", LargeBinary(32), primary_key=True),
    Column("made_at_ns", Number, nullable=False),
    Column("expires_at_ns", Number, nullable=False),
    Column("uses_allowed", Integer, nullable=False),
    Column("uses", Integer, nullable=False, server_default=text("0")),
)

devices = Table(
    "devices",
    metadata,
    _school(),
    Column("device_id", String(16), primary_key=True),
    Column("state", String(16), nullable=False),  # active or revoked
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
    Index("devices_by_school", "school_id", "hostname"),
)

# What proves that a device may speak: its keys and how it enrolled. Never changed, only added to.
device_keys = Table(
    "device_keys",
    metadata,
    _school(),
    Column("device_id", String(16), nullable=False),
    Column("algorithm", String(32), nullable=False),
    Column("public_key", LargeBinary, nullable=False),
    Column("certificate_request", LargeBinary, nullable=False),
    Column("proof", LargeBinary, nullable=False),
    Column("certificate_sha256", LargeBinary(32), nullable=False),
    Column("token_sha256", LargeBinary(32), nullable=False),
    Column("made_at_ns", Number, nullable=False),
    PrimaryKeyConstraint("device_id", "public_key"),
    ForeignKeyConstraint(["device_id"], ["devices.device_id"]),
)

# Where each device's chain ends. Duplicates are found here, not by an index over all events.
heads = Table(
    "heads",
    metadata,
    _school(),
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
    _school(),
    Column("device_id", String(16), nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("first_seq", Number, nullable=False),
    Column("last_seq", Number, nullable=False),
    Column("version", Integer, nullable=False),
    Column("algorithm", String(32), nullable=False),
    Column("header_block", LargeBinary, nullable=False),
    Column("signature", LargeBinary, nullable=False),
    Column("received_at_ns", Number, nullable=False),
    UniqueConstraint("device_id", "epoch", "first_seq", name="envelopes_once"),
)

# One narrow row for each event, in order of arrival.
events = Table(
    "events",
    metadata,
    Column("event_id", Number, primary_key=True, autoincrement=False),
    _school(),
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
    _school(),
    Column("salt", LargeBinary, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("missing", Integer, nullable=False),  # proto.events.Missing
)

# What a device sent and was refused. Bounded for each device, see ledger.
refused = Table(
    "refused",
    metadata,
    Column("refused_id", Number, primary_key=True, autoincrement=True),
    _school(),
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
    _school(),
    Column("number", Number, nullable=False),
    Column("made_at_ns", Number, nullable=False),
    # JSON: [[device_id, epoch, seq, hash hex], ...] sorted; only those that moved since the checkpoint before
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
    _school(),
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

# What happened to an incident, in order: opened, reopened, acknowledged, resolved, noted.
incident_history = Table(
    "incident_history",
    metadata,
    Column("history_id", Number, primary_key=True, autoincrement=True),
    _school(),
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
    _school(),
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
    _school(),
    Column("name", String(256), nullable=False),  # in lower case
    Column("approved_at_ns", Number, nullable=False),
    Column("approved_by", Text, nullable=False),
    PrimaryKeyConstraint("school_id", "name"),
)

# Every bundle that was ever published, as it was signed.
bundles = Table(
    "bundles",
    metadata,
    _school(),
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
    _school(),
    Column("name", String(128), nullable=False),
    Column("text", Text, nullable=False),
    Column("added_at_ns", Number, nullable=False),
    Column("added_by", Text, nullable=False),
    PrimaryKeyConstraint("school_id", "name"),
)

users = Table(
    "users",
    metadata,
    _school(),
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

# Pupils and staff, from the school's own records; not the users of the console.
people = Table(
    "people",
    metadata,
    _school(),
    Column("person_id", String(64), nullable=False),  # the school's own
    Column("name", Text, nullable=False),
    Column("kind", String(16), nullable=False),  # pupil, staff, shared, guest, supply
    Column("roles", Text, nullable=False, server_default=text("'[]'")),  # JSON array
    Column("aliases", Text, nullable=False, server_default=text("'[]'")),  # JSON array, of role-holders only
    Column("year_group", Text, nullable=False, server_default=text("''")),
    Column("class_name", Text, nullable=False, server_default=text("''")),
    Column("user_name", String(64), nullable=False, server_default=text("''")),  # at the console; mostly empty
    Column("from_date", String(10), nullable=False, server_default=text("''")),  # ISO dates; empty: no limit
    Column("until_date", String(10), nullable=False, server_default=text("''")),
    Column("imported_at_ns", Number, nullable=False),
    PrimaryKeyConstraint("school_id", "person_id"),
)

# Whose an account is. An account belongs to one person or shared group; what is in no row is unmapped.
accounts = Table(
    "accounts",
    metadata,
    _school(),
    Column("account", String(256), nullable=False),  # directory:<name>, local:<device>:<uid>, sid:<SID>, entra:<id>
    Column("person_id", String(64), nullable=False),
    PrimaryKeyConstraint("school_id", "account"),
    ForeignKeyConstraint(["school_id", "person_id"], ["people.school_id", "people.person_id"]),
)

# Who of the role-holders is away, and until when.
absences = Table(
    "absences",
    metadata,
    _school(),
    Column("user_name", String(64), nullable=False),
    Column("from_ns", Number, nullable=False),
    Column("until_ns", Number, nullable=False),
    Column("noted_by", Text, nullable=False),
    PrimaryKeyConstraint("school_id", "user_name", "from_ns"),
)

# The wrapped identity of a reader: an age identity under a passphrase that the collector never sees.
identities = Table(
    "identities",
    metadata,
    _school(),
    Column("user_name", String(64), nullable=False),
    Column("age_key", Text, nullable=False),
    Column("wrapped", LargeBinary, nullable=False),
    Column("made_at_ns", Number, nullable=False),
    Column("test_item", LargeBinary),  # sealed to this key by whoever signs the next set; opened by its owner
    PrimaryKeyConstraint("school_id", "user_name"),
)

# Every set of recipients that was ever published, as the safeguarding root signed it.
recipient_sets = Table(
    "recipient_sets",
    metadata,
    _school(),
    Column("version", Number, nullable=False),
    Column("published_at_ns", Number, nullable=False),
    Column("published_by", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("root_public_key", LargeBinary, nullable=False),
    Column("signature", LargeBinary, nullable=False),
    Column("former_root_public_key", LargeBinary, nullable=False),
    Column("former_signature", LargeBinary, nullable=False),
    PrimaryKeyConstraint("school_id", "version"),
)

# What of a flag is in the clear. The sealed text is the payload of its event.
flags = Table(
    "flags",
    metadata,
    Column("flag_id", String(16), primary_key=True),
    _school(),
    Column("event_id", Number, nullable=False),
    Column("device_id", String(16), nullable=False),
    Column("tier", Integer, nullable=False),  # proto.events.Tier
    Column("route", String(16), nullable=False),
    Column("drill", Boolean, nullable=False),
    Column("subject_ref", LargeBinary(16), nullable=False),
    Column("recipients_version", Number, nullable=False),
    Column("device_time_ns", Number, nullable=False),
    Column("received_at_ns", Number, nullable=False),
    Column("state", String(16), nullable=False),  # new, read, decided
    Column("verdict", String(32), nullable=False, server_default=text("''")),
    Column("category", String(32), nullable=False, server_default=text("''")),  # the reader's, with the verdict
    Column("action", String(64), nullable=False, server_default=text("''")),
    Column("decided_by", Text, nullable=False, server_default=text("''")),
    Column("decided_at_ns", Number),
    UniqueConstraint("event_id", name="flags_once"),
    Index("flags_by_time", "school_id", "route", "received_at_ns"),
    Index("flags_by_subject", "school_id", "subject_ref"),
)

# Notes on a flag, sealed in the browser to the same readers, and copies of it for a reader who came later.
flag_notes = Table(
    "flag_notes",
    metadata,
    Column("note_id", Number, primary_key=True, autoincrement=True),
    _school(),
    Column("flag_id", String(16), nullable=False),
    Column("made_at_ns", Number, nullable=False),
    Column("made_by", Text, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    ForeignKeyConstraint(["flag_id"], ["flags.flag_id"]),
    Index("flag_notes_by_flag", "flag_id", "note_id"),
)

flag_copies = Table(
    "flag_copies",
    metadata,
    _school(),
    Column("flag_id", String(16), nullable=False),
    Column("user_name", String(64), nullable=False),
    Column("made_at_ns", Number, nullable=False),
    Column("made_by", Text, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    PrimaryKeyConstraint("flag_id", "user_name"),
    ForeignKeyConstraint(["flag_id"], ["flags.flag_id"]),
)

# On which devices how many accounts read which notice: one row for each, without a name.
notices = Table(
    "notices",
    metadata,
    _school(),
    Column("device_id", String(16), nullable=False),
    Column("subject_ref", LargeBinary(16), nullable=False),
    Column("notice_version", String(64), nullable=False),
    Column("device_time_ns", Number, nullable=False),
    Column("received_at_ns", Number, nullable=False),
    PrimaryKeyConstraint("school_id", "device_id", "subject_ref", "notice_version"),
    ForeignKeyConstraint(["device_id"], ["devices.device_id"]),
)

# Orders to drill, and which flag answered.
drills = Table(
    "drills",
    metadata,
    _school(),
    Column("nonce", LargeBinary(16), primary_key=True),
    Column("device_id", String(16), nullable=False),
    Column("ordered_at_ns", Number, nullable=False),
    Column("expires_at_ns", Number, nullable=False),
    Column("ordered_by", Text, nullable=False),
    Column("answered_at_ns", Number),
    Column("flag_id", String(16)),
    Index("drills_by_device", "school_id", "device_id", "ordered_at_ns"),
)

sessions = Table(
    "sessions",
    metadata,
    _school(),
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
    _school(),
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
