# SPDX-License-Identifier: Apache-2.0
"""Tests of the file in which a signed set travels, and of a set that a new root signs."""

from pathlib import Path

import pyrage
import pytest

from collector.opener.errors import UsageError
from collector.opener.readers import load_set, sign_set
from collector.opener.root import make_root, open_root
from proto.keys import Ed25519Signer
from proto.recipients import (
    FILE_HEADING,
    MAX_BODY_BYTES,
    Recipient,
    RecipientSet,
    dump_signed,
    fingerprint,
    load_signed,
    open_recipients,
)

IDENTITY = pyrage.x25519.Identity.generate()
KEY = str(IDENTITY.to_public())
CONTENT = RecipientSet(
    school_id="school-1",
    version=1,
    made_at_ns=1,
    recipients=(Recipient(id="anna", positions=("dsl",), age_key=KEY),),
)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        FILE_HEADING,
        f"{FILE_HEADING}\nAAAA",
        f"{FILE_HEADING}\n%%%%",
        f"{FILE_HEADING}\nAAAA\nAAAA",
        "schoolwarden recipients v2\nAAAA",
        f"{FILE_HEADING}\n{'A' * (2 * MAX_BODY_BYTES + 4)}",
    ],
)
def test_text_that_is_no_set_is_refused_without_a_crash(tmp_path: Path, text: str) -> None:
    """Another heading, no set, half a set, too much."""
    path = tmp_path / "set.txt"
    path.write_text(text)
    with pytest.raises(UsageError, match="set"):
        load_set(path)


def test_set_comes_back_from_its_file_as_it_was() -> None:
    """A heading and one line; a file that a mail program wrapped in other line ends is read as well."""
    root = make_root("School", [KEY])
    signed = sign_set(root, open_root(root, str(IDENTITY)), CONTENT)
    text = dump_signed(signed)
    assert text.startswith(f"{FILE_HEADING}\n")
    assert text.count("\n") == 2
    assert load_signed(text) == load_signed(text.replace("\n", "\r\n")) == signed


def test_set_of_a_new_root_carries_the_word_of_the_former() -> None:
    """A device that pinned the former root takes it, one that pinned another does not."""
    former = Ed25519Signer.generate()
    root = make_root("School", [KEY], former=former)
    signed = sign_set(root, open_root(root, str(IDENTITY)), CONTENT)
    for pinned in (former.public_key, root.public_key):
        assert open_recipients(signed, pinned_fingerprint=fingerprint(pinned), school_id="school-1") == CONTENT
