# SPDX-License-Identifier: Apache-2.0
"""Answers on the enrolment listener: Enrol, Renew and Rekey, each a question of somebody who has no certificate yet.

It reads what came, lets `admission`, `renewal` or `succession` decide, and says in gRPC's words how it ended. It opens
no port (`server` does) and decides on nobody's rate (`admit_peer` does). Its threads are its own, so that thousands who
enrol at once hold up neither devices nor the server's rounds; those who would wait too long are told to come back.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

import grpc
from google.protobuf.message import DecodeError
from sqlalchemy import Engine

from collector.authority import Authorities
from collector.config import Config
from collector.enrolment.admission import Admitted, enrol
from collector.enrolment.renewal import renew
from collector.enrolment.succession import rekey
from collector.errors import CollectorError, EnrolmentRefusedError
from proto.errors import SchoolwardenError
from proto.keys import Signer
from proto.wire import (
    ENROL_METHOD,
    REKEY_METHOD,
    RENEW_METHOD,
    Bundle,
    EnrolReply,
    EnrolRequest,
    RekeyRequest,
    RenewReply,
    RenewRequest,
    SignedTrust,
)

log = logging.getLogger(__name__)

MAX_REQUEST_BYTES = 64 * 1024
THREADS = 2
"""The database has one writer; the second thread checks signatures meanwhile."""
MAX_WAITING = 256
"""At some 200 a second the last of them is answered well before a device gives up."""

Answer = EnrolReply | RenewReply
Handler = Callable[[bytes, Any], Awaitable[Answer | None]]


class OldTlsError(CollectorError):
    """A peer does not speak TLS 1.3."""


class Standing(Protocol):
    """What a device is given with the answer."""

    @property
    def bundle(self) -> Bundle:
        """The policy in force."""
        ...

    @property
    def trust(self) -> SignedTrust | None:
        """Whom to trust and where to come; None before the first statement."""
        ...


class EnrolmentService:
    """The three methods of the enrolment listener. Lives in one event loop."""

    def __init__(
        self,
        engine: Engine,
        config: Config,
        authorities: Callable[[], Authorities],
        standing: Callable[[], Standing],
        signer: Signer,
        *,
        admit_peer: Callable[[str], bool] = lambda peer: True,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._engine = engine
        self._config = config
        self._authorities = authorities
        self._standing = standing
        self._signer = signer
        self._admit_peer = admit_peer
        self._clock_ns = clock_ns
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="enrolment")
        self._waiting = 0

    def handlers(self) -> dict[str, Any]:
        """Return the methods by name, for `grpc.method_handlers_generic_handler`."""
        answers: dict[str, tuple[Callable[[bytes], Answer], str]] = {
            ENROL_METHOD: (self._enrol, "an enrolment"),
            RENEW_METHOD: (self._renew, "a renewal"),
            REKEY_METHOD: (self._rekey, "a re-key"),
        }
        return {
            method: grpc.unary_unary_rpc_method_handler(
                self._to_handler(answer, what), response_serializer=lambda reply: reply.SerializeToString()
            )
            for method, (answer, what) in answers.items()
        }

    def close(self) -> None:
        """Wait for what is at work."""
        self._pool.shutdown(wait=True)

    def _enrol(self, raw: bytes) -> EnrolReply:
        request = EnrolRequest.FromString(raw)
        return self._welcome(enrol(self._engine, self._config, self._authorities().current, request, self._clock_ns()))

    def _rekey(self, raw: bytes) -> EnrolReply:
        request = RekeyRequest.FromString(raw)
        return self._welcome(rekey(self._engine, self._config, self._authorities().current, request, self._clock_ns()))

    def _renew(self, raw: bytes) -> RenewReply:
        request = RenewRequest.FromString(raw)
        certificate = renew(self._engine, self._config, self._authorities().current, request, self._clock_ns())
        return RenewReply(certificate=certificate, server_time_ns=self._clock_ns(), trust=self._standing().trust)

    def _welcome(self, admitted: Admitted) -> EnrolReply:
        standing, former = self._standing(), admitted.former
        return EnrolReply(
            school_id=self._config.school_id,
            school_name=self._config.school_name,
            device_id=admitted.device_id,
            certificate=admitted.certificate,
            signing_algorithm=self._signer.algorithm,
            signing_public_key=self._signer.public_key,
            server_time_ns=self._clock_ns(),
            bundle=standing.bundle,
            trust=standing.trust,
            is_pending=admitted.is_pending,
            former_epoch=former.epoch if former else 0,
            former_seq=former.seq if former else 0,
            former_head_hash=former.hash if former else b"",
        )

    def _to_handler(self, answer: Callable[[bytes], Answer], what: str) -> Handler:
        async def handle(raw: bytes, context: Any) -> Answer | None:
            if self._waiting >= MAX_WAITING or not self._admit_peer(context.peer()):
                # Not in the log: whoever is to be slowed down must not fill the disk instead.
                await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "too many at once (try again in a minute)")
            self._waiting += 1
            try:
                verify_tls(context)
                if len(raw) > MAX_REQUEST_BYTES:
                    raise EnrolmentRefusedError("the request holds more than such a request can")
                return await asyncio.get_running_loop().run_in_executor(self._pool, answer, raw)
            except DecodeError:
                await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "the request cannot be read")
            except OldTlsError as error:
                log.warning("%s from %s was refused: %s", what, context.peer(), error)
                await context.abort(grpc.StatusCode.UNAUTHENTICATED, error.message)
            except EnrolmentRefusedError as error:
                log.warning("%s from %s was refused: %s", what, context.peer(), error)
                await context.abort(grpc.StatusCode.PERMISSION_DENIED, in_words(error))
            except CollectorError as error:
                log.error("%s failed: %s", what, error)
                await context.abort(grpc.StatusCode.UNAVAILABLE, in_words(error))
            finally:
                self._waiting -= 1
            return None

        return handle


def verify_tls(context: Any) -> None:
    """Check that a peer speaks TLS 1.3; gRPC itself would take 1.2, too.

    Raises:
        OldTlsError: it does not.
    """
    version = b"".join(context.auth_context().get("ssl_tls_version", ())).decode(errors="replace")
    if version != "TLSv1.3":
        raise OldTlsError(f"the connection must use TLS 1.3, not {version}")


def in_words(error: SchoolwardenError) -> str:
    """Return what a peer is told of an error: the words and the hint."""
    return f"{error.message} ({error.hint})" if error.hint else error.message
