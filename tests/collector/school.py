# SPDX-License-Identifier: Apache-2.0
"""A school for tests: a real database in a temporary folder, with devices, signed events, incidents and users.

What is stored goes through the collector's own modules and is signed for real; only the network is missing, and the
clock stands still until it is moved.
"""

import json
import secrets
from collections.abc import Collection
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from pyotp import TOTP, random_base32
from sqlalchemy import Engine, func, insert, select, update

from collector import policies
from collector.config import Config
from collector.counting import Sighting, record_sightings
from collector.ledger import Head, find_head, find_next_event_id
from collector.passwords import hash_password
from collector.proposals import offer
from collector.roles import Role
from collector.second_factor import load_second_factor_key, register
from collector.store.append import EnvelopeRow, HeadRow, append_rows, move_heads
from collector.store.engine import reading, writing
from collector.store.schema import device_keys, devices, incidents, proposals, users
from collector.users import add_user
from proto.chain import commit, link, make_salt
from proto.envelope import make_envelope
from proto.events import Audience, Header, Kind, Missing, Payload, Program, ProgramStarted, SoftwareListed
from proto.keys import Ed25519Signer, load_signer
from proto.wire import decode_body, encode_body, encode_header

START_NS = 1_795_294_000 * 10**9
"""21 November 2026, 20:46:40 UTC: when the clock of a test stands still."""
SECOND_NS = 10**9
MINUTE_NS = 60 * SECOND_NS
STEP_NS = 30 * SECOND_NS
"""How long a code of a second factor is shown."""
TOR = ProgramStarted(Program("tor", path="/opt/tor-browser/tor", sha256="ab" * 32, source="process", version="14.0"))

OWN_RULE = """
[[rule]]
id = "own-zork"
title = "Zork"
why = "It is played in lessons."
advice = "Ask the class."
class = "unacceptable"
severity = 2
kinds = ["program.started"]
clauses = ["BX-01"]
[[rule.program]]
name = "Zork"
executables = ["zork"]
[[rule.test]]
name = "zork"
expect = "match"
event = { kind = "program.started", "program.name" = "zork", "program.source" = "process" }
[[rule.test]]
name = "an editor"
expect = "silent"
event = { kind = "program.started", "program.name" = "vim", "program.source" = "process" }
"""
"""A rule file of a school's own, sound and with its tests."""


@dataclass
class School:
    """A school and its collector's database."""

    config: Config
    engine: Engine
    now_ns: int = START_NS
    signers: dict[str, Ed25519Signer] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    """Of second factors, by user."""

    @property
    def id(self) -> str:
        """The school's id."""
        return self.config.school_id

    def pass_time(self, span_ns: int) -> None:
        """Move the clock."""
        self.now_ns += span_ns

    def add_device(self, hostname: str, **columns: Any) -> str:
        """Enrol a device and return its id; any column of the table can be given."""
        device_id = secrets.token_hex(8)
        signer = self.signers[device_id] = Ed25519Signer.generate()
        values: dict[str, Any] = {
            "state": "active",
            "os": "Debian GNU/Linux",
            "os_version": "12 (bookworm)",
            "architecture": "x86_64",
            "agent_version": "0.1.0",
            "enrolled_at_ns": self.now_ns,
            "last_seen_at_ns": self.now_ns,
            "bundle_version": 1,
        }
        values |= columns | {"not_watched": json.dumps(columns.get("not_watched", []))}
        with writing(self.engine) as connection:
            connection.execute(
                insert(devices).values(school_id=self.id, device_id=device_id, hostname=hostname, **values)
            )
            connection.execute(
                insert(device_keys).values(
                    school_id=self.id,
                    device_id=device_id,
                    algorithm=signer.algorithm,
                    public_key=signer.public_key,
                    certificate_request=b"",
                    proof=b"",
                    certificate_sha256=bytes(32),
                    token_sha256=bytes(32),
                    made_at_ns=self.now_ns,
                )
            )
        return device_id

    def add_event(self, device_id: str, content: Kind, *, missing: Missing = Missing.NO) -> int:
        """Sign an event as its device would, append it to the ledger and return its number there."""
        head, event_id = find_head(self.engine, device_id), find_next_event_id(self.engine)
        salt, body = make_salt(), encode_body(content)
        header = self._make_header(device_id, content, head, commit(salt, body))
        payload = Payload(salt, body) if missing is Missing.NO else Payload(b"", b"", missing)
        sent = make_envelope(
            self.signers[device_id],
            school_id=self.id,
            device_id=device_id,
            epoch=head.epoch,
            first_seq=head.seq + 1,
            headers=[header],
            payloads=[payload],
        )
        envelope = EnvelopeRow(
            event_id,
            self.id,
            device_id,
            sent.epoch,
            sent.first_seq,
            sent.last_seq,
            sent.version,
            sent.algorithm,
            sent.header_block,
            sent.signature,
            bytes([missing]),
            self.now_ns,
        )
        event = (event_id, self.id, device_id, sent.first_seq, content.kind, content.severity, self.now_ns)
        before = head.hash if head.is_stored else b""
        with writing(self.engine) as connection:
            append_rows(
                connection, [envelope], [event], [(event_id, self.id, payload.salt, payload.body, int(missing))]
            )
            next_head = HeadRow(self.id, device_id, sent.epoch, sent.last_seq, link(header, head.hash), before)
            assert move_heads(connection, [next_head])
        return event_id

    def _make_header(self, device_id: str, content: Kind, head: Head, commitment: bytes) -> bytes:
        return encode_header(
            Header(
                school_id=self.id,
                device_id=device_id,
                epoch=head.epoch,
                seq=head.seq + 1,
                kind=content.kind,
                schema_version=1,
                audience=content.audience,
                severity=content.severity,
                wall_clock_ns=self.now_ns,
                monotonic_ns=self.now_ns % 10**15,
                boot_id=bytes(16),
                payload_commitment=commitment,
                previous_hash=head.hash,
            )
        )

    def add_incident(self, device_id: str, content: Kind = TOR, **fields: Any) -> str:
        """Let a rule fit an event of a device and return the incident's id; any field of the sighting can be given."""
        values: dict[str, Any] = {
            "rule": "bypass-tor",
            "rule_title": "Tor or another anonymous network",
            "audience": Audience.SECURITY,
            "severity": 4,
            "action_class": "unacceptable",
            "group_key": "program/tor-browser",
            "summary": "Tor Browser was started: /opt/tor-browser/tor",
            "clauses": ("HZ-01", "BX-07"),
            **fields,
        }
        event_id = self.add_event(device_id, content)
        subject = f"device/{device_id}/{values['group_key']}"
        sighting = Sighting(device_id=device_id, subject=subject, event_id=event_id, **values)
        with writing(self.engine) as connection:
            record_sightings(connection, self.id, [sighting], self.now_ns)
            return str(
                connection.execute(
                    select(incidents.c.incident_id).where(
                        incidents.c.rule == values["rule"], incidents.c.subject == subject
                    )
                ).scalar_one()
            )

    def add_proposal(self, device_id: str, *programs: Program) -> str:
        """Let a device list its software and return the proposal's id."""
        listed = SoftwareListed(programs)
        event_id = self.add_event(device_id, listed)
        content = decode_body(listed.kind, encode_body(listed))
        with writing(self.engine) as connection:
            offer(connection, self.id, device_id, event_id, content, self.now_ns)
            return str(
                connection.execute(select(proposals.c.proposal_id).where(proposals.c.event_id == event_id)).scalar_one()
            )

    def add_user(self, name: str, roles: Role | Collection[Role], password: str = "") -> str:
        """Add a user and return the one-time password, or give the user a password already chosen and return that."""
        one_time = add_user(self.engine, self.id, name, {roles} if isinstance(roles, Role) else roles, self.now_ns)
        if password:
            with writing(self.engine) as connection:
                connection.execute(
                    update(users)
                    .where(users.c.school_id == self.id, users.c.name == name)
                    .values(password_hash=_hash_once(password), must_change_password=False)
                )
        return password or one_time

    def add_second_factor(self, name: str) -> str:
        """Register a second factor for a user and return its secret; `make_code` gives its codes from now on."""
        key, secret = load_second_factor_key(self.config), random_base32()
        # The step before now: the code of now can still be given.
        before = TOTP(secret).at((self.now_ns - STEP_NS) // SECOND_NS)
        register(self.engine, self.id, key, user=name, secret=secret, code=before, now_ns=self.now_ns)
        self.secrets[name] = secret
        return secret

    def make_code(self, name: str) -> str:
        """Return the code that a user's app shows now. Each works once: move the clock by STEP_NS for another."""
        return TOTP(self.secrets[name]).at(self.now_ns // SECOND_NS)

    def publish(self, actor: str = "command line", reason: str = "test") -> int:
        """Put the shipped rules in force, signed with the collector's own key."""
        signer = load_signer(self.config.signing_key)
        return policies.publish(self.engine, self.id, signer, actor=actor, reason=reason, now_ns=self.now_ns)

    def count(self, table: Any) -> int:
        """Return how many rows a table has."""
        with reading(self.engine) as connection:
            return connection.execute(select(func.count()).select_from(table)).scalar_one()


@cache
def _hash_once(password: str) -> str:
    # Most tests want some user with some password, and a hash costs as much as the rest of a test.
    return hash_password(password)
