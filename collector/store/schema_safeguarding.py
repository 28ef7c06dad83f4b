# SPDX-License-Identifier: Apache-2.0
"""The tables of people and of safeguarding; a part of `schema`, which everybody imports them from.

No column holds what a flag says, whose account it is about in words, or the key that its references are made with.
"""

from sqlalchemy import (
    Boolean,
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

from collector.store.columns import Number, make_school_column, metadata

# Pupils and staff, from the school's own records; not the users of the console.
people = Table(
    "people",
    metadata,
    make_school_column(),
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
    make_school_column(),
    Column("account", String(256), nullable=False),  # directory:<name>, local:<device>:<uid>, sid:<SID>, entra:<id>
    Column("person_id", String(64), nullable=False),
    PrimaryKeyConstraint("school_id", "account"),
    ForeignKeyConstraint(["school_id", "person_id"], ["people.school_id", "people.person_id"]),
)

# What was ever an account of a user of the console, by any list: he sees nothing that is typed there. Rows only come.
user_accounts = Table(
    "user_accounts",
    metadata,
    make_school_column(),
    Column("user_name", String(64), nullable=False),
    Column("account", String(256), nullable=False),
    Column("since_ns", Number, nullable=False),
    PrimaryKeyConstraint("school_id", "user_name", "account"),
)

# Who of the role-holders is away, and until when.
absences = Table(
    "absences",
    metadata,
    make_school_column(),
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
    make_school_column(),
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
    make_school_column(),
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
    make_school_column(),
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
    make_school_column(),
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
    make_school_column(),
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
    make_school_column(),
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
    make_school_column(),
    Column("nonce", LargeBinary(16), primary_key=True),
    Column("device_id", String(16), nullable=False),
    Column("ordered_at_ns", Number, nullable=False),
    Column("expires_at_ns", Number, nullable=False),
    Column("ordered_by", Text, nullable=False),
    Column("answered_at_ns", Number),
    Column("flag_id", String(16)),
    Index("drills_by_device", "school_id", "device_id", "ordered_at_ns"),
)
