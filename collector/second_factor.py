# SPDX-License-Identifier: Apache-2.0
"""The second factor: codes of an authenticator app (TOTP, RFC 6238), for the roles that `roles` says.

    1 offer     a secret is shown, once per session and to its user only; nothing is kept of it yet
    2 register  a first code shows that the app has it; it is kept, encrypted under a key outside the database
    3 give      a code of now, or of 30 seconds before or after; no code is taken twice

Which pages wait for it is the guard's business, who is signed in that of `sessions`, taking it away from a user that
of `users`. How often somebody may try is counted by the console.
"""

import base64
import hmac
import os
import secrets
import threading
from typing import NoReturn

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pyotp import TOTP
from sqlalchemy import Connection, Engine, Row, select, update

from collector.audit import record
from collector.config import Config
from collector.errors import PermissionDeniedError, StoreError, UsageError
from collector.store.engine import reading, writing
from collector.store.schema import users
from proto.files import write_private

DIGITS = 6
STEP_S = 30
SKEW_STEPS = 1
"""How many steps a telephone's clock may be before or behind ours."""
SECRET_BYTES = 20
KEY_BYTES = 32
NONCE_BYTES = 12
OFFER_DOMAIN = b"schoolwarden second factor offer v1\x00"
KEEP_DOMAIN = b"schoolwarden second factor v1\x00"

_making = threading.Lock()


def load_second_factor_key(config: Config) -> bytes:
    """Return the key; the first time it is made.

    Raises:
        StoreError: the file is damaged or cannot be read.
    """
    path = config.second_factor_key
    hint = f"restore {path} from a backup, or reset the second factor of everybody who has one"
    try:
        # Only the console comes here, so threads are the only others who could make it in the same moment.
        with _making:
            if not path.exists():
                write_private(path, secrets.token_hex(KEY_BYTES).encode())
        key = bytes.fromhex(path.read_text(encoding="ascii"))
    except OSError as error:
        raise StoreError(f"the key of the second factors cannot be read: {error.strerror}", hint=hint) from error
    except ValueError as error:
        raise StoreError("the key of the second factors is damaged", hint=hint) from error
    if len(key) != KEY_BYTES:
        raise StoreError("the key of the second factors is damaged", hint=hint)
    return key


def is_registered(engine: Engine, school_id: str, user: str) -> bool:
    """Return whether a user has a second factor."""
    with reading(engine) as connection:
        row = _find(connection, school_id, user)
    return row is not None and row.second_factor is not None


def offer_secret(key: bytes, school_id: str, user: str, session_id: str) -> str:
    """Return the secret, in base32, that a user without a second factor may register in this session.

    It is made from the session's id: a page that is opened again shows the same, and a page that somebody else opened
    with a stolen password shows another.
    """
    offered = hmac.digest(key, OFFER_DOMAIN + _bind(school_id, user) + b"\x00" + session_id.encode(), "sha256")
    return base64.b32encode(offered[:SECRET_BYTES]).decode()


def make_uri(secret: str, user: str, school_name: str) -> str:
    """Return what an authenticator app reads from the QR code."""
    return TOTP(secret, interval=STEP_S).provisioning_uri(name=user, issuer_name=f"Schoolwarden {school_name}")


def register(engine: Engine, school_id: str, key: bytes, *, user: str, secret: str, code: str, now_ns: int) -> None:
    """Keep the offered secret of a user who has none, when a code shows that his app has it.

    Raises:
        PermissionDeniedError: the code is not right.
        UsageError: the user has a second factor already.
    """
    step = _find_step(secret, code, now_ns)
    if step is None:
        _refuse(engine, school_id, user, now_ns)
    sealed = _seal(key, school_id, user, base64.b32decode(secret))
    with writing(engine) as connection:
        record(
            connection,
            school_id,
            actor=user,
            action="second_factor.registered",
            subject=f"user/{user}",
            now_ns=now_ns,
        )
        changed = connection.execute(
            update(users)
            .where(users.c.school_id == school_id, users.c.name == user, users.c.second_factor.is_(None))
            .values(second_factor=sealed, second_factor_step=step)
        )
        if changed.rowcount == 0:
            raise UsageError("there is a second factor already", hint="an administrator can reset it")


def verify_code(engine: Engine, school_id: str, key: bytes, *, user: str, code: str, now_ns: int) -> None:
    """Check a code and use it up.

    Raises:
        PermissionDeniedError: the code is not right or was used, or the user has no second factor.
        StoreError: the secret was encrypted with another key than ours.
    """
    # (1) The user's secret, and the code of which step this is.
    with reading(engine) as connection:
        row = _find(connection, school_id, user)
    if row is None or row.second_factor is None:
        raise PermissionDeniedError("there is no second factor yet", hint="register one first")
    secret = base64.b32encode(_unseal(key, school_id, user, row.second_factor)).decode()
    step = _find_step(secret, code, now_ns)
    if step is None:
        _refuse(engine, school_id, user, now_ns)
    # (2) No step twice, and none before one that was used: whoever saw a code typed cannot use it. One statement
    # decides, so that of two requests at once one comes through; and the secret must be the one that was looked at.
    with writing(engine) as connection:
        used = connection.execute(
            update(users)
            .where(
                users.c.school_id == school_id,
                users.c.name == user,
                users.c.second_factor == row.second_factor,
                users.c.second_factor_step < step,
            )
            .values(second_factor_step=step)
        ).rowcount
        if used:
            record(
                connection,
                school_id,
                actor=user,
                action="second_factor.given",
                subject=f"user/{user}",
                now_ns=now_ns,
            )
    if not used:
        _refuse(engine, school_id, user, now_ns)


def _refuse(engine: Engine, school_id: str, user: str, now_ns: int) -> NoReturn:
    with writing(engine) as connection:
        record(connection, school_id, actor=user, action="second_factor.failed", subject=f"user/{user}", now_ns=now_ns)
    raise PermissionDeniedError(
        "the code is not right, or it was used before",
        hint="wait for the next one; if none is right, let telephone and server set their clocks by themselves",
    )


def _find_step(secret: str, code: str, now_ns: int) -> int | None:
    """Return the step that a code belongs to, or None."""
    typed = "".join(code.split())
    if len(typed) != DIGITS or not (typed.isascii() and typed.isdigit()):
        return None
    now, totp = now_ns // 10**9 // STEP_S, TOTP(secret, digits=DIGITS, interval=STEP_S)
    # Every step is looked at, right or not: how long it takes says nothing.
    right = [
        step
        for step in range(now - SKEW_STEPS, now + SKEW_STEPS + 1)
        if hmac.compare_digest(totp.generate_otp(step), typed)
    ]
    return max(right, default=None)


def _seal(key: bytes, school_id: str, user: str, secret: bytes) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, secret, KEEP_DOMAIN + _bind(school_id, user))


def _unseal(key: bytes, school_id: str, user: str, sealed: bytes) -> bytes:
    try:
        return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], KEEP_DOMAIN + _bind(school_id, user))
    except (InvalidTag, ValueError) as error:
        raise StoreError(
            f"the second factor of {user} cannot be decrypted",
            hint="restore the file second_factor.key from a backup, or reset the second factor",
        ) from error


def _bind(school_id: str, user: str) -> bytes:
    """Return what a secret belongs to: moved to another row of the table, it opens nothing."""
    return f"{school_id}\x00{user}".encode()


def _find(connection: Connection, school_id: str, user: str) -> Row[tuple[bytes | None]] | None:
    return connection.execute(
        select(users.c.second_factor).where(users.c.school_id == school_id, users.c.name == user)
    ).first()
