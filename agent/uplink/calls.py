# SPDX-License-Identifier: Apache-2.0
"""Single questions to the collector's enrolment listener. Keys and proofs come from `request`; it keeps nothing."""

import logging
import random
import time
from typing import Any, TypeVar

from agent.device import to_pem
from agent.errors import CollectorUnreachableError, EnrolmentError
from agent.identity import Identity
from agent.uplink.channel import open_enrolment_channel
from agent.uplink.words import explain_error
from proto.token import Token
from proto.wire import (
    ENROL_METHOD,
    ENROL_SERVICE,
    REKEY_METHOD,
    RENEW_METHOD,
    EnrolReply,
    EnrolRequest,
    RekeyRequest,
    RenewReply,
    RenewRequest,
)

log = logging.getLogger(__name__)

TIMEOUT_S = 20.0
PATIENCE_S = 600.0
"""How long a machine that enrols stands in line: a whole school may come in the same hour."""
BUSY_PAUSE_S = (2.0, 20.0)
"""At least and at most, between two attempts of it."""

Reply = TypeVar("Reply", EnrolReply, RenewReply)


class _BusyError(CollectorUnreachableError):
    """The collector has too much to do just now."""


def enrol(token: Token, request: EnrolRequest) -> EnrolReply:
    """Ask the collector to admit this machine. The CA in the token is the only one that is trusted.

    Raises:
        EnrolmentError: the collector refused, and says why.
        CollectorUnreachableError: it does not answer, or is not the one in the token.
    """
    ca_pem = to_pem(token.ca_certificate)
    hint = "check address, network and that the collector runs; the token stays good until it expires"
    deadline_s = time.monotonic() + PATIENCE_S
    while True:
        try:
            return _ask(token.enrol_address, ca_pem, ENROL_METHOD, request, EnrolReply, hint)
        except _BusyError as error:
            if time.monotonic() > deadline_s:
                raise
            log.info("%s; waiting for our turn", error.message)
            time.sleep(random.uniform(*BUSY_PAUSE_S))  # noqa: S311 - jitter, not a secret


def renew(identity: Identity, request: RenewRequest) -> RenewReply:
    """Ask the collector for a new certificate; it need not take the one that this machine has.

    Raises:
        EnrolmentError: the collector refused, and says why; or this machine does not know where to ask.
        CollectorUnreachableError: it does not answer, or is none that this machine trusts.
    """
    return _ask_as_device(identity, RENEW_METHOD, request, RenewReply)


def rekey(identity: Identity, request: RekeyRequest) -> EnrolReply:
    """Ask the collector to let this machine go on as a device of its own.

    Raises:
        EnrolmentError: the collector refused, and says why; or this machine does not know where to ask.
        CollectorUnreachableError: it does not answer, or is none that this machine trusts.
    """
    return _ask_as_device(identity, REKEY_METHOD, request, EnrolReply)


def _ask_as_device(identity: Identity, method: str, request: Any, kind: type[Reply]) -> Reply:
    """Ask as a device that is enrolled, and may be without a certificate that is still good."""
    if not identity.enrol_address:
        raise EnrolmentError(
            "this machine was enrolled by an older agent and does not know where certificates are renewed",
            hint="let it connect once, which tells it; or enrol it again",
        )
    hint = "check address, network and that the collector runs"
    return _ask(identity.enrol_address, identity.ca_certificate_pem, method, request, kind, hint)


def _ask(address: str, ca_pem: bytes, method: str, request: Any, kind: type[Reply], hint: str) -> Reply:
    import grpc

    with open_enrolment_channel(address, ca_pem) as channel:
        call = channel.unary_unary(
            f"/{ENROL_SERVICE}/{method}",
            request_serializer=type(request).SerializeToString,
            response_deserializer=kind.FromString,
        )
        try:
            reply: Reply = call(request, timeout=TIMEOUT_S)
        except grpc.RpcError as error:
            if error.code() in (grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.INVALID_ARGUMENT):
                raise EnrolmentError(f"the collector refused: {error.details()}") from error
            is_busy = error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
            raise (_BusyError if is_busy else CollectorUnreachableError)(
                f"the collector at {address} does not answer: {explain_error(error, address, ca_pem)}", hint=hint
            ) from error
    return reply
