# SPDX-License-Identifier: Apache-2.0
"""What the service and a watcher say to each other: one JSON object a datagram, every field checked on arrival.

A watcher runs as the pupil, so its words are hostile input for the service. Carrying them is `channel`'s part.
"""

import json
from dataclasses import asdict, dataclass, field, fields
from typing import Any, get_type_hints

from agent.errors import ChannelError
from proto.events import Tier
from rules.keywords.sentence import MAX_SENTENCE_CHARACTERS

MAX_MESSAGE_BYTES = 16 * 1024
MAX_TITLE_CHARACTERS = 200
"""Of a window's title and class: they are there to be recognised, not read."""
MAX_AROUND_CHARACTERS = 500
MAX_CHARACTERS = {
    "sentence": MAX_SENTENCE_CHARACTERS,
    "around": MAX_AROUND_CHARACTERS,
    "application": MAX_TITLE_CHARACTERS,
    "window": MAX_TITLE_CHARACTERS,
    "why": 300,
    "reason": 300,
    "rule": 100,
    "category": 100,
    "nonce": 100,
    "draft": 40,
}
"""Of what a watcher says, by field. What is longer ends the channel."""

STATES = ("waiting", "watching", "not_watched")
MUTE_BROWSER = "a browser does not tell which of its fields are for passwords"
"""The reason of a state `watching` in which not every window is read."""


@dataclass(frozen=True, slots=True)
class Setup:
    """The first message of all, to the watcher."""

    languages: tuple[str, ...]
    notice_version: str
    notice_title: str
    notice_text: str
    is_accepted: bool
    """This account has accepted this version of the notice before."""
    protected: tuple[str, ...] = ()
    """Windows that are not read, besides those of the floor; see `protected`."""
    drafts: tuple[str, ...] = ()
    """Phrases to be counted: the id of a draft, a colon and a text, `county-lines:going country`."""


@dataclass(frozen=True, slots=True)
class DrillOrder:
    """Find the drill phrase as if it had been typed, and answer with this nonce."""

    nonce: str


@dataclass(frozen=True, slots=True)
class Stop:
    """Tell what was found so far, forget everything and end."""


@dataclass(frozen=True, slots=True)
class Ready:
    """What the watcher can see here. Text that is pasted is seen nowhere."""

    password_fields: bool
    """Programs tell which of their fields are for passwords (AT-SPI). Those that do not are known by their window."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """The pupil has pressed the button of the notice."""

    notice_version: str


@dataclass(frozen=True, slots=True)
class State:
    """Whether the session is read, and if not, or not all of it, why."""

    state: str
    """One of STATES."""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """A sentence that matched, and a little around it: the only typed text that ever leaves the watcher."""

    category: str
    tier: Tier
    severity: int
    rule: str
    why: str
    sentence: str = field(repr=False)
    start: int
    """Of the match, in characters of `sentence`; `end` is exclusive."""
    end: int
    application: str = field(repr=False)
    window: str = field(repr=False)
    nonce: str = ""
    """Of the order, when this answers a drill."""
    around: str = field(default="", repr=False)
    """What was typed before and after the sentence in its place. It helps to choose the readers, for it may name one of
    them, and goes no further: nobody seals, keeps or logs it."""


@dataclass(frozen=True, slots=True)
class Counted:
    """A draft fitted once. What was typed is not told."""

    draft: str
    """Its id."""


@dataclass(frozen=True, slots=True)
class Alive:
    """A sign of life every minute, without content: not even how much was typed."""


Order = Setup | DrillOrder | Stop
Report = Ready | Accepted | State | Found | Counted | Alive

ORDERS: dict[str, type[Any]] = {
    "setup": Setup,
    "drill": DrillOrder,
    "stop": Stop,
}
REPORTS: dict[str, type[Any]] = {
    "ready": Ready,
    "accepted": Accepted,
    "state": State,
    "found": Found,
    "counted": Counted,
    "alive": Alive,
}
_NAMES = {kind: name for name, kind in (ORDERS | REPORTS).items()}


def encode(message: Order | Report) -> bytes:
    """Return a message as one datagram.

    Raises:
        ChannelError: it is larger than a datagram may be.
    """
    datagram = json.dumps({"kind": _NAMES[type(message)], **asdict(message)}, ensure_ascii=False).encode()
    if len(datagram) > MAX_MESSAGE_BYTES:
        raise ChannelError(f"a message of {len(datagram)} bytes is larger than {MAX_MESSAGE_BYTES}")
    return datagram


def decode_order(datagram: bytes) -> Order:
    """Return what the service says.

    Raises:
        ChannelError: it is nothing that a service may say.
    """
    order: Order = _decode(datagram, ORDERS)
    return order


def decode_report(datagram: bytes) -> Report:
    """Return what a watcher says.

    Raises:
        ChannelError: it is nothing that a watcher may say.
    """
    report: Report = _decode(datagram, REPORTS)
    for name, most in MAX_CHARACTERS.items():
        if len(getattr(report, name, "")) > most:
            raise ChannelError(f"{name} is longer than {most} characters")
    if isinstance(report, State) and report.state not in STATES:
        raise ChannelError("a state that there is not")
    if isinstance(report, Found) and not 0 <= report.start < report.end <= len(report.sentence):
        raise ChannelError("a match outside its sentence")
    return report


def _decode(datagram: bytes, kinds: dict[str, type[Any]]) -> Any:
    if len(datagram) > MAX_MESSAGE_BYTES:
        raise ChannelError("a message is too large")
    try:
        content = json.loads(datagram)
    except (ValueError, RecursionError):
        # Not chained: the text of that error quotes the message.
        raise ChannelError("a message is no JSON") from None
    if not isinstance(content, dict):
        raise ChannelError("a message is no JSON object")
    name = content.pop("kind", None)
    kind = kinds.get(name) if isinstance(name, str) else None
    if kind is None:
        raise ChannelError("a message of a kind that may not come here")
    if set(content) != {field.name for field in fields(kind)}:
        raise ChannelError(f"a message {name} with other fields")
    types = get_type_hints(kind)
    return kind(**{field: _checked(value, types[field], f"{name}.{field}") for field, value in content.items()})


def _checked(value: Any, expected: Any, where: str) -> Any:
    """Return a value as the dataclass holds it; whole numbers are never negative, text has no half characters."""
    if expected is Tier and type(value) is int and value in tuple(Tier)[1:]:
        return Tier(value)
    if expected is str and isinstance(value, str) and not any("\ud800" <= letter <= "\udfff" for letter in value):
        return value
    if expected is int and type(value) is int and value >= 0:
        return value
    if expected is bool and isinstance(value, bool):
        return value
    if expected == tuple[str, ...] and isinstance(value, list) and all(isinstance(each, str) for each in value):
        return tuple(value)
    raise ChannelError(f"{where} is not what it must be")
