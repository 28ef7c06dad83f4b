# SPDX-License-Identifier: Apache-2.0
"""A machine that enrols and a collector that admits it, for tests of the whole agent; the way between is short."""

from pathlib import Path
from typing import Any

import grpc

from agent.app import Agent
from agent.config import Config
from agent.enrolment import enrol_machine
from collector.authority import Authority, issue_device_certificate
from proto.events import Kind
from proto.token import encode_token
from proto.wire import EnrolReply, EnrolRequest, decode_event
from tests.agent.collector import FakeCollector
from tests.agent.line import ScriptedCollector, take_all
from tests.agent.spooled import peek_all


class Desk:
    """A collector that admits whoever asks, and a machine that asks."""

    def __init__(self, folder: Path, authority: Authority) -> None:
        self.fake = FakeCollector()
        self.authority = authority
        self.config = Config(folder / "state", status_every_s=600.0)
        self.requests: list[EnrolRequest] = []
        self.refusal = ""
        self.changes: dict[str, Any] = {}
        self.token_changes: dict[str, Any] = {}
        self.line = ScriptedCollector(authority, take_all, enrol=self._admit)

    @property
    def token(self) -> str:
        """A token for it."""
        return encode_token(
            self.fake.make_token(
                ca_certificate=self.authority.certificate_der,
                enrol_address=self.line.enrol_address,
                events_address=self.line.events_address,
                **self.token_changes,
            )
        )

    def enrol(self, *, again: bool = False) -> str:
        """Enrol the machine and return the device's id."""
        return enrol_machine(self.config, self.token, again=again).device_id

    def received(self) -> bytes:
        """Return all contents that came in, one after the other."""
        return b"".join(
            payload.body
            for messages in list(self.line.received)
            for message in list(messages)
            for payload in message.envelope.payloads
        )

    def _admit(self, request: EnrolRequest, context: grpc.ServicerContext) -> EnrolReply:
        self.requests.append(request)
        if self.refusal:
            context.abort(grpc.StatusCode.PERMISSION_DENIED, self.refusal)
        device_id = f"{len(self.requests):016x}"
        reply = self.fake.answer(request, device_id=device_id, **self.changes)
        if "certificate" not in self.changes:
            reply.certificate = issue_device_certificate(
                self.authority, request.certificate_request, reply.school_id, device_id
            )
        return reply


def events_of(agent: Agent) -> list[Kind]:
    """Return what the agent has put into its queue."""
    decoded = (decode_event(event.kind, event.payload.body) for event in peek_all(agent._spool))
    return [event for event in decoded if event is not None]


def close(agent: Agent) -> None:
    """Let an agent that never ran go of its queue."""
    agent._spool.close()
