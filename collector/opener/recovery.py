# SPDX-License-Identifier: Apache-2.0
"""Recovery: a key for each route, split among three people by SLIP-39, so that any two of them can join it.

The key is forgotten once its sheets are made; only its public half is kept, and flags are sealed to it as to a reader.
The law of routing holds here too: a flag that may be about somebody must not be opened with his share, so nobody on or
below a route's rung holds one of it. What the sheets look like is `sheet`'s business.
"""

import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from shamir_mnemonic import MnemonicError, Share, combine_mnemonics, generate_mnemonics
from shamir_mnemonic.wordlist import WORDLIST

from collector.opener.bech32 import to_identity
from collector.opener.documents import dump_document, list_texts, load_document, pick_fields
from collector.opener.errors import UsageError
from collector.opener.flag import ROUTES
from collector.opener.identity import find_age_key
from proto.errors import SealError
from proto.recipients import Recovery
from proto.sealed import verify_age_key

FORMAT = "schoolwarden recovery v1"
HOLDERS = 3
NEEDED = 2
SECRET_BYTES = 32
WORDS = 33
"""Of a share of 32 bytes."""

_RUNGS = (
    {"dsl", "designated safeguarding lead", "deputy dsl", "deputy designated safeguarding lead", "safeguarding lead"},
    {"head", "headteacher", "head teacher", "headmaster", "headmistress", "principal"},
    {"chair", "chair of governors", "chair of the governors", "chair of the governing body"},
)
"""Functions in the school, by the route that their flags go to; other functions are on no rung."""


@dataclass(frozen=True, slots=True)
class RecoveryFile:
    """The public part: which routes have a recovery key, and who holds the shares."""

    root_fingerprint: str
    recoveries: tuple[Recovery, ...]

    def to_document(self) -> str:
        """Return it as the text of a file."""
        recoveries = [asdict(each) | {"holders": list(each.holders)} for each in self.recoveries]
        return dump_document(FORMAT, {"root_fingerprint": self.root_fingerprint, "recoveries": recoveries})


def find_rung(function: str) -> int | None:
    """Return on which rung a function in the school stands, or None for one that we do not know or outside it."""
    name = " ".join(function.lower().replace("_", " ").split())
    return next((place for place, names in enumerate(_RUNGS) if name in names), None)


def verify_holders(route: str, holders: Sequence[str]) -> None:
    """Return if these three may hold the shares of a route.

    Raises:
        UsageError: they are not three, or one stands on the rung of the route or below it.
    """
    names = {" ".join(holder.lower().replace("_", " ").split()) for holder in holders}
    if len(holders) != HOLDERS or len(names) != HOLDERS or not all(names):
        raise UsageError(f"the key of a route is split among {HOLDERS} different holders", hint="--holder three times")
    for holder in holders:
        rung = find_rung(holder)
        if rung is not None and rung <= ROUTES.index(route):
            raise UsageError(
                f"{holder} may not hold a share of the route {route}: its flags may be about him",
                hint="name somebody on a higher rung or outside the school, such as the trust safeguarding lead",
            )


def make_recovery(route: str, holders: Sequence[str]) -> tuple[Recovery, list[str]]:
    """Make the key of a route; return its public part and the words for each holder. The key itself is kept nowhere.

    Raises:
        UsageError: these may not be its holders.
    """
    verify_holders(route, holders)
    secret = secrets.token_bytes(SECRET_BYTES)
    recovery = Recovery(route=route, age_key=find_age_key(to_identity(secret)), holders=tuple(holders))
    return recovery, split(secret)


def split(secret: bytes) -> list[str]:
    """Return the words of three shares, of which any two join to the secret."""
    shares: list[str] = generate_mnemonics(1, [(NEEDED, HOLDERS)], secret)[0]
    return shares


def join(shares: Sequence[str]) -> bytes:
    """Return the secret of two shares.

    Raises:
        UsageError: a word is none of the list, a share is mistyped, they are of different sets or the same one twice.
    """
    read = [read_share(words, number) for number, words in enumerate(shares, 1)]
    if len({share.identifier for share in read}) > 1:
        raise UsageError("these sheets are of different sets", hint="both must show the same route and the same date")
    if len({share.index for share in read}) < NEEDED:
        raise UsageError("this is one sheet twice", hint=f"{NEEDED} different sheets are needed")
    try:
        secret: bytes = combine_mnemonics([share.mnemonic() for share in read])
    except MnemonicError as error:
        raise UsageError("these sheets do not join to a key") from error
    if len(secret) != SECRET_BYTES:
        raise UsageError("these sheets do not join to a key of this kind")
    return secret


def read_share(words: str, number: int = 1) -> Share:
    """Read the words of a sheet; numbers between them, as the sheet prints them, are left out.

    Raises:
        UsageError: a word is none of the list, or together they are no share.
    """
    found = [word for word in words.lower().split() if not word.rstrip(".").isdecimal()]
    for place, word in enumerate(found, 1):
        if word not in WORDLIST:
            raise UsageError(f"sheet {number}: word {place} is not a word of these sheets", hint="look at it again")
    if len(found) != WORDS:
        raise UsageError(f"sheet {number} has {WORDS} words; {len(found)} were given")
    try:
        return Share.from_mnemonic(" ".join(found))
    except MnemonicError as error:
        raise UsageError(f"sheet {number}: a word is wrong, or two changed places") from error


def recover(shares: Sequence[str]) -> str:
    """Return the `AGE-SECRET-KEY-1...` that two sheets hold.

    Raises:
        UsageError: they do not join.
    """
    return to_identity(join(shares))


def load_recovery(path: Path) -> RecoveryFile:
    """Load the public part.

    Raises:
        UsageError: the file is of another kind.
        OSError: it cannot be read.
    """
    values = load_document(path, FORMAT, {"root_fingerprint": str, "recoveries": list})
    recoveries = []
    for each in values["recoveries"]:
        fields = pick_fields(each, {"route": str, "age_key": str, "holders": list}, str(path))
        recovery = Recovery(**(fields | {"holders": list_texts(fields["holders"], str(path))}))
        if recovery.route not in ROUTES:
            raise UsageError(f"{path} names a route that there is not")
        verify_holders(recovery.route, recovery.holders)
        try:
            verify_age_key(recovery.age_key)
        except SealError as error:
            raise UsageError(f"{path} holds a key that is no age key") from error
        recoveries.append(recovery)
    return RecoveryFile(values["root_fingerprint"], tuple(recoveries))
