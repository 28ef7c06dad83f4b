# SPDX-License-Identifier: Apache-2.0
"""The tokens that become vectors, good and bad, each with what must come of it. `make_vectors` writes them."""

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from proto.token import PREFIX, Token, encode_token
from tests.proto.device import SCHOOL_ID

TOKEN = Token(
    enrol_address="192.0.2.10:7441",
    events_address="192.0.2.10:7442",
    school_id=SCHOOL_ID,
    expires_at_ns=1_788_604_800_000_000_000,
    secret=hashlib.sha256(b"a secret").digest()[:16],
    ca_certificate=b"".join(hashlib.sha256(b"certificate %d" % number).digest() for number in range(10)),
    safeguarding_root_fingerprint=hashlib.sha256(b"the safeguarding root").digest(),
)


@dataclass(frozen=True, slots=True)
class TokenCase:
    """One text and what must come of it."""

    name: str
    description: str
    token: str
    expected: dict[str, Any]


def list_cases() -> Iterator[TokenCase]:
    """Return every case."""
    good = encode_token(TOKEN)
    yield _reads("good", "A token as the collector prints it.", good)
    lines = "\r\n".join(good[at : at + 64] for at in range(0, len(good), 64))
    yield _reads("white-space", "Broken into lines by a mail program.", f"  {lines}\t\n")
    yield _refused("cut", "The end was not copied.", good[:-7], "damaged")
    swapped = "A" if good[100] != "A" else "B"
    yield _refused("changed", "One character is another.", good[:100] + swapped + good[101:], "damaged")
    yield _refused("no-checksum", "Three bytes, fewer than a checksum has.", PREFIX + "AAAA", "damaged")
    yield _refused("strange-letter", "A letter that is no base64.", good[:50] + "é" + good[50:], "damaged")
    yield _refused("empty-body", "Whole, and without anything inside.", PREFIX + _encode(b""), "damaged")
    yield _refused("no-message", "Whole, and no message inside.", PREFIX + _encode(b"\xff\xff"), "damaged")
    yield _refused("newer", "Of a later version.", "sw2." + good.removeprefix(PREFIX), "newer kind")
    yield _refused("empty", "Nothing.", "", "not an enrolment token")
    yield _refused(
        "no-token", "What somebody pasted by mistake.", "schoolwarden-collector token --dir D", "not an enrol"
    )


def _encode(body: bytes) -> str:
    return base64.urlsafe_b64encode(body + hashlib.sha256(body).digest()[:4]).decode().rstrip("=")


def _reads(name: str, description: str, token: str) -> TokenCase:
    return TokenCase(f"token-reads-{name}", description, token, {"outcome": "reads", "fields": asdict(TOKEN)})


def _refused(name: str, description: str, token: str, message: str) -> TokenCase:
    expected = {"outcome": "refused", "error": "TokenError", "message": message}
    return TokenCase(f"token-refused-{name}", description, token, expected)
