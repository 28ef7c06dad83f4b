# SPDX-License-Identifier: Apache-2.0
"""The passphrase of an identity: six words of the English BIP-39 list, drawn by the computer, never chosen."""

import re
import secrets
import unicodedata

from mnemonic import Mnemonic

COUNT = 6
"""66 bits; with the work that scrypt asks for each guess, out of reach of whoever holds the wrapped form."""


def make_passphrase() -> str:
    """Draw a passphrase."""
    words: list[str] = Mnemonic("english").wordlist
    return " ".join(secrets.choice(words) for _ in range(COUNT))


def tidy_passphrase(typed: str) -> str:
    """Return what was typed as it was drawn, lower case and single blanks; the console's page does the same."""
    return " ".join(re.findall("[a-z]+", unicodedata.normalize("NFKC", typed).lower()))
