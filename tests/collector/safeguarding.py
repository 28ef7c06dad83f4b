# SPDX-License-Identifier: Apache-2.0
"""Safeguarding for tests: a school with a root, four readers with keys of their own, a signed set, and sealed flags.

    safeguarding = build_safeguarding(school)
    flag_id = safeguarding.raise_flag(device, sentence="nobody would miss me")      sealed for real, taken by ingest
    envelope = safeguarding.say_flag(device)                                         or only said, to be sent
    safeguarding.open(flag_id, safeguarding.dsl)                                     what a reader reads

The readers are `dana` (DSL), `dev` (deputy), `heather` (headteacher) and `charles` (chair of governors). Their
identities are made once for all tests, and open at once.
"""

import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import Any

import pyrage
from sqlalchemy import select, update

from collector import flags, identities, recipients
from collector.ingest import Ingest
from collector.readers import Reader, find_reader
from collector.roles import Role, dump_roles
from collector.store.engine import reading, writing
from collector.store.schema import flags as flag_rows
from collector.store.schema import users
from collector.subjects import load_subject_key
from proto.events import Audience, FlagRaised, Tier
from proto.keys import Ed25519Signer
from proto.recipients import Recipient, RecipientSet, Recovery, sign_recipients
from proto.sealed import FlagContent, decode_flag, encode_flag, make_subject_ref, open_sealed, seal
from proto.wire import Envelope, SignedRecipients
from rules.route import Route, find_readers, list_holders
from tests.collector.evidence import Device, make_evaluator, numbers_of, send
from tests.collector.school import School
from tests.wrapped import wrap_lightly

PASSWORD = "correct horse battery"
"""Of every reader, at the console."""
PUPIL = "directory:s.pupil"
SENTENCE = "nobody would miss me if i was gone"
CATEGORY = "suicide"


@dataclass(frozen=True)
class Person:
    """A reader with everything that belongs to him, the secrets too."""

    name: str
    role: Role
    aliases: tuple[str, ...]
    accounts: tuple[str, ...]
    secret: str
    """AGE-SECRET-KEY-1..."""
    age_key: str
    passphrase: str

    @cached_property
    def wrapped(self) -> bytes:
        """The identity under the passphrase, in the form in which a browser makes it."""
        return wrap_lightly(f"{self.secret}\n", self.passphrase)

    @property
    def recipient(self) -> Recipient:
        """Himself in a set, tested."""
        return Recipient(
            id=self.name,
            positions=(self.role.value,),
            age_key=self.age_key,
            aliases=self.aliases,
            accounts=self.accounts,
            tested=True,
        )


@cache
def _people() -> tuple[Person, ...]:
    rows = (
        ("dana", Role.DSL, ("Ms Dale", "Dana Dale"), "ability able about above absent absorb"),
        ("dev", Role.DEPUTY_DSL, ("Mr Dunn",), "abstract absurd abuse access accident account"),
        ("heather", Role.HEADTEACHER, ("Mrs Head", "the head"), "accuse achieve acid acoustic acquire across"),
        ("charles", Role.CHAIR_OF_GOVERNORS, ("Sir Charles",), "act action actor actress actual adapt"),
    )
    made = []
    for name, role, aliases, passphrase in rows:
        identity = pyrage.x25519.Identity.generate()
        key = str(identity.to_public())
        made.append(Person(name, role, aliases, (f"directory:{name}",), str(identity), key, passphrase))
    return tuple(made)


@cache
def _recovery_secrets() -> dict[str, tuple[str, str]]:
    made = {route: pyrage.x25519.Identity.generate() for route in ("dsl", "head", "chair")}
    return {route: (str(identity), str(identity.to_public())) for route, identity in made.items()}


@dataclass
class Safeguarding:
    """A school whose flags can be read by those who may."""

    school: School
    root: Ed25519Signer
    dsl: Person
    deputy: Person
    head: Person
    chair: Person
    content: RecipientSet
    """The set that was signed last."""

    @property
    def people(self) -> tuple[Person, ...]:
        """All four readers."""
        return self.dsl, self.deputy, self.head, self.chair

    @property
    def subject_key(self) -> bytes:
        """The collector's key for references to accounts."""
        return load_subject_key(self.school.config)

    def recovery_secret(self, route: str = "dsl") -> str:
        """Return the secret half of a route's recovery key."""
        return _recovery_secrets()[route][0]

    def ref(self, account: str = PUPIL) -> bytes:
        """Return the reference to an account."""
        return make_subject_ref(self.subject_key, account)

    def sign(
        self,
        people: Sequence[Recipient] | None = None,
        *,
        version: int | None = None,
        root: Ed25519Signer | None = None,
        former_root: Ed25519Signer | None = None,
    ) -> SignedRecipients:
        """Sign a set of these recipients (as before if not given) as the next version; nothing is published."""
        self.content = replace(
            self.content,
            version=self.content.version + 1 if version is None else version,
            recipients=self.content.recipients if people is None else tuple(people),
        )
        self.root = root or self.root
        return sign_recipients(self.root, self.content, former_root=former_root)

    def publish(self, signed: SignedRecipients) -> int:
        """Publish a signed set."""
        school = self.school
        return recipients.publish_set(school.engine, school.id, signed, actor="command line", now_ns=school.now_ns)

    def give_roles(self, person: Person, *roles: Role) -> None:
        """Make a person's user something else than he was."""
        with writing(self.school.engine) as connection:
            connection.execute(update(users).where(users.c.name == person.name).values(roles=dump_roles(roles)))

    def reader(self, person: Person) -> Reader:
        """Return what a person may read now."""
        school = self.school
        return find_reader(school.engine, school.id, person.name, subject_key=self.subject_key, now_ns=school.now_ns)

    def make_content(self, device: Device, **fields: Any) -> FlagContent:
        """Return what is sealed; any field can be given."""
        values: dict[str, Any] = {
            "school_id": self.school.id,
            "device_id": device.id,
            "hostname": "library-01",
            "made_at_ns": device.wall_clock_ns,
            "tier": "alert",
            "route": "dsl",
            "account": PUPIL,
            "account_name": "Sam Pupil",
            "account_kind": "pupil",
            "category": CATEGORY,
            "rule": "suicide-nobody-miss",
            "severity": 5,
            "why": "says that nobody would miss them",
            "sentence": SENTENCE,
            "start": 0,
            "end": 20,
            "application": "Text Editor",
            "window": "diary.txt",
            "notice_version": "1",
            "recipients_version": self.content.version,
            **fields,
        }
        return FlagContent(**values)

    def seal_flag(self, content: FlagContent, *, absent: Collection[str] = ()) -> FlagRaised:
        """Seal content as a device does: to the readers of its route and the recovery key; to nobody for `outside`."""
        readers = find_readers(list_holders(self.content), Route(content.route), absent)
        keys = [each.age_key for each in self.content.recipients if each.id in readers]
        keys += [each.age_key for each in self.content.recoveries if each.route == content.route]
        return FlagRaised(
            sealed=seal(encode_flag(content), keys) if readers else b"",
            subject_ref=self.ref(content.account),
            recipients_version=content.recipients_version,
            drill_nonce=bytes.fromhex(content.drill_nonce),
        )

    def say_flag(self, device: Device, *, absent: Collection[str] = (), **fields: Any) -> Envelope:
        """Let a device sign a sealed flag as its next event; fields are those of `FlagContent`."""
        content = self.make_content(device, **fields)
        return device.say(
            self.seal_flag(content, absent=absent),
            audience=Audience.SAFEGUARDING,
            tier=Tier[content.tier.upper()],
            route=content.route,
            drill=bool(content.drill_nonce),
        )

    def raise_flag(self, device: Device, *, absent: Collection[str] = (), **fields: Any) -> str:
        """Let a device raise a flag, take it in, and return its id."""
        return self.take(self.say_flag(device, absent=absent, **fields))

    def take(self, *envelopes: Envelope) -> str:
        """Let ingest take envelopes and return the id of the newest flag."""
        ingest = Ingest(self.school.engine, self.school.id, make_evaluator(), clock_ns=lambda: self.school.now_ns)
        try:
            numbers_of(send(ingest, *envelopes))
        finally:
            ingest.close()
        with reading(self.school.engine) as connection:
            newest = select(flag_rows.c.flag_id).order_by(flag_rows.c.event_id.desc()).limit(1)
            return str(connection.execute(newest).scalar_one())

    def open(self, flag_id: str, person: Person) -> FlagContent:
        """Return what a person reads in a flag, after the collector gave it out and his own key opened it."""
        school = self.school
        given = flags.read_sealed(school.engine, school.id, flag_id, reader=self.reader(person), now_ns=school.now_ns)
        return decode_flag(open_sealed(given.sealed, person.secret))


def build_safeguarding(
    school: School, *, with_users: bool = True, with_identities: bool = False, publishes: bool = True
) -> Safeguarding:
    """Make a root, the four readers as users of the console, and publish the first set that names them.

    With identities, each has put his wrapped one into the collector as well: it takes some seconds once.
    """
    people = _people()
    for person in people:
        if with_users:
            school.add_user(person.name, person.role, PASSWORD)
        if with_identities:
            identities.keep_identity(
                school.engine,
                school.id,
                user=person.name,
                age_key=person.age_key,
                wrapped=person.wrapped,
                now_ns=school.now_ns,
            )
    content = RecipientSet(
        school_id=school.id,
        version=0,
        made_at_ns=school.now_ns,
        recipients=tuple(person.recipient for person in people),
        recoveries=tuple(
            Recovery(route=route, age_key=key, holders=("headteacher", "chair of governors", "trust lead"))
            for route, (_, key) in _recovery_secrets().items()
        ),
    )
    dsl, deputy, head, chair = people
    made = Safeguarding(school, Ed25519Signer.generate(), dsl, deputy, head, chair, content)
    assert len(made.subject_key) == 32
    if publishes:
        made.publish(made.sign())
    return made


def make_nonce() -> str:
    """Return a drill's nonce that nobody ordered."""
    return secrets.token_hex(16)
