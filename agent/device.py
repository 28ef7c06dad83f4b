# SPDX-License-Identifier: Apache-2.0
"""This machine as one school's device, and the files that say so. When they are made and changed says `identity`."""

import json
import secrets
import shutil
import threading
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.certificate import read_certificate
from agent.errors import EnrolmentError
from agent.keystore.interface import Keys, KeyStore
from agent.keystore.names import DEFAULT_STORE, STORES
from agent.keystore.stores import open_store
from agent.request import ASK, open_trust_statement
from proto.errors import MalformedError, SignatureError
from proto.files import make_private_folder, sync_folder, write_private
from proto.keys import Signer, Verifier, to_verifier
from proto.trust import Trust
from proto.wire import EnrolReply

SPOOL_KEY_BYTES = 32
FACTS_FILE = "identity.json"

_FACT_TYPES = {
    "school_id": str,
    "school_name": str,
    "device_id": str,
    "epoch": int,
    "events_address": str,
    "enrol_address": str,
    "former_events_address": str,
    "former_enrol_address": str,
    "signing_algorithm": str,
    "signing_public_key": str,
    "spool_key": str,
    "safeguarding_root_fingerprint": str,
    "keys": str,
    "trust_version": int,
    "certificate_not_before_s": int,
    "certificate_not_after_s": int,
}
"""What identity.json holds; bytes are hexadecimal."""

_HEXADECIMAL = ("signing_public_key", "spool_key", "safeguarding_root_fingerprint")

_IN_FIRST_VERSION = {
    "enrol_address": "",
    "former_events_address": "",
    "former_enrol_address": "",
    "keys": DEFAULT_STORE,
    "trust_version": 0,
    "certificate_not_before_s": 0,
    "certificate_not_after_s": 0,
}
"""What holds where the first version of this file did not say; the collector's next statement of trust tells more."""

changing = threading.RLock()
"""Held while an identity's folder is looked at and then changed: another thread may put a successor in its place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """This machine as one school's device."""

    school_id: str
    school_name: str
    device_id: str
    epoch: int
    """Which chain of events is being written; one more when the queue was lost."""
    events_address: str
    """host:port"""
    enrol_address: str
    """host:port, where certificates are renewed; empty: not known."""
    former_events_address: str
    """The way back, if a statement of trust says something wrong; empty: there is none."""
    former_enrol_address: str
    signing_algorithm: str
    signing_public_key: bytes
    """Of the collector: policies are taken from nobody else."""
    spool_key: bytes
    safeguarding_root_fingerprint: bytes
    """Empty: this machine is not watched for safeguarding."""
    trust_version: int
    """Of the statement that says whom to trust; 0: what the token said holds."""
    tls_certificate_pem: bytes
    certificate_not_before_s: int
    """Seconds since 1970; 0: not known."""
    certificate_not_after_s: int
    ca_certificate_pem: bytes
    """All the collector's CAs, one after the other."""
    keys: Keys

    @property
    def signer(self) -> Signer:
        """What signs this device's evidence."""
        return self.keys.signer

    @property
    def policy_verifier(self) -> Verifier:
        """What verifies the collector's policies."""
        return to_verifier(self.signing_algorithm, self.signing_public_key)


def load_identity(folder: Path) -> Identity:
    """Read an identity. Keys in hardware are not asked.

    Raises:
        OSError: a file of it is not there, or may not be read.
        ValueError: a file does not hold what it should.
        SignatureError: a key is none.
        KeyStoreError: its keys live where this version cannot look.
    """
    facts = _load_facts(folder)
    facts |= {name: bytes.fromhex(facts[name]) for name in _HEXADECIMAL}
    identity = Identity(
        **{name: facts[name] for name in _FACT_TYPES if name != "keys"},
        tls_certificate_pem=(folder / "tls.crt").read_bytes(),
        ca_certificate_pem=(folder / "ca.crt").read_bytes(),
        keys=open_store(facts["keys"]).load(folder),
    )
    to_verifier(identity.signing_algorithm, identity.signing_public_key)
    if len(identity.spool_key) != SPOOL_KEY_BYTES or identity.epoch < 1:
        raise ValueError("a key or a number is not possible")
    return identity


def _load_facts(folder: Path) -> dict[str, Any]:
    facts = json.loads((folder / FACTS_FILE).read_text(encoding="utf-8"))
    if not isinstance(facts, dict):
        raise ValueError("identity.json does not hold what it should")
    facts = _IN_FIRST_VERSION | facts
    if any(type(facts.get(name)) is not each for name, each in _FACT_TYPES.items()):
        raise ValueError("identity.json does not hold what it should")
    return facts


def change_facts(folder: Path, **facts: Any) -> None:
    """Change facts of an identity; on the disk before this returns."""
    with changing:
        changed = _load_facts(folder) | facts
        write_private(folder / FACTS_FILE, json.dumps(changed, indent=1).encode())


def verify_same_device(folder: Path, identity: Identity) -> None:
    """Check that a folder still holds an identity's device.

    Raises:
        EnrolmentError: it holds another, which went on for it: an answer that comes late is not for that one.
    """
    if _load_facts(folder)["device_id"] != identity.device_id:
        raise EnrolmentError("another device went on for this one meanwhile", hint="nothing is to be done")


def swap_folder(folder: Path, whole: Path, aside: Path) -> None:
    """Put an identity in the place of another one: it appears at once or not at all, and the other's keys are gone."""
    with changing:
        if aside.exists():
            shutil.rmtree(aside)
        # Set aside as a whole: removed file by file, it would for a while be neither here nor gone.
        if whole.exists():
            whole.rename(aside)
        folder.rename(whole)
        sync_folder(whole.parent)
        if aside.exists():
            shutil.rmtree(aside)


def finish_swap(candidates: Iterable[Path], whole: Path, aside: Path) -> None:
    """Do the rest of a swap that a power cut ended: one identity is in its place, and no key of another is left.

    The place is empty: the first candidate that is whole goes there; if none is, what was set aside goes back.

    Raises:
        OSError: it cannot be done.
    """
    with changing:
        is_there = (whole / FACTS_FILE).exists()
        if not aside.exists() or (whole.exists() and not is_there):
            return
        if not is_there:
            try:
                next((each for each in candidates if (each / FACTS_FILE).exists()), aside).rename(whole)
            except OSError:
                # Whoever else looks at this moment does the same.
                if not whole.exists():
                    raise
            sync_folder(whole.parent)
        with suppress(FileNotFoundError):
            shutil.rmtree(aside)


def write_identity(folder: Path, reply: EnrolReply, facts: dict[str, Any], ca_pem: bytes) -> None:
    """Write all files of an identity, the one that says so last. A newer statement of trust in the answer goes before.

    Raises:
        EnrolmentError: the answer's statement of trust cannot be taken.
    """
    if reply.HasField("trust"):
        try:
            verifier = to_verifier(reply.signing_algorithm, reply.signing_public_key)
            trust = open_trust_statement(reply.trust, verifier, reply.school_id)
        except (MalformedError, SignatureError) as error:
            raise EnrolmentError(f"the collector's answer cannot be used: {error}", hint=ASK) from error
        if trust.version > facts["trust_version"]:
            facts |= to_facts(trust, events_address=facts["events_address"], enrol_address=facts["enrol_address"])
            ca_pem = to_bundle(trust.ca_certificates)
    facts |= {
        "school_id": reply.school_id,
        "school_name": reply.school_name,
        "device_id": reply.device_id,
        "epoch": 1,
        "signing_algorithm": reply.signing_algorithm,
        "signing_public_key": reply.signing_public_key.hex(),
        "spool_key": secrets.token_hex(SPOOL_KEY_BYTES),
        "keys": find_store(folder).name,
        **read_dates(reply.certificate),
    }
    write_private(folder / "tls.crt", to_pem(reply.certificate))
    write_private(folder / "ca.crt", ca_pem)
    write_private(folder / FACTS_FILE, json.dumps(facts, indent=1).encode())


def to_facts(trust: Trust, *, events_address: str, enrol_address: str) -> dict[str, Any]:
    """Return what an identity keeps of a statement of trust, beside the CAs; the addresses before it are the way back.

    No CA is kept for that: one that a statement leaves out may have been stolen.
    """
    is_moved = (events_address, enrol_address) != (trust.events_address, trust.enrol_address)
    return {
        "trust_version": trust.version,
        "enrol_address": trust.enrol_address,
        "events_address": trust.events_address,
        "former_enrol_address": enrol_address if is_moved else "",
        "former_events_address": events_address if is_moved else "",
    }


def read_dates(certificate: bytes) -> dict[str, Any]:
    """Return what an identity keeps of its certificate (DER), beside it.

    Raises:
        ValueError: it is none.
    """
    read = read_certificate(certificate)
    return {"certificate_not_before_s": read.not_before_s, "certificate_not_after_s": read.not_after_s}


def make_keys(folder: Path, store_name: str) -> Keys:
    """Make the keys of a device in a folder, unless they were made before, and return them.

    Raises:
        EnrolmentError: keys were made before, and cannot be read.
        KeyStoreError: the store does not answer.
    """
    store = open_store(store_name)
    if folder.exists() and not store.is_made(folder):
        # Half a pair, or keys of another store: nobody has heard of them.
        shutil.rmtree(folder)
    make_private_folder(folder)
    store.make(folder)
    try:
        return store.load(folder)
    except SignatureError as error:
        raise unusable(folder) from error


def unusable(folder: Path) -> EnrolmentError:
    """Return what to say of keys that were made before and cannot be read."""
    hint = f"remove {folder} and try again"
    return EnrolmentError("the keys of an enrolment that was begun cannot be read", hint=hint)


def find_store(folder: Path) -> KeyStore:
    """Return the store whose keys lie in a folder.

    Raises:
        EnrolmentError: there are none.
    """
    for store in map(open_store, STORES):
        if store.is_made(folder):
            return store
    raise EnrolmentError("no keys were made for this answer", hint="enrol again")


def to_bundle(certificates: Iterable[bytes]) -> bytes:
    """Return certificates (DER) one after the other, as TLS libraries want them."""
    return b"".join(map(to_pem, certificates))


def to_pem(der: bytes) -> bytes:
    """Return a certificate as TLS libraries want it."""
    import ssl

    return ssl.DER_cert_to_PEM_cert(der).encode()
