# SPDX-License-Identifier: Apache-2.0
"""Enrolment tokens: made, listed, withdrawn, and asked whether they are still good.

A token's secret is stored as a hash only, and people name a token by the beginning of that hash. Who may make one is
the caller's business; what it admits is that of `admission`.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, bindparam, insert, select, update

from collector.audit import COMMAND_LINE, record
from collector.authority import Authority
from collector.config import Addresses, Config
from collector.errors import EnrolmentRefusedError, UsageError
from collector.recipients import find_root_fingerprint
from collector.store.engine import reading, writing
from collector.store.schema import tokens
from proto.token import SECRET_BYTES, Token, encode_token

MAX_USES = 10_000
MAX_VALID_NS = 90 * 24 * 3600 * 10**9
ID_LETTERS = 16
"""How much of a token's hash names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedToken:
    """A token as people see it: everything but the secret, which nobody has."""

    id: str
    state: str
    """open, used up, expired or withdrawn"""
    uses: int
    uses_allowed: int
    made_at_ns: int
    made_by: str
    expires_at_ns: int


def make_token(
    engine: Engine,
    config: Config,
    authority: Authority,
    addresses: Addresses,
    *,
    uses: int,
    valid_for_ns: int,
    now_ns: int,
    actor: str = COMMAND_LINE,
) -> str:
    """Make an enrolment token. It is shown once and kept nowhere. Its devices pin the safeguarding root in it.

    Raises:
        UsageError: it would be of no use, or good for ever.
        RecipientsError: the set of readers in force does not verify.
    """
    verify_terms(uses, valid_for_ns)
    root_fingerprint = find_root_fingerprint(engine, config.school_id)
    secret = secrets.token_bytes(SECRET_BYTES)
    secret_sha256 = hashlib.sha256(secret).digest()
    expires_at_ns = now_ns + valid_for_ns
    with writing(engine) as connection:
        connection.execute(
            insert(tokens).values(
                school_id=config.school_id,
                secret_sha256=secret_sha256,
                made_at_ns=now_ns,
                expires_at_ns=expires_at_ns,
                uses_allowed=uses,
                made_by=actor,
            )
        )
        record(
            connection,
            config.school_id,
            actor=actor,
            action="token.made",
            # By its hash, as in the table of tokens: the secret is nobody's to read.
            subject=f"token/{_to_id(secret_sha256)}",
            detail=f"for {uses} devices until {datetime.fromtimestamp(expires_at_ns // 10**9, UTC):%Y-%m-%dT%H:%M:%SZ}",
            now_ns=now_ns,
        )
    return encode_token(
        Token(
            enrol_address=addresses.enrol,
            events_address=addresses.grpc,
            school_id=config.school_id,
            expires_at_ns=expires_at_ns,
            secret=secret,
            ca_certificate=authority.certificate_der,
            safeguarding_root_fingerprint=root_fingerprint,
        )
    )


def verify_terms(uses: int, valid_for_ns: int) -> None:
    """Return if a token may be good for so many devices and so long.

    Raises:
        UsageError: it would be of no use, or good for ever.
    """
    if not 1 <= uses <= MAX_USES:
        raise UsageError(f"a token is good for 1 to {MAX_USES:,} devices", hint="--uses N")
    if not 0 < valid_for_ns <= MAX_VALID_NS:
        raise UsageError("a token is valid for up to 90 days", hint="--valid-for 7d")


def list_tokens(engine: Engine, school_id: str, now_ns: int) -> list[IssuedToken]:
    """Return every token that was made, newest first."""
    query = select(tokens).where(tokens.c.school_id == school_id).order_by(tokens.c.made_at_ns.desc())
    with reading(engine) as connection:
        return [_to_issued(row, now_ns) for row in connection.execute(query)]


def withdraw_token(
    engine: Engine, school_id: str, token_id: str, *, now_ns: int, actor: str = COMMAND_LINE
) -> IssuedToken:
    """Let no device enrol with a token any more; return it. The devices that it has admitted stay.

    Raises:
        UsageError: no token has this id, or it was withdrawn before.
    """
    hint = "list them: schoolwarden-collector tokens list"
    with writing(engine) as connection:
        query = select(tokens).where(tokens.c.school_id == school_id).with_for_update()
        row = next((row for row in connection.execute(query) if _to_id(row.secret_sha256) == token_id), None)
        if row is None:
            raise UsageError(f"there is no token {token_id}", hint=hint)
        if row.withdrawn_at_ns is not None:
            raise UsageError(f"token {token_id} was withdrawn before", hint=hint)
        connection.execute(
            update(tokens).where(tokens.c.secret_sha256 == row.secret_sha256).values(withdrawn_at_ns=now_ns)
        )
        record(
            connection,
            school_id,
            actor=actor,
            action="token.withdrawn",
            subject=f"token/{token_id}",
            detail=f"{row.uses} of {row.uses_allowed} devices had enrolled with it",
            now_ns=now_ns,
        )
        return _to_issued(row, now_ns)


# Built once: this is what every stranger makes us do.
_FIND = select(tokens).where(tokens.c.school_id == bindparam("school"), tokens.c.secret_sha256 == bindparam("sha256"))
_HOLD = _FIND.with_for_update()


def find_token(
    connection: Connection, school_id: str, token_sha256: bytes, *, is_held: bool = False
) -> Row[Any] | None:
    """Return a token's row, or None. Held until the commit, two devices cannot both take its last use."""
    asked = {"school": school_id, "sha256": token_sha256}
    return connection.execute(_HOLD if is_held else _FIND, asked).first()


def verify_token(row: Row[Any] | None, now_ns: int, *, was_used: bool) -> Row[Any]:
    """Return a token that is good now, for a device that has used it already or for another one.

    Raises:
        EnrolmentRefusedError: it is not.
    """
    if row is None:
        raise EnrolmentRefusedError("this token is not known here", hint="ask for a token of this collector")
    if row.withdrawn_at_ns is not None:
        raise EnrolmentRefusedError("this token was withdrawn", hint="ask for a new one")
    if row.expires_at_ns <= now_ns:
        raise EnrolmentRefusedError("this token has expired", hint="ask for a new one")
    if row.uses >= row.uses_allowed and not was_used:
        raise EnrolmentRefusedError("this token has been used up", hint="ask for a new one")
    return row


def use_token(connection: Connection, token_sha256: bytes) -> None:
    """Count a use of a token that is held."""
    connection.execute(update(tokens).where(tokens.c.secret_sha256 == token_sha256).values(uses=tokens.c.uses + 1))


def _to_id(secret_sha256: bytes) -> str:
    return secret_sha256.hex()[:ID_LETTERS]


def _to_issued(row: Row[Any], now_ns: int) -> IssuedToken:
    if row.withdrawn_at_ns is not None:
        state = "withdrawn"
    elif row.expires_at_ns <= now_ns:
        state = "expired"
    else:
        state = "used up" if row.uses >= row.uses_allowed else "open"
    return IssuedToken(
        id=_to_id(row.secret_sha256),
        state=state,
        uses=row.uses,
        uses_allowed=row.uses_allowed,
        made_at_ns=row.made_at_ns,
        made_by=row.made_by,
        expires_at_ns=row.expires_at_ns,
    )
