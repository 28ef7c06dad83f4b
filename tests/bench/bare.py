# SPDX-License-Identifier: Apache-2.0
"""The least that a ledger must do, as a yardstick: verify one signature, chain the headers, keep the envelope durably.

No network, no contents checked, no rules, no index. What the collector costs more than this is what it does more.
"""

import hashlib
import secrets
import sqlite3
import tempfile
import time
from pathlib import Path

from nacl.bindings import crypto_sign_open

from proto.envelope import signed_bytes
from proto.keys import Ed25519Signer
from proto.wire import AgentMessage, decode_header_block
from tests.bench.load import Device
from tests.bench.measure import Spread, spread

ENVELOPES_A_COMMIT = 40
COMMITS = 2


def run(events: int, runs: int) -> Spread:
    """Return microseconds of processor time for one event at this many an envelope."""
    signer = Ed25519Signer.generate()
    device = Device(secrets.token_hex(8), secrets.token_hex(8), signer, b"", b"", b"")
    device.prepare(ENVELOPES_A_COMMIT * COMMITS, events)
    messages = [message for _, message in device.ready]
    return spread([_run_once(messages, signer.public_key, events) for _ in range(runs)], 2)


def _run_once(messages: list[bytes], public_key: bytes, events: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        database = sqlite3.connect(Path(folder) / "bare.db", isolation_level=None)
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        database.execute("CREATE TABLE envelopes (id INTEGER PRIMARY KEY, envelope BLOB)")
        previous = bytes(32)
        started = time.process_time()
        for first in range(0, len(messages), ENVELOPES_A_COMMIT):
            rows = []
            for message in messages[first : first + ENVELOPES_A_COMMIT]:
                envelope = AgentMessage.FromString(message).envelope
                signed = signed_bytes(
                    envelope.version,
                    envelope.school_id,
                    envelope.device_id,
                    envelope.epoch,
                    envelope.first_seq,
                    envelope.last_seq,
                    envelope.header_block,
                )
                crypto_sign_open(envelope.signature + signed, public_key)
                for header in decode_header_block(envelope.header_block):
                    previous = hashlib.sha256(header + previous).digest()
                rows.append((message,))
            database.execute("BEGIN")
            database.executemany("INSERT INTO envelopes (envelope) VALUES (?)", rows)
            database.execute("COMMIT")
        cpu_s = time.process_time() - started
        database.close()
    return cpu_s / (len(messages) * events) * 1e6
