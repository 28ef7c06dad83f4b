# SPDX-License-Identifier: Apache-2.0
"""The tables of machines: what is installed, what they are made of, what their checks answer, USB devices, sessions;
a part of `schema`, which everybody imports them from.

They hold what devices say, cut to a length; evidence is in the ledger and nowhere else. Each is bounded for a device by
the module that writes it. No column holds the name of a file, an account or a person.
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
    text,
)

from collector.store.columns import Number, make_school_column, metadata

# One row for each version of a program that a device has or had. A newer version ends the row of the older one.
software = Table(
    "software",
    metadata,
    Column("software_id", Number, primary_key=True, autoincrement=True),
    make_school_column(),
    Column("device_id", String(16), nullable=False),
    Column("source", String(32), nullable=False),
    Column("name", Text, nullable=False),
    Column("folded_name", Text, nullable=False),  # case folded: by it and the source programs are told apart
    Column("version", Text, nullable=False),  # of several at a time: all of them
    Column("first_seen_at_ns", Number, nullable=False),
    Column("gone_at_ns", Number),  # null while it is installed
    Column("is_first_list", Boolean, nullable=False),  # it was there when the device was first asked
    ForeignKeyConstraint(["device_id"], ["devices.device_id"]),
    Index("software_by_device", "device_id", "gone_at_ns", "folded_name"),
    Index("software_by_time", "school_id", "first_seen_at_ns"),
)

# The newest whole list of each device. Without a row, nothing is known of its software.
software_lists = Table(
    "software_lists",
    metadata,
    make_school_column(),
    Column("device_id", String(16), primary_key=True),
    Column("listed_at_ns", Number, nullable=False),
    Column("changed_at_ns", Number, nullable=False),
    Column("epoch", Integer, nullable=False),  # a long list comes in parts, all in one epoch; 0: no part can follow
    Column("is_first", Boolean, nullable=False),  # no list of this device came before
    Column("left_out", Integer, nullable=False, server_default=text("0")),  # programs beyond what is kept
    ForeignKeyConstraint(["device_id"], ["devices.device_id"]),
)

# What a device is made of: the newest row is how it is, the others are how it was.
hardware = Table(
    "hardware",
    metadata,
    make_school_column(),
    Column("device_id", String(16), nullable=False),
    Column("event_id", Number, nullable=False),
    Column("since_ns", Number, nullable=False),
    Column("confirmed_at_ns", Number, nullable=False),
    Column("manufacturer", Text, nullable=False),
    Column("product", Text, nullable=False),
    Column("serial", Text, nullable=False),
    Column("firmware", Text, nullable=False),
    Column("processor", Text, nullable=False),
    Column("cores", Number, nullable=False),
    Column("memory_bytes", Number, nullable=False),
    Column("disks", Text, nullable=False),  # JSON array of objects: model, serial, size_bytes, technology
    PrimaryKeyConstraint("device_id", "event_id"),
    ForeignKeyConstraint(["device_id"], ["devices.device_id"]),
)

# What each check of a device answered last.
answers = Table(
    "answers",
    metadata,
    make_school_column(),
    Column("device_id", String(16), nullable=False),
    Column("check_name", String(32), nullable=False),
    Column("state", String(16), nullable=False),  # pass, fail, unknown, not_applicable
    Column("summary", Text, nullable=False),
    Column("facts", Text, nullable=False),  # JSON object of texts
    Column("first_failed_at_ns", Number, nullable=False),  # by the device's clock; 0 unless it fails
    Column("received_at_ns", Number, nullable=False),
    PrimaryKeyConstraint("device_id", "check_name"),
    ForeignKeyConstraint(["device_id"], ["devices.device_id"]),
)

# Which USB storage was seen on which device, as the rules of the policy let devices tell.
seen_media = Table(
    "seen_media",
    metadata,
    make_school_column(),
    Column("device_id", String(16), nullable=False),
    Column("vendor_id", String(4), nullable=False),
    Column("product_id", String(4), nullable=False),
    Column("serial", String(128), nullable=False),  # case folded; empty when it tells none
    Column("vendor", Text, nullable=False),
    Column("product", Text, nullable=False),
    Column("form", String(32), nullable=False),
    Column("protection", String(32), nullable=False),
    Column("protection_by", Text, nullable=False),
    Column("first_seen_at_ns", Number, nullable=False),
    Column("last_seen_at_ns", Number, nullable=False),
    Column("written_at_ns", Number),  # when something was last written to it; null: never seen
    PrimaryKeyConstraint("device_id", "vendor_id", "product_id", "serial"),
    ForeignKeyConstraint(["device_id"], ["devices.device_id"]),
)

# The register of approved USB devices.
approved_media = Table(
    "approved_media",
    metadata,
    make_school_column(),
    Column("vendor_id", String(4), nullable=False),
    Column("product_id", String(4), nullable=False),
    Column("serial", String(128), nullable=False),  # case folded, never empty
    Column("note", Text, nullable=False),
    Column("until_date", String(10), nullable=False, server_default=text("''")),  # ISO; empty: no end
    Column("approved_by", Text, nullable=False),
    Column("approved_at_ns", Number, nullable=False),
    PrimaryKeyConstraint("school_id", "vendor_id", "product_id", "serial"),
)

# Sessions on devices, by reference: who it is cannot be told from it without a key outside the database.
presence = Table(
    "presence",
    metadata,
    make_school_column(),
    Column("device_id", String(16), nullable=False),
    Column("session_ref", LargeBinary(8), nullable=False),
    Column("account_ref", LargeBinary(16), nullable=False),
    Column("is_personal", Boolean, nullable=False),  # one person's, of the directory, at the machine itself
    Column("account_kind", String(16), nullable=False, server_default=text("''")),  # as the device says
    Column("boot_id", LargeBinary(16), nullable=False),
    Column("event_id", Number, nullable=False),
    Column("heard_at_ns", Number, nullable=False),  # when we heard that it began
    Column("until_ns", Number),  # null while it lasts
    Column("told_at_ns", Number),  # when it was counted as one of several at a time
    PrimaryKeyConstraint("device_id", "session_ref"),
    ForeignKeyConstraint(["device_id"], ["devices.device_id"]),
    Index("presence_by_account", "school_id", "account_ref", "until_ns"),
)
