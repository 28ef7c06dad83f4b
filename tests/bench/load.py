# SPDX-License-Identifier: Apache-2.0
"""A load of many devices: enrols them for real, signs everything beforehand, then sends and waits for the answers.

A process of its own, so that its cost is not the collector's: `python -m tests.bench.load`, told what to do in JSON on
stdin, answers in JSON on stdout. It measures nothing itself but the time from an envelope to its acknowledgement.
"""

import asyncio
import hashlib
import json
import secrets
import sys
import time
from dataclasses import dataclass, field
from typing import Any

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from proto.chain import GENESIS, commit, link, make_salt
from proto.enrolment import proof_bytes
from proto.envelope import make_envelope
from proto.events import Audience, Header, Payload, Program, ProgramStarted
from proto.keys import Ed25519Signer
from proto.token import decode_token
from proto.wire import (
    ENROL_METHOD,
    ENROL_SERVICE,
    EVENTS_METHOD,
    EVENTS_SERVICE,
    PROTOCOL,
    AgentMessage,
    CollectorMessage,
    EnrolReply,
    EnrolRequest,
    Hello,
    encode_body,
    encode_header,
)

TARGET = ("grpc.ssl_target_name_override", "collector.schoolwarden.internal")
FORBIDDEN_EVERY = 50
"""One event in so many is about a forbidden program, and so counts an incident."""


@dataclass
class Device:
    """One simulated device."""

    device_id: str
    school_id: str
    signer: Ed25519Signer
    key_pem: bytes
    certificate_pem: bytes
    ca_pem: bytes
    seq: int = 0
    previous: bytes = GENESIS
    ready: list[tuple[int, bytes]] = field(default_factory=list)
    latencies_ms: list[float] = field(default_factory=list)

    def prepare(self, envelopes: int, events: int) -> None:
        """Sign envelopes with this many events each."""
        boot_id = secrets.token_bytes(16)
        for _ in range(envelopes):
            headers, payloads = [], []
            for _ in range(events):
                self.seq += 1
                name = "tor" if self.seq % FORBIDDEN_EVERY == 0 else f"program-{self.seq % 200}"
                event = ProgramStarted(Program(name, f"/usr/bin/{name}", secrets.token_hex(32), "process"))
                body, salt = encode_body(event), make_salt()
                header = encode_header(
                    Header(
                        school_id=self.school_id,
                        device_id=self.device_id,
                        epoch=1,
                        seq=self.seq,
                        kind=event.kind,
                        schema_version=1,
                        audience=Audience.SECURITY,
                        severity=3,
                        wall_clock_ns=time.time_ns(),
                        monotonic_ns=time.monotonic_ns(),
                        boot_id=boot_id,
                        bundle_version=1,
                        payload_commitment=commit(salt, body),
                        previous_hash=self.previous,
                    )
                )
                self.previous = link(header, self.previous)
                headers.append(header)
                payloads.append(Payload(salt, body))
            envelope = make_envelope(
                self.signer,
                school_id=self.school_id,
                device_id=self.device_id,
                epoch=1,
                first_seq=self.seq - events + 1,
                headers=headers,
                payloads=payloads,
            )
            self.ready.append((self.seq, AgentMessage(envelope=envelope).SerializeToString()))

    async def send(self, address: str, window: int) -> None:
        """Send what is ready, `window` envelopes ahead of the answers."""
        credentials = grpc.ssl_channel_credentials(self.ca_pem, self.key_pem, self.certificate_pem)
        options = [TARGET, ("grpc.use_local_subchannel_pool", 1)]
        async with grpc.aio.secure_channel(address, credentials, options=options) as channel:
            call: Any = channel.stream_stream(
                f"/{EVENTS_SERVICE}/{EVENTS_METHOD}", response_deserializer=CollectorMessage.FromString
            )()
            hello = Hello(min_protocol=PROTOCOL, max_protocol=PROTOCOL, epoch=1, bundle_version=1_000_000)
            await call.write(AgentMessage(hello=hello).SerializeToString())
            await call.read()
            sent: list[tuple[int, float]] = []
            for seq, message in self.ready:
                while len(sent) >= window:
                    self._take(await call.read(), sent)
                sent.append((seq, time.monotonic()))
                await call.write(message)
            while sent:
                self._take(await call.read(), sent)
            await call.done_writing()
        self.ready.clear()

    def _take(self, answer: CollectorMessage, sent: list[tuple[int, float]]) -> None:
        if answer.WhichOneof("message") != "ack":
            raise RuntimeError(f"refused: {answer}")
        now = time.monotonic()
        while sent and sent[0][0] <= answer.ack.last_seq:
            self.latencies_ms.append((now - sent.pop(0)[1]) * 1000)


def enrol(token_text: str) -> Device:
    """Enrol one simulated device for real."""
    token = decode_token(token_text)
    signer = Ed25519Signer.generate()
    key = ec.generate_private_key(ec.SECP256R1())
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
    request_der = request.public_bytes(serialization.Encoding.DER)
    ca_pem = x509.load_der_x509_certificate(token.ca_certificate).public_bytes(serialization.Encoding.PEM)
    proof = proof_bytes(
        school_id=token.school_id,
        token_secret_sha256=hashlib.sha256(token.secret).digest(),
        certificate_request=request_der,
        algorithm=signer.algorithm,
        public_key=signer.public_key,
    )
    with grpc.secure_channel(token.enrol_address, grpc.ssl_channel_credentials(ca_pem), options=[TARGET]) as channel:
        call = channel.unary_unary(
            f"/{ENROL_SERVICE}/{ENROL_METHOD}",
            request_serializer=EnrolRequest.SerializeToString,
            response_deserializer=EnrolReply.FromString,
        )
        reply = call(
            EnrolRequest(
                token_secret=token.secret,
                certificate_request=request_der,
                evidence_algorithm=signer.algorithm,
                evidence_public_key=signer.public_key,
                evidence_proof=signer.sign(proof),
            )
        )
    key_pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    certificate = x509.load_der_x509_certificate(reply.certificate).public_bytes(serialization.Encoding.PEM)
    return Device(reply.device_id, reply.school_id, signer, key_pem, certificate, ca_pem)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


async def _send_all(devices: list[Device], address: str, window: int) -> None:
    await asyncio.gather(*(device.send(address, window) for device in devices))


def main() -> None:
    """Enrol, then for each line on stdin: prepare, say so, wait for a go, send, answer."""
    order = json.loads(sys.stdin.readline())
    devices = [enrol(order["token"]) for _ in range(order["devices"])]
    for line in sys.stdin:
        run = json.loads(line)
        for device in devices:
            device.latencies_ms.clear()
            device.prepare(run["envelopes"], run["events"])
        _say("ready")
        sys.stdin.readline()
        started = time.monotonic()
        asyncio.run(_send_all(devices, order["address"], run["window"]))
        latencies = sorted(latency for device in devices for latency in device.latencies_ms)
        answer = {
            "events": run["envelopes"] * run["events"] * len(devices),
            "wall_s": time.monotonic() - started,
            "ack_p50_ms": latencies[len(latencies) // 2],
            "ack_p99_ms": latencies[int(len(latencies) * 0.99)],
        }
        _say(json.dumps(answer))


if __name__ == "__main__":
    main()
