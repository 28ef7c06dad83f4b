# SPDX-License-Identifier: Apache-2.0
"""Devices for tests of the collector: enrolled for real, and signing with their own keys whatever a test lets them say.

    device = enrol_device(school, authority)
    answers = send(ingest, device.say(TOR_STARTED), device.say(TOR_STARTED))

What a device says is right unless a test spoils it: `respond` and the changed fields of an envelope are for that.
"""

import copy
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import select

from agent.identity import Identity, IdentityFolder
from collector.authority import Authority
from collector.config import Addresses
from collector.enrolment import enrol, make_token
from collector.incidents import Incident, list_incidents
from collector.ingest import Answer, Ingest, Submission
from collector.store.engine import reading
from collector.store.schema import refused
from proto.chain import GENESIS, commit, link, make_salt
from proto.envelope import make_envelope
from proto.events import AgentStopped, Audience, Header, Kind, Missing, Payload, Program, ProgramStarted
from proto.keys import load_signer
from proto.token import Token, decode_token
from proto.wire import (
    Ack,
    DeviceFacts,
    EnrolReply,
    EnrolRequest,
    Envelope,
    Refusal,
    decode_header_block,
    encode_body,
    encode_header,
)
from rules.evaluate import Evaluator
from rules.load import parse_files
from tests.collector.school import SECOND_NS, START_NS, School

FACTS = DeviceFacts(
    hostname="library-01",
    os="Debian GNU/Linux",
    os_version="12 (bookworm)",
    architecture="x86_64",
    agent_version="0.1.0",
)
ADDRESSES = Addresses(grpc="127.0.0.1:7443", enrol="127.0.0.1:7444", http="127.0.0.1:7480")
HOUR_NS = 3600 * SECOND_NS
SECURITY = (Audience.SECURITY,)

TOR_STARTED = ProgramStarted(Program("tor", path="/opt/tor-browser/tor", sha256="ab" * 32, source="process"))
ORDINARY = AgentStopped("SIGTERM")
"""No rule says anything about it."""

POLICY_FILES = {
    "pack.toml": """
[pack]
id = "small"
title = "A small policy for tests"
[inventory]
ask = true
reason = "WE-02: what is installed here"
""",
    "tests.toml": """
[[rule]]
id = "bypass-tor"
title = "Tor"
why = "It hides where a pupil goes."
advice = "Ask who started it."
class = "unacceptable"
severity = 4
kinds = ["program.started", "program.found"]
clauses = ["BX-07"]
[[rule.program]]
name = "Tor"
executables = ["tor"]
[[rule.test]]
name = "tor is found"
expect = "match"
event = { kind = "program.started", "program.name" = "tor", "program.source" = "process" }
[[rule.test]]
name = "an editor is not"
expect = "silent"
event = { kind = "program.started", "program.name" = "vim", "program.source" = "process" }
""",
}


def make_evaluator() -> Evaluator:
    """Return the small policy, compiled."""
    return Evaluator(parse_files(POLICY_FILES, version=1))


@dataclass
class Said:
    """Content that no dataclass has: of a kind that this version does not know, or bytes that cannot be read."""

    kind: str
    body: bytes
    severity: int = 1


@dataclass
class Device:
    """An enrolled device and the end of the chain that it writes."""

    identity: Identity
    epoch: int = 1
    seq: int = 0
    hash: bytes = GENESIS
    wall_clock_ns: int = START_NS

    @property
    def id(self) -> str:
        """Its id."""
        return self.identity.device_id

    def say(self, *contents: Kind | Said, missing: Missing = Missing.NO, **fields: Any) -> Envelope:
        """Sign contents as the next events of the chain, in one envelope; any field of the headers can be given."""
        first_seq = self.seq + 1
        signed = [self._next(content, missing, fields) for content in contents]
        return self.seal(first_seq, [header for header, _ in signed], [payload for _, payload in signed])

    def seal(self, first_seq: int, headers: list[bytes], payloads: list[Payload]) -> Envelope:
        """Sign headers as they are."""
        return make_envelope(
            self.identity.signer,
            school_id=self.identity.school_id,
            device_id=self.id,
            epoch=self.epoch,
            first_seq=first_seq,
            headers=headers,
            payloads=payloads,
        )

    def clone(self) -> "Device":
        """Return a second machine with this one's identity, as an imaged disk makes one."""
        return copy.copy(self)

    def start_epoch(self) -> None:
        """Begin a new chain, as a device does that lost its queue."""
        self.epoch, self.seq, self.hash = self.epoch + 1, 0, GENESIS

    def _next(self, content: Kind | Said, missing: Missing, fields: dict[str, Any]) -> tuple[bytes, Payload]:
        salt, body = make_salt(), content.body if isinstance(content, Said) else encode_body(content)
        self.seq += 1
        header = Header(
            school_id=self.identity.school_id,
            device_id=self.id,
            epoch=self.epoch,
            seq=self.seq,
            kind=content.kind,
            schema_version=1,
            audience=Audience.SECURITY,
            severity=content.severity,
            wall_clock_ns=self.wall_clock_ns,
            monotonic_ns=self.seq,
            boot_id=bytes(16),
            payload_commitment=commit(salt, body),
            previous_hash=self.hash,
        )
        raw = encode_header(replace(header, **fields))
        self.hash = link(raw, self.hash)
        return raw, Payload(salt, body) if missing is Missing.NO else Payload(b"", b"", missing)


def make_school_token(school: School, authority: Authority, *, uses: int = 1, valid_for_ns: int = HOUR_NS) -> Token:
    """Make an enrolment token of a school and read it, as a device does."""
    return decode_token(
        make_token(
            school.engine,
            school.config,
            authority,
            ADDRESSES,
            uses=uses,
            valid_for_ns=valid_for_ns,
            now_ns=school.now_ns,
        )
    )


def make_request(school: School, token: Token, hostname: str = "library-01") -> EnrolRequest:
    """Return what a device asks with; the same host name is the same device asking again."""
    facts = DeviceFacts()
    facts.CopyFrom(FACTS)
    facts.hostname = hostname
    return device_folder(school, hostname).make_request(token, facts)


def enrol_device(school: School, authority: Authority, hostname: str = "library-01") -> Device:
    """Enrol a device with a token of its own, without the network."""
    token = make_school_token(school, authority)
    admitted = enrol(school.engine, school.config, authority, make_request(school, token, hostname), school.now_ns)
    signer = load_signer(school.config.signing_key)
    reply = EnrolReply(
        school_id=school.id,
        school_name=school.config.school_name,
        device_id=admitted.device_id,
        certificate=admitted.certificate,
        signing_algorithm=signer.algorithm,
        signing_public_key=signer.public_key,
    )
    return Device(device_folder(school, hostname).complete(token, reply))


def device_folder(school: School, hostname: str) -> IdentityFolder:
    """Return where a device of this name keeps its identity."""
    return IdentityFolder(school.config.folder.parent / "devices" / hostname)


class StoppingClock:
    """The school's clock; a test can hold it, and with it whoever asks for the time."""

    def __init__(self, school: School) -> None:
        self._school = school
        self._may_go_on = threading.Event()
        self._may_go_on.set()
        self._is_asked = threading.Event()

    def __call__(self) -> int:
        self._is_asked.set()
        assert self._may_go_on.wait(60)
        return self._school.now_ns

    @contextmanager
    def held(self, ingest: Ingest) -> Iterator[None]:
        """Hold ingest at work, so that what is sent meanwhile queues and becomes one batch."""
        self._is_asked.clear()
        self._may_go_on.clear()
        try:
            plug = submit(ingest, Envelope(device_id="nobody"))
            assert self._is_asked.wait(60)
            yield
        finally:
            self._may_go_on.set()
        plug.exception(60)


def submit(ingest: Ingest, envelope: Envelope, *, device_id: str = "") -> "Future[Answer]":
    """Hand an envelope to ingest on the line of its own device, or of another one."""
    answer: Future[Answer] = Future()
    ingest.submit(Submission(device_id or envelope.device_id, envelope, answer))
    return answer


def send(ingest: Ingest, *envelopes: Envelope, device_id: str = "") -> list[Answer]:
    """Hand envelopes to ingest and return its answers.

    Raises:
        StoreError: they could not be stored.
    """
    waiting = [submit(ingest, envelope, device_id=device_id) for envelope in envelopes]
    return [answer.result(60) for answer in waiting]


def refusal_of(answer: Answer) -> Refusal:
    """Return the refusal that an answer is."""
    assert isinstance(answer, Refusal), answer
    return answer


def reason_of(answer: Answer) -> str:
    """Return why an envelope was refused, as a word."""
    return Refusal.Reason.Name(refusal_of(answer).reason).removeprefix("REASON_").lower()


def incidents_of(school: School) -> list[Incident]:
    """Return all incidents, by rule."""
    found = list_incidents(school.engine, school.id, audiences=SECURITY)
    return sorted(found, key=lambda incident: (incident.rule, incident.device))


def refused_of(school: School, device: Device) -> list[tuple[str, int]]:
    """Return what is kept of a device's refused evidence: reason and count."""
    query = select(refused.c.reason, refused.c["count"]).where(refused.c.device_id == device.id)
    with reading(school.engine) as connection:
        return [(row[0], row[1]) for row in connection.execute(query)]


def headers_of(*sent: Envelope) -> list[bytes]:
    """Return the headers of envelopes, as they were signed."""
    return [header for envelope in sent for header in decode_header_block(envelope.header_block)]


def payloads_of(*sent: Envelope) -> list[Payload]:
    """Return the contents of envelopes."""
    return [Payload(each.salt, each.body) for envelope in sent for each in envelope.payloads]


def numbers_of(answers: Iterable[Answer]) -> list[int]:
    """Return up to which number each was acknowledged; none of them may be a refusal."""
    answers = list(answers)
    assert [answer for answer in answers if not isinstance(answer, Ack)] == []
    return [answer.last_seq for answer in answers]


def spoil(envelope: Envelope, **fields: Any) -> Envelope:
    """Return an envelope with other fields than were signed."""
    spoilt = Envelope()
    spoilt.CopyFrom(envelope)
    for name, value in fields.items():
        setattr(spoilt, name, value)
    return spoilt
