# SPDX-License-Identifier: Apache-2.0
"""Tests of connections to the collector: with the TLS key in a TPM, and with a certificate that is not accepted."""

import datetime
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest

from agent.errors import KeyStoreError
from agent.identity import Identity, IdentityFolder
from agent.keystore import tpm as tpm_module
from agent.uplink.channel import is_certificate_refused, open_device_channel
from collector.authority import Authority, issue_device_certificate, issuing
from proto.wire import EVENTS_METHOD, EVENTS_SERVICE, AgentMessage, CollectorMessage, Hello
from tests.agent.collector import FACTS, FakeCollector
from tests.agent.line import Messages, ScriptedCollector, make_device, to_welcome
from tests.agent.software_tpm import SoftwareTpm

TIMEOUT_S = 60.0


def welcome(messages: Messages) -> Iterator[CollectorMessage]:
    """Take whoever comes through."""
    next(messages)
    yield to_welcome(seq=7)


def connect(identity: Identity) -> int:
    """Open the stream as a device and return what the collector's welcome says.

    Raises:
        grpc.RpcError: there was none.
    """
    with open_device_channel(identity) as channel:
        method: Any = channel.stream_stream(
            f"/{EVENTS_SERVICE}/{EVENTS_METHOD}",
            request_serializer=AgentMessage.SerializeToString,
            response_deserializer=CollectorMessage.FromString,
        )
        answer = next(method(iter([AgentMessage(hello=Hello())]), timeout=TIMEOUT_S))
        return int(answer.welcome.head_seq)


def make_device_with_tpm(folder: Path, authority: Authority) -> Identity:
    """Enrol a machine whose keys are in its TPM."""
    fake, state = FakeCollector(), IdentityFolder(folder / "state")
    token = fake.make_token(ca_certificate=authority.certificate_der)
    request = state.make_request(token, FACTS, keys="tpm")
    reply = fake.answer(request)
    reply.certificate = issue_device_certificate(
        authority, request.certificate_request, reply.school_id, reply.device_id
    )
    return state.complete(token, reply)


@pytest.mark.tpm
def test_a_handshake_with_the_key_in_the_tpm(
    tmp_path: Path, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The TPM signs each handshake of mutual TLS; without it there is none, and its own words say why."""
    with ScriptedCollector(authority, welcome) as collector:
        with SoftwareTpm(tmp_path / "tpm") as tpm:
            monkeypatch.setattr(tpm_module, "DEVICE", tpm.address)
            made = make_device_with_tpm(tmp_path, authority)
            identity = replace(made, events_address=collector.events_address)
            assert identity.keys.tls_key_pem is None
            assert [connect(identity), connect(identity)] == [7, 7]
        with pytest.raises(KeyStoreError, match="the TPM does not answer"):
            connect(identity)
        assert len(collector.received) == 2


@pytest.mark.tpm
def test_a_copied_disk_does_not_connect(tmp_path: Path, authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    """The files of a device, on a machine with another TPM, open no stream."""
    with ScriptedCollector(authority, welcome) as collector:
        with SoftwareTpm(tmp_path / "tpm") as tpm:
            monkeypatch.setattr(tpm_module, "DEVICE", tpm.address)
            make_device_with_tpm(tmp_path, authority)
        with SoftwareTpm(tmp_path / "another") as another:
            monkeypatch.setattr(tpm_module, "DEVICE", another.address)
            copied = replace(IdentityFolder(tmp_path / "state").load(), events_address=collector.events_address)
            with pytest.raises(KeyStoreError, match="does not know the keys"):
                connect(copied)
        assert collector.received == []


@pytest.mark.parametrize("days", [(-30, -1), (1, 30)], ids=["over", "not begun"])
def test_a_certificate_that_is_not_accepted_is_known_as_such(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, days: tuple[int, int]
) -> None:
    """The collector hangs up on it, and whoever keeps it in date is told so."""
    now = datetime.datetime.now(datetime.UTC)
    lifetime = tuple(now + datetime.timedelta(days=each) for each in days)
    monkeypatch.setattr(issuing, "_from_now", lambda _: lifetime)
    authority, made = make_device(tmp_path, FakeCollector())
    with ScriptedCollector(authority, welcome) as collector, pytest.raises(grpc.RpcError) as caught:
        connect(replace(made, events_address=collector.events_address))
    assert is_certificate_refused(caught.value)


def test_a_collector_that_is_away_did_not_refuse_anything(tmp_path: Path) -> None:
    """Nobody listens: the certificate may be as good as ever."""
    _, made = make_device(tmp_path, FakeCollector())
    with pytest.raises(grpc.RpcError) as caught:
        connect(replace(made, events_address="127.0.0.1:1"))
    assert not is_certificate_refused(caught.value)
