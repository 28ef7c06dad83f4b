# SPDX-License-Identifier: Apache-2.0
"""The tables of what stands around evidence: certificates, whom devices trust, the school's list of its devices, their
disposal, which events an incident rests on, what was erased, who looked through the audit log; a part of `schema`.
"""

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from collector.store.columns import Number, make_school_column, metadata

# Every certificate that a device got. Which CA issued it says when that CA is needed no more.
certificates = Table(
    "certificates",
    metadata,
    Column("sha256", LargeBinary(32), primary_key=True),
    make_school_column(),
    Column("device_id", String(16), nullable=False),
    Column("authority_sha256", LargeBinary(32), nullable=False),  # of the CA's own certificate
    Column("made_at_ns", Number, nullable=False),
    Column("expires_at_ns", Number, nullable=False),
    ForeignKeyConstraint(["device_id"], ["devices.device_id"]),
    Index("certificates_by_device", "device_id", "made_at_ns"),
)

# Every signed statement of whom devices trust and where they find it, see proto.trust.
trusts = Table(
    "trusts",
    metadata,
    make_school_column(),
    Column("version", Number, nullable=False),
    Column("made_at_ns", Number, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("algorithm", String(32), nullable=False),
    Column("signature", LargeBinary, nullable=False),
    PrimaryKeyConstraint("school_id", "version"),
)

# The school's own list of its machines, as imported.
expected_devices = Table(
    "expected_devices",
    metadata,
    Column("expected_id", String(16), primary_key=True),
    make_school_column(),
    Column("hostname", Text, nullable=False),
    Column("folded_hostname", Text, nullable=False),  # case folded, without the domain
    Column("serial", Text, nullable=False),  # empty: the list does not say
    Column("asset", Text, nullable=False),  # the school's own number on it
    Column("place", Text, nullable=False),
    Column("added_at_ns", Number, nullable=False),
    Column("added_by", Text, nullable=False),
    Column("device_id", String(16)),  # the device that was matched to it
    UniqueConstraint("school_id", "folded_hostname", "serial", name="expected_devices_once"),
)

# What became of a device that the school gave away. A copy of the receipt is kept by the school, on paper or as a file.
disposals = Table(
    "disposals",
    metadata,
    Column("disposal_id", String(16), primary_key=True),
    make_school_column(),
    Column("device_id", String(16), nullable=False),
    Column("at_ns", Number, nullable=False),
    Column("recorded_by", Text, nullable=False),
    Column("method", String(16), nullable=False),  # recycled, sold, donated, returned, destroyed, lost
    Column("receiver", Text, nullable=False),
    Column("receipt", Text, nullable=False),  # the receiver's number or reference
    Column("is_wiped", Boolean, nullable=False),
    Column("wiped_how", Text, nullable=False),  # or why it was not
    Column("signature", LargeBinary, nullable=False),  # by the collector, over all of the above
    UniqueConstraint("device_id", name="disposals_once"),
    ForeignKeyConstraint(["device_id"], ["devices.device_id"]),
)

# Which events an incident rests on. Bounded for an incident by `counting`; past the bound they are only counted.
incident_events = Table(
    "incident_events",
    metadata,
    make_school_column(),
    Column("incident_id", String(16), nullable=False),
    Column("event_id", Number, nullable=False),
    PrimaryKeyConstraint("incident_id", "event_id"),
    ForeignKeyConstraint(["incident_id"], ["incidents.incident_id"]),
    Index("incident_events_by_event", "event_id"),
)

# What was erased, why and on whose word, signed by the collector and linked like the audit log.
tombstones = Table(
    "tombstones",
    metadata,
    make_school_column(),
    Column("number", Number, nullable=False),
    Column("at_ns", Number, nullable=False),
    Column("event_id", Number, nullable=False),
    Column("device_id", String(16), nullable=False),
    Column("epoch", Number, nullable=False),
    Column("seq", Number, nullable=False),
    Column("event_hash", LargeBinary(32), nullable=False),  # of the event whose content went
    Column("reason", String(16), nullable=False),  # retention, request, annulled, mistake
    Column("actor", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("previous_hash", LargeBinary(32), nullable=False),
    Column("hash", LargeBinary(32), nullable=False),
    Column("signature", LargeBinary, nullable=False),
    PrimaryKeyConstraint("school_id", "number"),
    UniqueConstraint("event_id", name="tombstones_once"),
)

# Who looked through the audit log, and how far. Nobody's look covers what he did himself.
audit_reviews = Table(
    "audit_reviews",
    metadata,
    Column("review_id", String(16), primary_key=True),
    make_school_column(),
    Column("at_ns", Number, nullable=False),
    Column("reviewer", Text, nullable=False),
    Column("first_number", Number, nullable=False),
    Column("last_number", Number, nullable=False),
    Column("last_hash", LargeBinary(32), nullable=False),
    Column("note", Text, nullable=False),
    Index("audit_reviews_by_number", "school_id", "last_number"),
)
