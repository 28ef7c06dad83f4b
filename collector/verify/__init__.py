# SPDX-License-Identifier: Apache-2.0
"""Checks everything that the database claims to be evidence, trusting only keys and signatures.

    1 keys         every device proved that it holds the key that its envelopes are checked with; one that goes on for
                   another has that one's word for it                                                     `keys`
    2 tombstones   signed by us and linked; what content was erased, and why                              `graves`
    3 envelopes    signatures, chains without gaps, contents as committed to, missing as signed or erased as a tombstone
                   says, index rows as the headers say, and nothing beside them                           `chains`
    4 heads        the table of chain ends agrees with the chains                                         `chains`
    5 checkpoints  signed, linked, and every end written down in one still stands                         `ends`
    6 policies     every bundle carries our signature, versions follow one another                        `statements`
    7 readers      every set of readers is signed by the root of the one before, or by one that it vouches for
    8 trusts       every statement of whom devices trust carries our signature, versions follow one another
    9 disposals    every record of a device that was given away carries our signature, and none is gone
    10 audit       the log of what people did is whole

It changes nothing and goes on after a problem. What it cannot know: who typed, what a device never sent, who let a
device in, and whether somebody with the collector's own keys made everything anew; a checkpoint kept outside shows
that. Which tables it does not look at is in `NOT_COVERED`.
"""

from sqlalchemy import Engine

from collector.checkpoints import list_checkpoints, read_ends
from collector.config import Config
from collector.store.engine import reading
from collector.verify.chains import DeviceCheck, verify_nothing_beside
from collector.verify.ends import Ends, load_keys, load_log_ends, verify_checkpoints, verify_printed
from collector.verify.graves import verify_all_found, verify_tombstones
from collector.verify.keys import list_verifiers
from collector.verify.report import Report as Report
from collector.verify.statements import (
    verify_audit_log,
    verify_bundles,
    verify_disposal_records,
    verify_readers,
    verify_trusts,
)
from proto.keys import load_signer, to_verifier

COVERED = frozenset(
    "device_keys tombstones envelopes events payloads heads checkpoints bundles recipient_sets trusts disposals "
    "audit".split()
)
"""The tables that are evidence."""

NOT_COVERED = {
    "devices": "what devices say of themselves, and whether they may speak",
    "certificates": "certificates",
    "tokens": "tokens",
    "expected_devices": "the school's list of its devices",
    "incidents": "incidents",
    "incident_history": "incidents",
    "incident_events": "incidents",
    "refused": "what was refused",
    "flags": "what readers decided and wrote about flags",
    "flag_notes": "what readers decided and wrote about flags",
    "flag_copies": "what readers decided and wrote about flags",
    "drills": "drills",
    "notices": "accepted notices",
    "people": "people and their accounts",
    "accounts": "people and their accounts",
    "user_accounts": "people and their accounts",
    "absences": "people and their accounts",
    "users": "users",
    "sessions": "users",
    "identities": "users",
    "audit_reviews": "who looked through the audit log",
    "proposals": "the allow list",
    "approved_programs": "the allow list",
    "rule_files": "rule files that are not in force",
    "chosen_packs": "rule files that are not in force",
    "changes": "changes of the policy, pauses and roll-outs",
    "pauses": "changes of the policy, pauses and roll-outs",
    "rollouts": "changes of the policy, pauses and roll-outs",
    "exceptions": "exceptions from rules",
    "device_groups": "groups of devices",
    "held_sightings": "incidents",
    "incident_responses": "incidents",
    "parent_decisions": "incidents",
    "approved_media": "approved USB devices",
    "seen_media": "lists of machines, media and sessions",
    "software": "lists of machines, media and sessions",
    "software_lists": "lists of machines, media and sessions",
    "hardware": "lists of machines, media and sessions",
    "answers": "lists of machines, media and sessions",
    "presence": "lists of machines, media and sessions",
    "schools": "the name of the school",
}
"""The tables that nobody signed, in words. Who can write into the database can change them, and nothing shows it."""


def verify(engine: Engine, config: Config, *, printed: str = "") -> Report:
    """Check the whole of a school's evidence; with the hash of a printed checkpoint, also that it is one of ours.

    Raises:
        StoreError: the database does not answer.
        SignatureError: the collector's own key cannot be loaded.
        UsageError: the printed hash is none.
    """
    report = Report()
    school_id = config.school_id
    signer = load_signer(config.signing_key)
    own = to_verifier(signer.algorithm, signer.public_key)
    # Read once and first: a checkpoint that is made while we work may name events that we do not see.
    made = list_checkpoints(engine, school_id)
    verify_printed(made, printed, report)
    wanted = {end[:3] for each in made for end in read_ends(each.heads)}
    with reading(engine) as connection:
        ends: Ends = load_log_ends(connection, school_id, wanted)
        graves = verify_tombstones(connection, school_id, own, report)
        verify_nothing_beside(connection, school_id, report)
        for device_id, verifier in list_verifiers(connection, school_id, report):
            DeviceCheck(connection, school_id, device_id, verifier, report, graves, wanted, ends).run()
        verify_all_found(graves, report)
        keys = load_keys(connection, school_id, signer.public_key)
    verify_checkpoints(made, school_id, own, ends, keys, report)
    verify_bundles(engine, config, report)
    verify_readers(engine, school_id, report)
    verify_trusts(engine, config, report)
    verify_disposal_records(engine, school_id, own, report)
    verify_audit_log(engine, school_id, report)
    return report
