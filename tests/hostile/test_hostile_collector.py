# SPDX-License-Identifier: Apache-2.0
"""Somebody answers in the collector's place, with its listener's key but not its signing key: what he makes devices do.

Every message that can come down the stream is a statement; none is a command. The tests here hold that against the
messages' own description, and against what the agent does when it is sent all of them with hostile content.
"""

import contextlib
import random
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.app import Agent
from agent.errors import AgentError
from agent.uplink.exchange import Exchange
from agent.uplink.line import Tell
from collector.authority import Authority, load_authority, make_authority
from proto.chain import link
from proto.drill import sign_drill
from proto.events import PolicyRefused, RecipientsRefused
from proto.keys import Ed25519Signer
from proto.recipients import fingerprint
from proto.trust import Trust, sign_trust
from proto.wire import (
    Ack,
    Bundle,
    CollectorMessage,
    Hello,
    Refusal,
    Safeguarding,
    Welcome,
    decode_header,
    decode_header_block,
)
from rules.bundle import DOMAIN
from tests.agent.collector import SCHOOL_ID, FakeCollector
from tests.agent.desk import Desk, close, events_of
from tests.agent.safeguarding import ROOT, make_safeguarding
from tests.agent.spooled import peek_all
from tests.fakes import FakeSystem

WHAT_COMES_DOWN = {
    "welcome": "where the chain ends, how much may be sent, the time, the key for references of accounts",
    "ack": "up to where events are durable",
    "refusal": "why events are not taken",
    "bundle": "a policy, signed by the pinned signing key: data that rules are made of",
    "safeguarding": "who may read flags, signed by the pinned root",
    "drill": "a flag that shows that flags come through, signed, marked as a drill",
    "trust": "whose certificates to take and where to connect, signed by the pinned signing key",
}
"""All of it. Whoever adds a message says here what it states, and shows below that it cannot do more."""
WORDS_OF_COMMANDS = {
    "command",
    "exec",
    "run",
    "script",
    "shell",
    "program",
    "path",
    "file",
    "url",
    "argument",
    "update",
}


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """The CA of the listener; the attacker has its key."""
    make_authority(tmp_path / "authority")
    return load_authority(tmp_path / "authority")


@pytest.fixture
def desk(tmp_path: Path, authority: Authority) -> Iterator[Desk]:
    """A machine that is enrolled with the real collector."""
    desk = Desk(tmp_path, authority)
    desk.token_changes["safeguarding_root_fingerprint"] = fingerprint(ROOT.public_key)
    with desk.line:
        desk.enrol()
        yield desk


@pytest.fixture
def agent(desk: Desk) -> Iterator[Agent]:
    """Its agent, with its first events in the queue; it is told things below without a network."""
    agent = Agent(desk.config, FakeSystem())
    agent.pipeline.step()
    yield agent
    close(agent)


def tell(agent: Agent, exchange: Exchange, **message: Any) -> None:
    """Let a message come down the stream; what the uplink's thread survives is no fault."""
    with contextlib.suppress(AgentError):
        agent._uplink._take(exchange, CollectorMessage(**message))


def begin(agent: Agent) -> Exchange:
    """Return a stream on which nothing was sent yet."""
    return Exchange(agent.identity, agent._spool)


# What there is to say


def test_nothing_comes_down_but_what_is_listed() -> None:
    """A message more is a decision: it needs words here, and a handler that is looked at."""
    members = CollectorMessage.DESCRIPTOR.oneofs_by_name["message"].fields
    assert {each.name for each in members} == set(WHAT_COMES_DOWN)
    assert len(CollectorMessage.DESCRIPTOR.fields) == len(members)


def test_no_field_names_anything_to_be_run_read_or_written() -> None:
    """All fields of all messages that come down, by name: none is a program, a path, an address of a download."""
    named: list[str] = []

    def walk(descriptor: Any) -> None:
        for field in descriptor.fields:
            named.append(f"{descriptor.name}.{field.name}")
            if field.message_type is not None:
                walk(field.message_type)

    walk(CollectorMessage.DESCRIPTOR)
    assert len(named) > 30
    assert [name for name in named if WORDS_OF_COMMANDS & set(name.partition(".")[2].split("_"))] == []


def test_every_message_has_one_handler(agent: Agent) -> None:
    """What the uplink hands on are the statements above, each to one function."""
    told = set(Tell.__slots__)
    assert told == {"bundle", "safeguarding", "drill", "trust", "account_key", "state", "renew", "go_back", "broken"}


# Everything at once

NASTY = ("/etc/passwd", "../../../etc/cron.d/x", "; touch /tmp/owned", "$(id)", "file:///etc/shadow", "\x00", "%s%n")


def fill(message: Any, chance: random.Random, depth: int = 0) -> Any:
    """Fill a message with hostile content, all the way down."""
    for field in message.DESCRIPTOR.fields:
        if field.containing_oneof is not None or chance.random() < 0.2:
            continue
        if field.message_type is not None:
            target = getattr(message, field.name)
            fill(target.add() if field.is_repeated else target, chance, depth + 1)
        else:
            value = nasty_value(field, chance)
            if field.is_repeated:
                getattr(message, field.name).extend([value, value])
            else:
                setattr(message, field.name, value)
    return message


def nasty_value(field: Any, chance: random.Random) -> Any:
    """Return a value of a field's type that somebody might choose."""
    if field.name == "algorithm":
        return "ed25519"
    if field.type == field.TYPE_STRING:
        return chance.choice(NASTY)
    if field.type == field.TYPE_BYTES:
        return chance.choice([b"", bytes(32), bytes(64), chance.randbytes(64), *(each.encode() for each in NASTY)])
    if field.type == field.TYPE_BOOL:
        return True
    if field.type == field.TYPE_ENUM:
        return chance.choice([value.number for value in field.enum_type.values])
    return chance.choice([0, 1, 2**31 - 1])


class Watch:
    """Notes what this process does beyond its memory, as the interpreter's audit events tell it."""

    FORBIDDEN = (
        "subprocess.",
        "os.system",
        "os.exec",
        "os.posix_spawn",
        "os.fork",
        "os.spawn",
        "pty.",
        "ctypes.dlopen",
    )
    CHANGES = ("os.remove", "os.rename", "os.chmod", "os.chown", "os.link", "os.symlink", "os.mkdir", "shutil.")
    NETWORK = ("socket.connect", "socket.bind", "socket.getaddrinfo", "urllib.Request")

    def __init__(self, own_folder: Path) -> None:
        self._own = str(own_folder)
        self._is_on = False
        self.seen: list[str] = []
        sys.addaudithook(self._note)

    def __enter__(self) -> "Watch":
        self._is_on = True
        return self

    def __exit__(self, *_: object) -> None:
        self._is_on = False

    def _note(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self._is_on:
            return
        is_change = event.startswith(self.CHANGES) and self._own not in str(arguments[0])
        if is_change or event.startswith(self.FORBIDDEN + self.NETWORK):
            self.seen.append(f"{event} {arguments!r}")
        elif event == "open" and isinstance(arguments[0], str | bytes):
            path = arguments[0] if isinstance(arguments[0], str) else arguments[0].decode(errors="replace")
            is_source = path.endswith((".py", ".pyc", ".so")) or "/zoneinfo" in path
            if self._own not in path and not is_source:
                self.seen.append(f"open {path} {arguments[1]}")


def test_nothing_that_comes_down_runs_reads_or_writes_anything(agent: Agent, desk: Desk) -> None:
    """A thousand messages of every kind with paths, commands and addresses in them: only our own folder is touched.

    Also when the signing key is the attacker's: then a policy is taken, and that is all that it is.
    """
    chance = random.Random(7)
    kinds = list(WHAT_COMES_DOWN)
    with Watch(desk.config.state) as watch:
        for number in range(1000):
            message = CollectorMessage()
            part = getattr(message, kinds[number % len(kinds)])
            part.SetInParent()
            fill(part, chance)
            exchange = begin(agent)
            try:
                agent._uplink._take(exchange, message)
            except AgentError:
                continue
        for name in (b"../../r.to", b"/etc/r.tom"):
            body = desk.fake.publish(99).body.replace(b"rules.toml", name)
            assert name in body
            signature = desk.fake.signer.sign(DOMAIN + struct.pack(">Q", 99) + body)
            tell(agent, begin(agent), bundle=Bundle(version=99, body=body, algorithm="ed25519", signature=signature))
        tell(agent, begin(agent), bundle=desk.fake.publish(100))
    assert watch.seen == []
    assert agent._policy.version == 100, "the watch saw no policy that was taken"


# Forged statements


def test_forged_policy_readers_trust_and_drill_change_nothing(agent: Agent, desk: Desk, tmp_path: Path) -> None:
    """Each is signed, by a key of the attacker's own: nothing comes into force, and the device says what it refused."""
    make_authority(tmp_path / "his")
    his = Ed25519Signer.generate()
    strange = FakeCollector(SCHOOL_ID)
    before = (agent._policy.version, agent._readers.version, agent.identity.ca_certificate_pem)
    exchange = begin(agent)
    tell(agent, exchange, bundle=strange.publish(99))
    tell(agent, exchange, safeguarding=make_safeguarding(9, root=his))
    trust = Trust(
        version=99,
        school_id=SCHOOL_ID,
        ca_certificates=(load_authority(tmp_path / "his").certificate_der,),
        enrol_address="192.0.2.66:1",
        events_address="192.0.2.66:2",
        made_at_ns=1,
    )
    tell(agent, exchange, trust=sign_trust(his, trust))
    tell(
        agent,
        exchange,
        drill=sign_drill(his, device_id=agent.identity.device_id, nonce=bytes(16), expires_at_ns=2**62),
    )
    agent.pipeline.step()
    assert (agent._policy.version, agent._readers.version, agent.identity.ca_certificate_pem) == before
    assert agent._uplink._identity.events_address == agent.identity.events_address
    assert b"192.0.2.66" not in b"".join(each.read_bytes() for each in desk.config.state.rglob("*") if each.is_file())
    said = {type(event) for event in events_of(agent)}
    assert {PolicyRefused, RecipientsRefused} <= said
    assert agent._keywords._ordered.empty()


def test_older_policy_is_not_taken_again(agent: Agent, desk: Desk) -> None:
    """A recorded policy that was once ours brings nothing back."""
    exchange = begin(agent)
    recorded = desk.fake.publish(2)
    tell(agent, exchange, bundle=recorded)
    tell(agent, exchange, bundle=desk.fake.publish(3))
    tell(agent, exchange, bundle=recorded)
    assert agent._policy.version == 3


# Lies about evidence


def test_acknowledging_what_was_never_sent_makes_nothing_forgotten(agent: Agent) -> None:
    """A number beyond all that went out: what waits, waits on."""
    waiting = [event.seq for event in peek_all(agent._spool)]
    assert waiting
    exchange = begin(agent)
    tell(agent, exchange, ack=Ack(epoch=1, last_seq=2**31 - 1))
    tell(agent, exchange, welcome=Welcome(protocol=1, head_epoch=1))
    tell(agent, exchange, ack=Ack(epoch=1, last_seq=2**31 - 1))
    assert [event.seq for event in peek_all(agent._spool)] == waiting


def test_acknowledging_what_was_not_stored_leaves_a_gap_that_shows(agent: Agent) -> None:
    """What he got and threw away is gone from the device; the event after it names its hash, so the hole shows."""
    exchange = begin(agent)
    sent = exchange.requests(Hello())
    next(sent)
    tell(agent, exchange, welcome=Welcome(protocol=1, head_epoch=1))
    envelope = next(sent).envelope
    tell(agent, exchange, ack=Ack(epoch=1, last_seq=envelope.last_seq))
    assert peek_all(agent._spool) == []
    agent.pipeline.submit(PolicyRefused(1, "after it"))
    agent.pipeline.step()
    following = peek_all(agent._spool)[0]
    assert following.seq == envelope.last_seq + 1
    assert decode_header(following.header).previous_hash == link(
        decode_header_block(envelope.header_block)[-1],
        decode_header(decode_header_block(envelope.header_block)[-1]).previous_hash,
    )


@pytest.mark.parametrize("epoch", [1, 2, 2**31])
@pytest.mark.parametrize("seq", [1, 2**63])
def test_made_up_record_makes_nothing_forgotten(agent: Agent, epoch: int, seq: int) -> None:
    """He claims to hold events of ours, with a hash that is none: not one is deleted on his word."""
    waiting = [event.seq for event in peek_all(agent._spool)]
    tell(
        agent, begin(agent), welcome=Welcome(protocol=1, head_epoch=min(epoch, 2**31 - 1), head_seq=seq, head_hash=b"x")
    )
    assert [event.seq for event in peek_all(agent._spool)] == waiting


@pytest.mark.parametrize("reason", Refusal.Reason.values())
def test_refusing_what_was_never_sent_makes_nothing_forgotten(agent: Agent, reason: "Refusal.Reason") -> None:
    """Whatever reason he gives."""
    waiting = [event.seq for event in peek_all(agent._spool)]
    exchange = begin(agent)
    tell(agent, exchange, welcome=Welcome(protocol=1, head_epoch=1))
    tell(agent, exchange, refusal=Refusal(reason=reason, epoch=1, first_seq=1, last_seq=1, expected_seq=5))
    assert [event.seq for event in peek_all(agent._spool)] == waiting


def test_emptied_messages_are_no_fault(agent: Agent) -> None:
    """A bundle and readers without a byte in them are refused like others."""
    exchange = begin(agent)
    for message in ({"bundle": Bundle()}, {"safeguarding": Safeguarding()}, {}):
        tell(agent, exchange, **message)
    assert agent._policy.version == 1
