# SPDX-License-Identifier: Apache-2.0
"""Keeps this machine's certificate in date, and whom it trusts up to date: nobody ever comes to do it.

A new certificate is asked for when two thirds of the old one's life are over, and a little later on some machines than
on others, so that a school's devices, enrolled on one day, do not all come back on one day. It is judged by the
collector's clock, as far as that is known. It is asked for at once when another CA issues than did: otherwise the
former one would be needed for another year. A certificate that ended while the machine lay in a cupboard is renewed in
the same way: the enrolment listener needs none, and the evidence key proves who asks.

It does not open the long stream (`uplink.line` does, and asks here first), and keeps nothing itself (`identity` does).
"""

import hashlib
import logging
import ssl
import threading
import time
from collections.abc import Callable

from agent.certificate import read_certificate
from agent.errors import CollectorUnreachableError, EnrolmentError, KeyStoreError
from agent.identity import Identity, IdentityFolder
from agent.request import ASK, make_renew_request
from agent.uplink.calls import renew
from proto.errors import SchoolwardenError
from proto.wire import SignedTrust

log = logging.getLogger(__name__)

RENEW_AFTER = 2 / 3
SPREAD = 1 / 12
"""Of the life; by so much the last device asks later than the first."""
PAUSE_S = 7200.0
"""Between two attempts."""
PAUSE_WITHOUT_S = 60.0
"""Likewise, without a good certificate and without an answer: nothing is sent meanwhile."""


def is_due(identity: Identity, now_ns: int) -> bool:
    """Return whether it is time for a new certificate; `now_ns` is the collector's."""
    if not identity.enrol_address:
        return False  # Not known yet where to ask: the next statement of trust says it.
    if is_of_former_authority(identity):
        return True
    begin_s, end_s = identity.certificate_not_before_s, identity.certificate_not_after_s
    # From the certificate itself: the same after each restart, and other for each device and each year.
    digest = hashlib.sha256(identity.tls_certificate_pem).digest()
    share = RENEW_AFTER + SPREAD * int.from_bytes(digest[:4], "big") / 2**32
    return now_ns >= (begin_s + (end_s - begin_s) * share) * 1e9


def is_of_former_authority(identity: Identity) -> bool:
    """Return whether another CA issued the certificate than the one that issues now: the first of those we trust."""
    first, end, _ = identity.ca_certificate_pem.decode().partition(ssl.PEM_FOOTER)
    try:
        authority = read_certificate(ssl.PEM_cert_to_DER_cert(first + end))
        ours = read_certificate(ssl.PEM_cert_to_DER_cert(identity.tls_certificate_pem.decode()))
    except ValueError:
        return False
    return ours.issuer != authority.subject


def is_over(identity: Identity, now_ns: int) -> bool:
    """Return whether the certificate is good no more; one whose end is not known counts as good."""
    return 0 < identity.certificate_not_after_s * 10**9 <= now_ns


class Renewal:
    """Asks for certificates and takes statements of trust, for one machine; threads may share it."""

    def __init__(
        self,
        folder: IdentityFolder,
        identity: Identity,
        *,
        clock_ns: Callable[[], int] = time.time_ns,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder = folder
        self._identity = identity
        self._clock_ns = clock_ns
        self._monotonic_s = monotonic_s
        self._lock = threading.Lock()
        self._ask_again_at_s = self._urgent_again_at_s = monotonic_s()
        self._urgent_pause_s = PAUSE_WITHOUT_S

    def renew_if_due(self, clock_offset_ns: int, *, is_refused: bool = False) -> Identity | None:
        """Get a new certificate if it is time, and return the identity with it; None when there is nothing new.

        `clock_offset_ns` is this machine's clock minus the collector's, 0 while that is not known; `is_refused` says
        that the collector did not accept the certificate, whatever our clock thinks of it.

        Without a certificate that is taken it asks again after a minute, then after twice as long each time: it may
        have been made while the collector's clock was wrong, and a school's machines come back all at once.

        Raises:
            EnrolmentError: the collector refused, and the old certificate is over or was not accepted.
            CollectorUnreachableError: it does not answer, likewise.
            KeyStoreError: the key that proves who asks cannot be used, likewise.
        """
        now_ns = self._clock_ns() - clock_offset_ns
        with self._lock:
            is_ended = is_over(self._identity, now_ns)
            is_urgent = is_ended or is_refused
            if not (is_urgent or is_due(self._identity, now_ns)):
                return None
            if not self._may_ask(is_urgent=is_urgent):
                return None
            try:
                self._renew()
            except (CollectorUnreachableError, EnrolmentError, KeyStoreError) as error:
                if is_urgent:
                    raise
                log.warning("the certificate could not be renewed yet: %s", error)
                return None
            except OSError as error:
                log.error("a new certificate could not be kept: %s", error)
                return None
            return self._identity

    def go_back(self) -> Identity | None:
        """Come again to where the collector was before the last statement of trust; None: it was nowhere else."""
        with self._lock:
            back = self._folder.go_back(self._identity)
            self._identity = back or self._identity
            return back

    def _may_ask(self, *, is_urgent: bool) -> bool:
        """Return whether it is time to ask, and if so when it is the next time."""
        now_s = self._monotonic_s()
        if now_s < (self._urgent_again_at_s if is_urgent else self._ask_again_at_s):
            return False
        # An answer is an answer, also a no. And if a new certificate looks old at once, our clock is wrong.
        self._ask_again_at_s = now_s + PAUSE_S
        self._urgent_again_at_s = now_s + (self._urgent_pause_s if is_urgent else PAUSE_WITHOUT_S)
        self._urgent_pause_s = min(2 * self._urgent_pause_s, PAUSE_S) if is_urgent else PAUSE_WITHOUT_S
        return True

    def take_trust(self, signed: SignedTrust) -> Identity | None:
        """Take a statement of whom to trust, and return the identity with it; None when there is nothing new."""
        with self._lock:
            before = self._identity
            self._apply(signed)
            return self._identity if self._identity is not before else None

    def _renew(self) -> None:
        identity = self._identity
        try:
            request = make_renew_request(
                identity.keys,
                school_id=identity.school_id,
                device_id=identity.device_id,
                certificate=ssl.PEM_cert_to_DER_cert(identity.tls_certificate_pem.decode()),
            )
        except ValueError as error:
            raise EnrolmentError(f"the machine's TLS key cannot be used: {error}", hint=ASK) from error
        reply = renew(identity, request)
        # First: the new certificate may be from a CA that the statement makes known, at an address that it names.
        if reply.HasField("trust"):
            self._apply(reply.trust)
        self._identity = self._folder.replace_certificate(self._identity, reply.certificate)
        log.info("the certificate was renewed")

    def _apply(self, signed: SignedTrust) -> None:
        try:
            self._identity = self._folder.apply_trust(self._identity, signed)
        except SchoolwardenError as error:
            # Whoever forged it must not take the device off the collector that it has.
            log.error("a statement of whom to trust is not taken: %s", error)
        except OSError as error:
            log.error("a statement of whom to trust could not be kept: %s", error)
