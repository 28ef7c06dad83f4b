# SPDX-License-Identifier: Apache-2.0
"""Tests of rules.bundle."""

import json
import struct
from typing import Any

import pytest

from proto.keys import Ed25519Signer, to_verifier
from proto.wire import Bundle
from rules.bundle import DOMAIN, MAX_BUNDLE_BYTES, make_bundle, open_bundle, sha256_of
from rules.errors import BundleError, BundleRollbackError, RuleFormatError
from rules.load import load_pack
from tests.rules.sample import RULE_FILE, make_files

SCHOOL = "0123456789abcdef"


@pytest.fixture(scope="module")
def signer():
    """Return the collector's key."""
    return Ed25519Signer.generate()


@pytest.fixture(scope="module")
def verifier(signer):
    """Return what a device pinned."""
    return to_verifier(signer.algorithm, signer.public_key)


def make(signer, **changes) -> Bundle:
    """Return a sound bundle of version 7 but for these changes."""
    arguments: dict[str, Any] = {
        "school_id": SCHOOL,
        "version": 7,
        "files": make_files("one"),
        "approved": ["gedit"],
        "made_at_ns": 1_700_000_000_000_000_000,
    }
    return make_bundle(signer, **arguments | changes)


def sign(signer, body: bytes, version: int = 7) -> Bundle:
    """Sign any body, as a collector of another version might."""
    signature = signer.sign(DOMAIN + struct.pack(">Q", version) + body)
    return Bundle(version=version, body=body, algorithm=signer.algorithm, signature=signature)


def change(bundle: Bundle, **changes) -> bytes:
    """Return the body with other values."""
    return json.dumps(json.loads(bundle.body) | changes).encode()


def test_a_bundle_opens_to_the_policy_that_was_signed(signer, verifier):
    """Rules, allow list and version arrive as they were."""
    bundle = make(signer, approved=["Gedit.exe", "firefox", "gedit"])

    policy = open_bundle(bundle, verifier, school_id=SCHOOL)

    assert [rule.id for rule in policy.rules] == ["one"]
    assert (policy.version, policy.approved) == (7, {"gedit", "firefox"})


def test_the_baseline_fits_into_a_bundle(signer, verifier):
    """What every school starts from can be signed and opened."""
    bundle = make(signer, files=load_pack("uk-baseline") | {"school/own.toml": RULE_FILE.format(id="own")})

    assert "own" in [rule.id for rule in open_bundle(bundle, verifier, school_id=SCHOOL).rules]


def test_the_body_is_the_source_text_in_one_form(signer):
    """The same policy has the same bytes, whatever order it was given in."""
    files = make_files("one", "two")

    bundle = make(signer, files=files, approved=["b", "a"])

    assert bundle.body == make(signer, files=dict(reversed(files.items())), approved=["a", "b"]).body
    assert json.loads(bundle.body)["files"] == files


def test_a_bundle_survives_the_wire(signer, verifier):
    """It is stored and sent as bytes."""
    bundle = Bundle.FromString(make(signer).SerializeToString())

    assert open_bundle(bundle, verifier, school_id=SCHOOL).version == 7


def test_every_changed_byte_is_found(signer, verifier):
    """Body, signature and version are all under the signature."""
    bundle = make(signer)
    for place in range(0, len(bundle.body), 97):
        changed = Bundle()
        changed.CopyFrom(bundle)
        changed.body = bundle.body[:place] + bytes([bundle.body[place] ^ 1]) + bundle.body[place + 1 :]
        with pytest.raises(BundleError, match="not signed"):
            open_bundle(changed, verifier, school_id=SCHOOL)


@pytest.mark.parametrize(
    "changes", [{"version": 8}, {"signature": bytes(64)}, {"signature": b""}, {"algorithm": "ecdsa-p256-sha256"}]
)
def test_a_changed_field_is_found(signer, verifier, changes):
    """Neither the version outside nor the signature can be exchanged."""
    bundle = make(signer)
    for name, value in changes.items():
        setattr(bundle, name, value)

    with pytest.raises(BundleError, match="signed"):
        open_bundle(bundle, verifier, school_id=SCHOOL)


def test_another_key_is_refused(verifier):
    """Only the collector that was pinned at enrolment makes policies."""
    with pytest.raises(BundleError, match="not signed by this device's collector"):
        open_bundle(make(Ed25519Signer.generate()), verifier, school_id=SCHOOL)


def test_nothing_is_read_before_the_signature_holds(verifier):
    """Rubbish that nobody signed is refused for its signature, not for what it says."""
    bundle = sign(Ed25519Signer.generate(), b"{not json")

    with pytest.raises(BundleError, match="not signed"):
        open_bundle(bundle, verifier, school_id=SCHOOL)


def test_another_school_is_refused(signer, verifier):
    """One collector may keep several schools, and their policies apart."""
    with pytest.raises(BundleError, match="another school"):
        open_bundle(make(signer), verifier, school_id="fedcba9876543210")


def test_two_versions_in_one_bundle_are_refused(signer, verifier):
    """What the stream announces is what the body says."""
    with pytest.raises(BundleError, match="two different versions"):
        open_bundle(sign(signer, make(signer).body, version=8), verifier, school_id=SCHOOL)


def test_an_older_version_is_refused(signer, verifier):
    """A policy cannot be rolled back, not even by whoever holds an old one with a good signature."""
    with pytest.raises(BundleRollbackError, match="version 7, and 8 is in force"):
        open_bundle(make(signer), verifier, school_id=SCHOOL, minimum_version=8)


def test_the_version_in_force_is_taken_again_only_as_it_is(signer, verifier):
    """Two policies under one version are a lie of one of them."""
    bundle, other = make(signer), make(signer, approved=[])

    same = open_bundle(bundle, verifier, school_id=SCHOOL, minimum_version=7, current_sha256=sha256_of(bundle))
    with pytest.raises(BundleRollbackError, match="both of version 7"):
        open_bundle(other, verifier, school_id=SCHOOL, minimum_version=7, current_sha256=sha256_of(bundle))

    assert same.version == 7


def test_a_newer_version_is_taken(signer, verifier):
    """That is how a policy changes."""
    old = sha256_of(make(signer))

    policy = open_bundle(make(signer, version=8), verifier, school_id=SCHOOL, minimum_version=7, current_sha256=old)

    assert policy.version == 8


def test_a_bundle_has_a_limit(signer, verifier):
    """Too much is refused before anything is computed over it."""
    with pytest.raises(BundleError, match="more than"):
        open_bundle(sign(signer, b" " * (MAX_BUNDLE_BYTES + 1)), verifier, school_id=SCHOOL)


def test_too_much_is_not_signed(signer):
    """The operator hears it when publishing, not from every device."""
    files = make_files("one") | {
        f"part-{number}.toml": RULE_FILE.format(id=f"part-{number}") + f"# {'x' * 90}\n" * 2700 for number in range(18)
    }

    with pytest.raises(BundleError, match="more than"):
        make(signer, files=files)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"format": 2}, "another format"),
        ({"format": True}, "fields of its format"),
        ({"colour": "red"}, "fields of its format"),
        ({"version": "7"}, "fields of its format"),
        ({"version": 7.0}, "fields of its format"),
        ({"approved": {}}, "fields of its format"),
        ({"approved": [1]}, "no text"),
        ({"files": {"pack.toml": 1}}, "no text"),
        ({"files": {}}, "pack.toml: is missing"),
        ({"files": make_files("Bad")}, "a rule that is not right: Bad.toml, rule Bad, key id"),
    ],
)
def test_a_signed_body_of_another_form_is_refused(signer, verifier, changes, reason):
    """A collector that makes mistakes does not make devices crash."""
    with pytest.raises(BundleError, match=reason):
        open_bundle(sign(signer, change(make(signer), **changes)), verifier, school_id=SCHOOL)


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"\xff", b"{", b"[" * 100_000, b'{"format":1}'])
def test_a_signed_body_that_cannot_be_read_is_refused(signer, verifier, body):
    """Neither does a collector that is broken."""
    with pytest.raises(BundleError):
        open_bundle(sign(signer, body), verifier, school_id=SCHOOL)


def test_rules_that_are_not_right_are_not_signed(signer):
    """A school does not find out from its devices that a rule file is broken."""
    with pytest.raises(RuleFormatError):
        make(signer, files=make_files("Bad"))


def test_a_version_below_one_is_a_mistake_of_the_programmer(signer):
    """0 means that there is no policy."""
    with pytest.raises(ValueError):
        make(signer, version=0)


def test_a_signature_made_for_something_else_is_no_bundle(signer, verifier):
    """The same key signs other things; the domain keeps them apart."""
    body = make(signer).body
    bundle = Bundle(version=7, body=body, algorithm=signer.algorithm, signature=signer.sign(body))

    with pytest.raises(BundleError, match="not signed"):
        open_bundle(bundle, verifier, school_id=SCHOOL)
