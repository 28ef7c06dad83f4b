# SPDX-License-Identifier: Apache-2.0
"""The enrolment service on a real listener, and beside it one that takes devices only, for tests.

with Listener(school) as listener:
    reply = listener.ask(machine.ask_to_enrol(token), known=listener.roots())
"""

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import grpc

from collector.authority import AuthorityFolder
from collector.enrolment.credentials import ListenerCredentials
from collector.enrolment.service import EnrolmentService
from collector.policies import find_bundle
from collector.trusts import find_trust
from proto.keys import load_signer
from proto.wire import (
    ENROL_METHOD,
    ENROL_SERVICE,
    REKEY_METHOD,
    RENEW_METHOD,
    TARGET_NAME,
    Bundle,
    EnrolReply,
    EnrolRequest,
    RekeyRequest,
    RenewReply,
    RenewRequest,
    SignedTrust,
)
from tests.collector.enrolment.machine import Machine
from tests.collector.school import School

DEADLINE_S = 60.0
_METHODS: dict[type, tuple[str, Any]] = {
    EnrolRequest: (ENROL_METHOD, EnrolReply),
    RenewRequest: (RENEW_METHOD, RenewReply),
    RekeyRequest: (REKEY_METHOD, EnrolReply),
}


@dataclass
class Standing:
    """What holds for every device now."""

    bundle: Bundle
    trust: SignedTrust | None


class Listener:
    """Both kinds of listener in an event loop of their own; the one for devices answers nothing but to handshakes."""

    def __init__(self, school: School, *, admit_peer: Callable[[str], bool] = lambda peer: True) -> None:
        self._school = school
        self._admit_peer = admit_peer
        self._ready: Future[None] = Future()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="listener")

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.result(DEADLINE_S)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(DEADLINE_S)
        assert not self._thread.is_alive()

    def ask(self, request: Any, *, known: bytes) -> Any:
        """Ask as a machine that trusts these CAs and no other.

        Raises:
            grpc.RpcError: it was refused, or does not trust us.
        """
        method, reply = _METHODS[type(request)]
        return self.ask_raw(method, request.SerializeToString(), reply, known=known)

    def ask_raw(self, method: str, raw: bytes, reply: Any, *, known: bytes) -> Any:
        """Ask with bytes that may be no request.

        Raises:
            grpc.RpcError: it was refused, or does not trust us.
        """
        return _call(self.enrol_port, grpc.ssl_channel_credentials(known), f"/{ENROL_SERVICE}/{method}", raw, reply)

    @contextmanager
    def open_enrolment(self, *, known: bytes) -> Iterator[Any]:
        """Give a connection on which many machines can ask to enrol at once."""
        with _open(self.enrol_port, grpc.ssl_channel_credentials(known)) as channel:
            yield channel.unary_unary(f"/{ENROL_SERVICE}/{ENROL_METHOD}", response_deserializer=EnrolReply.FromString)

    def is_let_in(self, machine: Machine, certificate_pem: bytes, key_pem: bytes, *, known: bytes) -> bool:
        """Return whether the listener for devices takes a certificate, by a machine that trusts these CAs."""
        credentials = grpc.ssl_channel_credentials(known, private_key=key_pem, certificate_chain=certificate_pem)
        try:
            _call(self.events_port, credentials, "/nobody/Answers", b"", EnrolReply)
        except grpc.RpcError as error:
            # Nothing answers there: who comes so far got through the handshake.
            return bool(error.code() is grpc.StatusCode.UNIMPLEMENTED)
        return True

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        config, engine = self._school.config, self._school.engine
        authorities = AuthorityFolder(config.authority_folder)
        bundle = find_bundle(engine, config.school_id)
        assert bundle is not None
        service = EnrolmentService(
            engine,
            config,
            authorities,
            lambda: Standing(bundle, find_trust(engine, config.school_id)),
            load_signer(config.signing_key),
            admit_peer=self._admit_peer,
            clock_ns=lambda: self._school.now_ns,
        )
        credentials = ListenerCredentials(authorities)
        enrolment, events = grpc.aio.server(), grpc.aio.server()
        enrolment.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(ENROL_SERVICE, service.handlers()),))
        self.enrol_port = enrolment.add_secure_port("127.0.0.1:0", credentials.one_sided())
        self.events_port = events.add_secure_port("127.0.0.1:0", credentials.mutual())
        await enrolment.start()
        await events.start()
        self._ready.set_result(None)
        await self._stop.wait()
        await enrolment.stop(grace=0.5)
        await events.stop(grace=0.5)
        service.close()


def _call(port: int, credentials: grpc.ChannelCredentials, method: str, raw: bytes, reply: Any) -> Any:
    with _open(port, credentials) as channel:
        call: Any = channel.unary_unary(method, response_deserializer=reply.FromString)
        return call(raw, timeout=DEADLINE_S)


def _open(port: int, credentials: grpc.ChannelCredentials) -> grpc.Channel:
    options = [("grpc.ssl_target_name_override", TARGET_NAME), ("grpc.use_local_subchannel_pool", 1)]
    return grpc.secure_channel(f"127.0.0.1:{port}", credentials, options=options)
