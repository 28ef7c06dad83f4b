# SPDX-License-Identifier: Apache-2.0
"""The signed policy bundle: how a collector makes one, and how a device decides that it may be used.

What is signed is the source text of the rule files, so there is no second form of a rule that could differ. It does no
I/O: `collector.policies` keeps the bundles, `agent.policy` keeps the one in force.
"""

import hashlib
import json
import struct
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from proto.errors import SignatureError
from proto.keys import Signer, Verifier
from proto.wire import Bundle
from rules.errors import BundleError, BundleRollbackError, RuleFormatError
from rules.load import parse_files
from rules.model import Policy
from rules.names import to_name

FORMAT = 1
DOMAIN = b"schoolwarden policy bundle\x00"
MAX_BUNDLE_BYTES = 4 * 1024 * 1024

_BODY_TYPES = {"format": int, "school_id": str, "version": int, "made_at_ns": int, "files": dict, "approved": list}


def make_bundle(
    signer: Signer,
    *,
    school_id: str,
    version: int,
    files: Mapping[str, str],
    approved: Iterable[str],
    made_at_ns: int,
) -> Bundle:
    """Sign a policy for the devices of a school. Versions count from 1.

    Raises:
        RuleFormatError: the rule files are not right; nothing is signed that a device would refuse.
        BundleError: they are too large.
    """
    if version < 1:
        raise ValueError("versions of a bundle count from 1")
    approved = sorted({to_name(name) for name in approved})
    parse_files(files, approved=approved, version=version)
    body = json.dumps(
        {
            "format": FORMAT,
            "school_id": school_id,
            "version": version,
            "made_at_ns": made_at_ns,
            "files": dict(files),
            "approved": approved,
        },
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=False,
    ).encode()
    if len(body) > MAX_BUNDLE_BYTES:
        raise BundleError(f"the policy has {len(body)} bytes, more than {MAX_BUNDLE_BYTES}", hint="remove rule files")
    return Bundle(
        version=version, body=body, algorithm=signer.algorithm, signature=signer.sign(_signed_bytes(version, body))
    )


def sha256_of(bundle: Bundle) -> bytes:
    """Return what tells this bundle from another of the same version."""
    return hashlib.sha256(bundle.body).digest()


def open_bundle(
    bundle: Bundle, verifier: Verifier, *, school_id: str, minimum_version: int = 0, current_sha256: bytes | None = None
) -> Policy:
    """Return the policy of a bundle that may come into force.

    1. It is no larger than a bundle may be.
    2. The signature is the pinned key's, over domain, version and the exact body. Nothing is read before this.
    3. The body is of the format we know, with its keys and no others.
    4. It is for this school, and its version is the one outside.
    5. It is not older than `minimum_version`, and not another one under that version (`current_sha256`).
    6. Its rule files are right.

    The caller still must store it before using it, and only then tell that it is in force.

    Raises:
        BundleError: steps 1 to 4 or 6.
        BundleRollbackError: step 5.
    """
    # 1 and 2
    verify_signature(bundle, verifier)
    body = bundle.body
    # 3
    content = _read_body(body)
    # 4
    if content["school_id"] != school_id:
        raise BundleError("the bundle is for another school")
    version = content["version"]
    if version != bundle.version or version < 1:
        raise BundleError("the bundle says two different versions of itself, or none")
    # 5
    if version < minimum_version:
        raise BundleRollbackError(f"the bundle has version {version}, and {minimum_version} is in force")
    if version == minimum_version and current_sha256 is not None and sha256_of(bundle) != current_sha256:
        raise BundleRollbackError(f"the bundle is another one than that in force, both of version {version}")
    # 6
    try:
        policy = parse_files(content["files"], approved=content["approved"], version=version)
    except RuleFormatError as error:
        raise BundleError(f"the bundle holds a rule that is not right: {error.message}", hint=error.hint) from error
    return replace(policy, made_at_ns=content["made_at_ns"])


def verify_signature(bundle: Bundle, verifier: Verifier) -> None:
    """Check that a bundle is no larger than one may be, and signed with the pinned key.

    Raises:
        BundleError: it is not.
    """
    if len(bundle.body) > MAX_BUNDLE_BYTES:
        raise BundleError(f"the bundle has {len(bundle.body)} bytes, more than {MAX_BUNDLE_BYTES}")
    if bundle.algorithm != verifier.algorithm:
        raise BundleError("the bundle is signed with another algorithm than the collector's key has")
    try:
        verifier.verify(bundle.signature, _signed_bytes(bundle.version, bundle.body))
    except SignatureError as error:
        raise BundleError("the bundle is not signed by this device's collector") from error


def _signed_bytes(version: int, body: bytes) -> bytes:
    return DOMAIN + struct.pack(">Q", version) + body


def _read_body(body: bytes) -> dict[str, Any]:
    """Read the body of a bundle that verified.

    Raises:
        BundleError: it is not in the one format we know.
    """
    try:
        content = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BundleError("the bundle cannot be read") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise BundleError("the bundle is of another format than this version knows", hint="update the agent")
    if content.keys() != _BODY_TYPES.keys() or any(type(content[key]) is not each for key, each in _BODY_TYPES.items()):
        raise BundleError("the bundle does not have the fields of its format")
    if not all(isinstance(text, str) for text in [*content["files"].values(), *content["approved"]]):
        raise BundleError("the bundle holds files or names that are no text")
    return content
