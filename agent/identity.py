# SPDX-License-Identifier: Apache-2.0
"""How this machine becomes a device, stays one and becomes another: the folder in which its identity is kept.

Kept apart from the queue, so that a broken queue never makes a new device. What an identity is says `device`, where the
two private keys live `keystore`, what is asked of the collector `request`; `uplink` carries it, `renewal` says when.
"""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

from agent.device import (
    FACTS_FILE,
    SPOOL_KEY_BYTES,
    Identity,
    change_facts,
    changing,
    find_store,
    finish_swap,
    load_identity,
    make_keys,
    read_dates,
    swap_folder,
    to_bundle,
    to_facts,
    to_pem,
    unusable,
    verify_same_device,
    write_identity,
)
from agent.errors import EnrolmentError, KeyStoreError, NotEnrolledError
from agent.keystore.names import DEFAULT_STORE
from agent.request import (
    ASK,
    Predecessor,
    make_enrol_request,
    make_rekey_request,
    open_trust_statement,
    verify_certificate,
    verify_reply,
)
from proto.errors import SchoolwardenError
from proto.files import write_private
from proto.token import Token
from proto.wire import DeviceFacts, EnrolReply, EnrolRequest, RekeyRequest, SignedTrust

__all__ = ["SPOOL_KEY_BYTES", "Identity", "IdentityFolder"]

PIN_FILE = "safeguarding.json"
"""What `readers` keeps beside an identity; it goes along to a successor, which is the same machine."""


class IdentityFolder:
    """Where an identity is kept: `identity/` once it is whole, and a folder of its own for each way to become one."""

    def __init__(self, state: Path) -> None:
        self._whole = state / "identity"
        self._aside = state / "identity.old"
        self._partial = state / "enrolling"
        self._successor = state / "succeeding"

    def is_enrolled(self) -> bool:
        """Return whether this machine has an identity."""
        self._finish_swap()
        return (self._whole / FACTS_FILE).exists()

    def load(self) -> Identity:
        """Read the identity. Keys in hardware are not asked.

        Raises:
            NotEnrolledError: there is none, or it cannot be read.
            KeyStoreError: its keys live where this version cannot look.
        """
        try:
            self._finish_swap()
            return load_identity(self._whole)
        except KeyStoreError:
            raise
        except FileNotFoundError as error:
            # One file of several that is gone is damage: told to enrol, the operator would be told to use --again.
            if self.is_enrolled():
                raise self._unreadable(error) from error
            raise NotEnrolledError(
                "this machine is not enrolled", hint="schoolwarden-agent enrol --state FOLDER --token -"
            ) from error
        except PermissionError as error:
            raise NotEnrolledError(
                "this user may not read the machine's identity", hint="run the command as the agent's own user (root)"
            ) from error
        except (OSError, ValueError, RecursionError, SchoolwardenError) as error:
            raise self._unreadable(error) from error

    def start_epoch(self, identity: Identity, epoch: int | None = None) -> Identity:
        """Begin a new chain of events, the next one or a later one that is named.

        Return the identity with it, which is on the disk before any event of it.
        """
        epoch = identity.epoch + 1 if epoch is None else epoch
        change_facts(self._whole, epoch=epoch)
        return replace(identity, epoch=epoch)

    def apply_trust(self, identity: Identity, signed: SignedTrust) -> Identity:
        """Take a statement of whom to trust and where to find the collector; one that is not newer changes nothing.

        Raises:
            SignatureError: our collector did not sign it.
            MalformedError: it cannot be read, is another school's, or names what is no CA or no address.
            EnrolmentError: the identity is another device's meanwhile.
        """
        trust = open_trust_statement(signed, identity.policy_verifier, identity.school_id)
        if trust.version <= identity.trust_version:
            return identity
        facts = to_facts(trust, events_address=identity.events_address, enrol_address=identity.enrol_address)
        bundle = to_bundle(trust.ca_certificates)
        with changing:
            verify_same_device(self._whole, identity)
            # Should the power go between the two, the version is still the old one, and the statement comes again.
            write_private(self._whole / "ca.crt", bundle)
            change_facts(self._whole, **facts)
        return replace(identity, ca_certificate_pem=bundle, **facts)

    def go_back(self, identity: Identity) -> Identity | None:
        """Come again to where the collector was before the last statement of trust, and the next time to where it says.

        None: it was nowhere else. Whom this machine trusts stays, and so does the version: a later statement holds.

        Raises:
            EnrolmentError: the identity is another device's meanwhile.
        """
        if not identity.former_events_address:
            return None
        facts: dict[str, Any] = {
            "events_address": identity.former_events_address,
            # The first version of these files did not know it.
            "enrol_address": identity.former_enrol_address or identity.enrol_address,
            "former_events_address": identity.events_address,
            "former_enrol_address": identity.enrol_address,
        }
        with changing:
            verify_same_device(self._whole, identity)
            change_facts(self._whole, **facts)
        return replace(identity, **facts)

    def replace_certificate(self, identity: Identity, certificate: bytes) -> Identity:
        """Go on with another certificate (DER) for the same key.

        Raises:
            EnrolmentError: it is no certificate, or for another key; or the identity is another device's meanwhile.
            KeyStoreError: the key cannot be read where it lives.
        """
        try:
            verify_certificate(certificate, identity.keys)
        except ValueError as error:
            raise EnrolmentError(f"the collector's certificate cannot be used: {error}", hint=ASK) from error
        dates, pem = read_dates(certificate), to_pem(certificate)
        with changing:
            verify_same_device(self._whole, identity)
            # Should the power go between the two, the dates are still the old ones, and another one is asked for.
            write_private(self._whole / "tls.crt", pem)
            change_facts(self._whole, **dates)
        return replace(identity, tls_certificate_pem=pem, **dates)

    def make_request(
        self, token: Token, facts: DeviceFacts, *, keys: str = DEFAULT_STORE, former: Identity | None = None
    ) -> EnrolRequest:
        """Return the request to enrol. The keys are made once: asking again is the same device asking again.

        `keys` names the store that they are made in; `former` is what this machine is until now, which it proves.

        Raises:
            EnrolmentError: keys were made before, and cannot be read.
            KeyStoreError: the store does not answer.
        """
        predecessor = _to_predecessor(former) if former is not None else None
        made = make_keys(self._partial, keys)
        try:
            return make_enrol_request(made, token, facts, predecessor)
        except ValueError as error:
            raise unusable(self._partial) from error

    def verify_reply(self, token: Token, reply: EnrolReply) -> None:
        """Check that what the collector answered makes a device that works.

        Raises:
            EnrolmentError: it does not.
            KeyStoreError: the keys cannot be read where they live.
        """
        verify_reply(reply, find_store(self._partial).load(self._partial), token.school_id)

    def prepare(self, token: Token, reply: EnrolReply) -> Identity:
        """Write down what the collector answered, beside what is here, and return it; the token is kept nowhere.

        Raises:
            EnrolmentError: no identity can be made of the answer; what was here before stays.
            KeyStoreError: the keys cannot be read where they live.
        """
        self.verify_reply(token, reply)
        facts = {
            "enrol_address": token.enrol_address,
            "events_address": token.events_address,
            "former_enrol_address": "",
            "former_events_address": "",
            "safeguarding_root_fingerprint": token.safeguarding_root_fingerprint.hex(),
            "trust_version": 0,
        }
        write_identity(self._partial, reply, facts, to_pem(token.ca_certificate))
        return load_identity(self._partial)

    def commit(self) -> Identity:
        """Put what was prepared in the place of the identity: it appears at once or not at all.

        Raises:
            NotEnrolledError: it cannot be read.
        """
        # A successor that was begun would have been the former identity's.
        shutil.rmtree(self._successor, ignore_errors=True)
        return self._swap(self._partial)

    def complete(self, token: Token, reply: EnrolReply) -> Identity:
        """Do both, for a machine whose queue does not come along.

        Raises:
            EnrolmentError: no identity can be made of the answer; what was here before stays.
            KeyStoreError: the keys cannot be read where they live.
        """
        self.prepare(token, reply)
        return self.commit()

    def make_rekey_request(self, former: Identity, reason: str, facts: DeviceFacts) -> RekeyRequest:
        """Return the request to go on for a device with new keys, which are made once and live where the former's do.

        Raises:
            EnrolmentError: keys were made before, and cannot be read.
            KeyStoreError: the store does not answer.
        """
        made = make_keys(self._successor, former.keys.store)
        try:
            return make_rekey_request(made, _to_predecessor(former), reason, facts)
        except ValueError as error:
            raise unusable(self._successor) from error

    def prepare_successor(self, former: Identity, reply: EnrolReply) -> Identity:
        """Write down what goes on for a device, beside it and whole, and return it; it is in force after the commit.

        Raises:
            EnrolmentError: no identity can be made of the answer.
            KeyStoreError: the keys cannot be read where they live.
        """
        verify_reply(reply, find_store(self._successor).load(self._successor), former.school_id)
        if reply.signing_public_key != former.signing_public_key:
            raise EnrolmentError("the collector's answer cannot be used: its signing key is another", hint=ASK)
        facts = {
            "enrol_address": former.enrol_address,
            "events_address": former.events_address,
            "former_enrol_address": former.former_enrol_address,
            "former_events_address": former.former_events_address,
            "safeguarding_root_fingerprint": former.safeguarding_root_fingerprint.hex(),
            "trust_version": former.trust_version,
        }
        if (self._whole / PIN_FILE).exists():
            write_private(self._successor / PIN_FILE, (self._whole / PIN_FILE).read_bytes())
        write_identity(self._successor, reply, facts, former.ca_certificate_pem)
        return load_identity(self._successor)

    def find_prepared(self) -> Identity | None:
        """Return the successor that was prepared and not committed, or None."""
        try:
            return load_identity(self._successor)
        except (OSError, ValueError, RecursionError, SchoolwardenError):
            return None

    def commit_successor(self) -> Identity:
        """Put the prepared successor in the place of the identity.

        Raises:
            NotEnrolledError: none was prepared.
        """
        if not (self._successor / FACTS_FILE).exists():
            raise NotEnrolledError("no device that goes on for this one was prepared", hint="nothing is to be done")
        return self._swap(self._successor)

    def _swap(self, folder: Path) -> Identity:
        swap_folder(folder, self._whole, self._aside)
        return self.load()

    def _finish_swap(self) -> None:
        finish_swap((self._successor, self._partial), self._whole, self._aside)

    def _unreadable(self, error: Exception) -> NotEnrolledError:
        return NotEnrolledError(
            f"the machine's identity cannot be read: {type(error).__name__}",
            hint=f"move {self._whole} away and enrol again",
        )


def _to_predecessor(former: Identity) -> Predecessor:
    return Predecessor(former.school_id, former.device_id, former.signer)
