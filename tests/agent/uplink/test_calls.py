# SPDX-License-Identifier: Apache-2.0
"""Tests of single questions to the enrolment listener. What is asked to renew is in `tests/agent/test_renewal.py`."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest

from agent.errors import CollectorUnreachableError, EnrolmentError
from agent.uplink import calls
from agent.uplink.calls import enrol, rekey, renew
from collector.authority import Authority
from proto.wire import EnrolReply, EnrolRequest, RekeyRequest, RenewRequest
from tests.agent.collector import FakeCollector
from tests.agent.line import ScriptedCollector, make_device, take_all


class BusyDesk:
    """An enrolment that has no time at first."""

    def __init__(self, turns: int) -> None:
        self.turns_left = turns
        self.asked = 0

    def __call__(self, request: EnrolRequest, context: grpc.ServicerContext) -> EnrolReply:
        """Answer, or say that there is too much to do."""
        self.asked += 1
        if self.turns_left:
            self.turns_left -= 1
            context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "too many at once")
        return EnrolReply(device_id="d")


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for a turn here."""
    monkeypatch.setattr(calls, "BUSY_PAUSE_S", (0.0, 0.01))


def test_a_machine_stands_in_line_to_enrol(authority: Authority) -> None:
    """When a whole school enrols in one hour, nobody has to do it again."""
    desk = BusyDesk(turns=3)
    with ScriptedCollector(authority, take_all, enrol=desk) as collector:
        token = FakeCollector().make_token(
            ca_certificate=authority.certificate_der, enrol_address=collector.enrol_address
        )
        assert enrol(token, EnrolRequest()).device_id == "d"
    assert desk.asked == 4


def test_it_does_not_stand_there_for_ever(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs the command is told in the end what is wrong."""
    monkeypatch.setattr(calls, "PATIENCE_S", -1.0)
    desk = BusyDesk(turns=1)
    with ScriptedCollector(authority, take_all, enrol=desk) as collector:
        token = FakeCollector().make_token(
            ca_certificate=authority.certificate_der, enrol_address=collector.enrol_address
        )
        with pytest.raises(CollectorUnreachableError, match="too much to do"):
            enrol(token, EnrolRequest())
    assert desk.asked == 1


@pytest.mark.parametrize(("ask", "request_"), [(renew, RenewRequest()), (rekey, RekeyRequest())])
def test_a_device_that_does_not_know_where_to_ask_says_so(tmp_path: Path, ask: Any, request_: Any) -> None:
    """It was enrolled before addresses of that kind were kept, and nobody is asked."""
    _, identity = make_device(tmp_path, FakeCollector())
    with pytest.raises(EnrolmentError, match="does not know where"):
        ask(replace(identity, enrol_address=""), request_)
