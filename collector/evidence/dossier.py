# SPDX-License-Identifier: Apache-2.0
"""Puts a file of evidence together, and writes into the audit log who got it.

read-me.txt                     what this is and how it is checked
case.json                       which events the case rests on; the collector's word on what happened and the rule
keys.json                       the devices' keys, each with the proof of enrolment or succession
devices/<id>/envelopes-N.json   what the device signed: an unbroken run, without contents
devices/<id>/contents-N.json    the contents of the events that the case rests on; others are withheld
tombstones-N.json               what was erased of these events, signed by the collector
checkpoints-N.json              those that cover the runs, whole; of others up to the newest what links them; signed
manifest.json, manifest.sig     the SHA-256 of each of the others, signed by the collector
"""

import hashlib
import json
import re
import tomllib
from typing import Any

from sqlalchemy import Connection, Engine, select

from collector.audit import record
from collector.checkpoints import make_checkpoint
from collector.config import Config
from collector.errors import StoreError, UsageError
from collector.evidence import chains
from collector.evidence.archive import to_json, to_parts, to_zip
from collector.evidence.case import Case
from collector.evidence.chains import Chain, UncoveredError, UnshownError
from collector.store.engine import reading, writing
from collector.store.schema import bundles
from proto.keys import Signer, load_signer
from proto.wire import decode_header, decode_header_block

FORMAT = "schoolwarden evidence v1"
DOMAIN = b"schoolwarden evidence v1\x00"
READ_ME = b"""Evidence of Schoolwarden.

What devices signed is in devices/. Everything in case.json, and when something was received, is the collector's word.
Check it with schoolwarden-verify, which is one file and needs Python and the package cryptography:

    python3 schoolwarden_verify.py THIS-FILE.zip --checkpoint HASH --collector FINGERPRINT

Take the checkpoint's hash from a printed report or a mail, and fingerprints from whoever wrote them down when the
devices enrolled; not from whoever gave you this file. Without them the check says less.
A signature proves which device said something, never who typed or sat there.
"""


def export_evidence(engine: Engine, config: Config, case: Case, *, actor: str, now_ns: int) -> bytes:
    """Return the file of a case. That it was given out, and which file, is in the audit log.

    Raises:
        UsageError: it is too large, or holds what this asker may not see.
        StoreError: the database does not answer, or the ledger lacks what the case rests on.
        SignatureError: the collector's signing key cannot be loaded.
    """
    signer = load_signer(config.signing_key)
    try:
        try:
            files = _collect(engine, config.school_id, case)
        except UncoveredError:
            make_checkpoint(engine, config.school_id, signer, now_ns)
            files = _collect(engine, config.school_id, case)
    except UncoveredError as error:
        raise StoreError("no checkpoint covers this evidence", hint="run: schoolwarden-collector verify") from error
    except (AttributeError, TypeError, ValueError) as error:
        # SQLite takes a text where bytes or a number were, from whoever writes into the database beside us.
        raise StoreError("the ledger was tampered with", hint="run: schoolwarden-collector verify") from error
    except UnshownError as error:
        raise UsageError(
            "this evidence cannot be given to you as one file: it is too long, or others' matters stand in it",
            hint=case.way_out,
        ) from error
    manifest = to_json(_describe(config, signer, case, files, actor, now_ns))
    files |= {"manifest.json": manifest, "manifest.sig": signer.sign(DOMAIN + manifest)}
    content = to_zip(files)
    with writing(engine) as connection:
        record(
            connection,
            config.school_id,
            actor=actor,
            action="evidence.exported",
            subject=case.name,
            detail=f"SHA-256 {hashlib.sha256(content).hexdigest()}{case.given_beside}",
            now_ns=now_ns,
        )
    return content


def _collect(engine: Engine, school_id: str, case: Case) -> dict[str, bytes]:
    with reading(engine) as connection:
        found = chains.load_chains(connection, school_id, case)
        files = {"read-me.txt": READ_ME, "case.json": to_json(_describe_case(connection, school_id, case, found))}
        erased: list[dict[str, Any]] = []
        keys: dict[str, dict[str, Any]] = {}
        for chain in found:
            folder = f"devices/{chain.device_id}"
            keys |= chains.load_keys(connection, school_id, chain.device_id)
            files |= to_parts(f"{folder}/envelopes", map(chains.describe_envelope, chain.rows))
            files |= to_parts(f"{folder}/contents", chains.list_contents(connection, chain))
            erased += chains.list_tombstones(connection, school_id, chain)
        files["keys.json"] = to_json([keys[device_id] for device_id in sorted(keys)])
        files |= to_parts("tombstones", erased)
        whole = frozenset[int]().union(*(chain.covered_by for chain in found))
        return files | to_parts("checkpoints", chains.list_checkpoints(connection, school_id, whole))


def _describe(
    config: Config, signer: Signer, case: Case, files: dict[str, bytes], actor: str, now_ns: int
) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "school_id": config.school_id,
        "school_name": config.school_name,
        "case": case.name,
        "made_at_ns": now_ns,
        "made_by": actor,
        "signing_algorithm": signer.algorithm,
        "signing_public_key": signer.public_key.hex(),
        "files": {name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
    }


def _describe_case(connection: Connection, school_id: str, case: Case, found: list[Chain]) -> dict[str, Any]:
    events = [[chain.device_id, *position] for chain in found for position in sorted(chain.wanted)]
    rule = _find_rule(connection, school_id, case.rule, found[0])
    contents = {
        f"content of device {chain.device_id}, epoch {epoch}, event {seq}": chains.read_content(connection, event_id)
        for chain in found
        for (epoch, seq), event_id in sorted(chain.wanted.items())
    }
    return {"events": events, "word": case.word | rule | contents}


def _find_rule(connection: Connection, school_id: str, rule_id: str, chain: Chain) -> dict[str, Any]:
    """Return the rule as it stood in the policy that was in force on the device at the first event."""
    epoch, seq = min(chain.wanted)
    row = next(each for each in chain.rows if each.epoch == epoch and each.first_seq <= seq <= each.last_seq)
    version = decode_header(decode_header_block(row.header_block)[seq - row.first_seq]).bundle_version
    body = connection.execute(
        select(bundles.c.body).where(bundles.c.school_id == school_id, bundles.c.version == version)
    ).scalar()
    if body is None:
        return {"policy in force on the device": "none that is here"}
    lines = _cut_out(json.loads(body)["files"], rule_id).splitlines()
    return {
        "policy in force on the device": f"version {version}, SHA-256 {hashlib.sha256(body).hexdigest()}",
        **{f"rule, line {number:03}": line for number, line in enumerate(lines, 1)},
    }


def _cut_out(files: dict[str, str], rule_id: str) -> str:
    """Return the text of one rule, or nothing: some rules are the collector's own and stand in no file."""
    for text in files.values():
        for block in re.split(r"^(?=\[\[rule\]\])", text, flags=re.MULTILINE)[1:]:
            # A comment behind a rule belongs to the next one.
            rule = re.sub(r"(\n#[^\n]*|\n\s*)+\Z", "", block)
            if any(each.get("id") == rule_id for each in tomllib.loads(rule).get("rule", ())):
                return rule
    return ""
