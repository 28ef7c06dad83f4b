# SPDX-License-Identifier: Apache-2.0
"""A school's safeguarding root and four people who read flags, with real keys; and what a watcher finds.

store.accept(make_safeguarding(1))
content = open_as("dana", flag.sealed)
"""

from collections.abc import Collection
from dataclasses import replace
from typing import Any

import pyrage

from agent.hit import Hit
from agent.identity import Identity
from agent.session.messages import Found
from agent.system.interface import Session
from proto.errors import SealError
from proto.events import Tier
from proto.keys import Ed25519Signer
from proto.recipients import Recipient, RecipientSet, Recovery, fingerprint, sign_recipients
from proto.sealed import FlagContent, decode_flag, open_sealed
from proto.wire import Safeguarding
from tests.agent.collector import SCHOOL_ID

ROOT = Ed25519Signer.generate()
SUBJECT_KEY = bytes(range(32))
PEOPLE = {
    "dana": Recipient(
        id="dana",
        positions=("dsl",),
        age_key="",
        aliases=("Mrs Dale", "Miss D"),
        accounts=("directory:ddale",),
        tested=True,
    ),
    "derek": Recipient(
        id="derek",
        positions=("deputy_dsl",),
        age_key="",
        aliases=("Mr Deeds",),
        accounts=("directory:ddeeds",),
        tested=True,
    ),
    "hilda": Recipient(
        id="hilda",
        positions=("headteacher",),
        age_key="",
        aliases=("Mrs Hill", "the head"),
        accounts=("directory:hhill",),
        tested=True,
    ),
    "carl": Recipient(
        id="carl", positions=("chair_of_governors",), age_key="", aliases=("Mr Carr",), accounts=(), tested=True
    ),
}
ROUTES = ("dsl", "head", "chair", "outside")
IDENTITIES = {name: pyrage.x25519.Identity.generate() for name in (*PEOPLE, *(f"recovery {each}" for each in ROUTES))}
"""Of people and of recovery keys."""


def key_of(name: str) -> str:
    """Return the public age key of a person or a recovery."""
    return str(IDENTITIES[name].to_public())


def make_set(
    version: int = 1, *, people: Collection[str] = tuple(PEOPLE), recoveries: Collection[str] = ROUTES, **changes: Any
) -> RecipientSet:
    """Return a set of some of the people; `changes` are made to every one of them."""
    return RecipientSet(
        school_id=SCHOOL_ID,
        version=version,
        made_at_ns=version,
        recipients=tuple(replace(PEOPLE[name], **({"age_key": key_of(name)} | changes)) for name in people),
        recoveries=tuple(
            Recovery(route=each, age_key=key_of(f"recovery {each}"), holders=("x",)) for each in recoveries
        ),
    )


def make_safeguarding(
    version: int = 1,
    content: RecipientSet | None = None,
    *,
    root: Ed25519Signer = ROOT,
    former_root: Ed25519Signer | None = None,
    absent: Collection[str] = (),
) -> Safeguarding:
    """Return what a collector sends: a signed set, the key of references, and who is away."""
    signed = sign_recipients(root, content or make_set(version), former_root=former_root)
    return Safeguarding(recipients=signed, subject_key=SUBJECT_KEY, absent=list(absent))


def with_root(identity: Identity, root: Ed25519Signer = ROOT) -> Identity:
    """Return a device that pinned a root when it was enrolled."""
    return replace(identity, safeguarding_root_fingerprint=fingerprint(root.public_key))


def make_session(**changes: Any) -> Session:
    """Return a pupil's session."""
    values: dict[str, Any] = {
        "uid": 1007,
        "gid": 1007,
        "groups": (1007, 2000),
        "group_names": ("pupil7", "pupils"),
        "account_name": "pupil7",
        "is_local": False,
        "home": "/home/pupil7",
        "display": ":0",
        "kind": "x11",
        "began": "830872.4711",
        "environment": {"DISPLAY": ":0"},
    }
    return Session(**(values | changes))


def make_found(sentence: str = "i want to die", **changes: Any) -> Found:
    """Return what a watcher tells of a sentence."""
    fields: dict[str, Any] = {
        "category": "suicide",
        "tier": Tier.CALL,
        "severity": 5,
        "rule": "suicide-want-to-die",
        "why": "Says that he wants to die.",
        "sentence": sentence,
        "start": 0,
        "end": len(sentence),
        "application": "gedit",
        "window": "Untitled",
    }
    return Found(**(fields | changes))


def make_hit(
    sentence: str = "i want to die",
    *,
    account: str = "directory:pupil7",
    nonce: bytes = b"",
    around: str = "",
    **changes: Any,
) -> Hit:
    """Return a hit as the check gives it to the seal."""
    return Hit(
        found=make_found(sentence, **changes),
        found_at_ns=1_790_000_000_000_000_000,
        account=account,
        account_name="pupil7",
        account_kind="pupil",
        notice_version="2026-09",
        drill_nonce=nonce,
        around=around,
    )


def open_as(name: str, sealed: bytes) -> FlagContent | None:
    """Return what somebody reads of a flag, or None if it was not sealed to him."""
    try:
        return decode_flag(open_sealed(sealed, str(IDENTITIES[name])))
    except SealError:
        return None


def readers_of(sealed: bytes) -> set[str]:
    """Return everybody, recovery keys included, who can open a flag."""
    return {name for name in IDENTITIES if open_as(name, sealed) is not None}
