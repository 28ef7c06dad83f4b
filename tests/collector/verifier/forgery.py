# SPDX-License-Identifier: Apache-2.0
"""A file of evidence taken apart, changed, and put together again by somebody who may hold all the keys he likes.

forged = Forgery.of(data)
forged.files["case.json"]["word"]["count"] = 1
forged.sign(collector_key)          manifest and hashes made anew, so that only the change itself can show
verify(forged.to_zip())
"""

import hashlib
import io
import json
import zipfile
from dataclasses import dataclass
from typing import Any

from collector.checkpoints import DOMAIN as CHECKPOINT_DOMAIN
from collector.checkpoints import hash_heads
from collector.evidence.archive import to_json, to_zip
from collector.evidence.dossier import DOMAIN
from proto.chain import GENESIS, link
from proto.enrolment import proof_bytes
from proto.envelope import signed_bytes
from proto.keys import Ed25519Signer
from proto.wire import HeaderView, decode_header, decode_header_block, encode_header_block


@dataclass
class Forgery:
    """The parts of a file, by name; what was JSON is its value."""

    files: dict[str, Any]

    @classmethod
    def of(cls, data: bytes) -> "Forgery":
        """Take a file apart."""
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            files = {name: archive.read(name) for name in archive.namelist()}
        return cls({name: json.loads(raw) if name.endswith(".json") else raw for name, raw in files.items()})

    @property
    def device_id(self) -> str:
        """The first device of the case."""
        return str(self.files["case.json"]["events"][0][0])

    @property
    def envelopes(self) -> list[Any]:
        """What the first device signed."""
        found: list[Any] = self.files[f"devices/{self.device_id}/envelopes-0001.json"]
        return found

    @property
    def contents(self) -> list[Any]:
        """The contents of the first device."""
        found: list[Any] = self.files[f"devices/{self.device_id}/contents-0001.json"]
        return found

    @property
    def checkpoints(self) -> list[Any]:
        """The checkpoints."""
        found: list[Any] = self.files["checkpoints-0001.json"]
        return found

    def sign(self, signer: Ed25519Signer) -> "Forgery":
        """Make the manifest anew."""
        raw = {name: self._to_bytes(name) for name in self.files if not name.startswith("manifest.")}
        self.files["manifest.json"] |= {
            "files": {name: hashlib.sha256(content).hexdigest() for name, content in raw.items()},
            "signing_public_key": signer.public_key.hex(),
        }
        self.files["manifest.sig"] = signer.sign(DOMAIN + self._to_bytes("manifest.json"))
        return self

    def to_zip(self) -> bytes:
        """Put it together."""
        return to_zip({name: self._to_bytes(name) for name in self.files})

    def tell_anew(self, collector: Ed25519Signer, device: Ed25519Signer, kind: str = "") -> "Forgery":
        """Make every hash and signature anew; with a kind, as if the first device had said only that from the start."""
        (key,) = [each for each in self.files["keys.json"] if each["device_id"] == self.device_id]
        school_id = self.files["manifest.json"]["school_id"]
        proven = proof_bytes(
            school_id=school_id,
            token_secret_sha256=bytes.fromhex(key["token_sha256"]),
            certificate_request=bytes.fromhex(key["certificate_request"]),
            algorithm=key["algorithm"],
            public_key=device.public_key,
        )
        key |= {"public_key": device.public_key.hex(), "proof": device.sign(proven).hex()}
        previous, hashes = self._find_begin() if not kind else GENESIS, {}
        for envelope in self.envelopes:
            headers = []
            for raw in decode_header_block(bytes.fromhex(envelope["header_block"])):
                header = decode_header(raw)
                changed = self._change(header, previous, kind)
                headers.append(changed)
                previous = link(changed, previous)
                hashes[header.epoch, header.seq] = previous.hex()
            block = encode_header_block(headers)
            numbers = (envelope["epoch"], envelope["first_seq"], envelope["last_seq"])
            missing = bytes.fromhex(envelope["missing"])
            covered = signed_bytes(envelope["version"], school_id, self.device_id, *numbers, block, missing)
            envelope |= {"header_block": block.hex(), "signature": device.sign(covered).hex()}
        self._checkpoint_anew(collector, hashes)
        return self.sign(collector)

    def steal_collector(self, collector: Ed25519Signer) -> "Forgery":
        """Make anew what the collector's key signs, with another, and change nothing: not what checkpoints say."""
        self._checkpoint_anew(collector, {}, tells=False)
        return self.sign(collector)

    def drop_keys(self, collector: Ed25519Signer) -> str:
        """Let the checkpoints name no keys, as if they were older; return the hash of the newest."""
        for each in self.checkpoints:
            if "heads" in each:
                heads = [head[:4] for head in json.loads(each["heads"]) if head[0] != "collector"]
                each["heads"] = json.dumps(heads)
        newest = self._checkpoint_anew(collector, {})
        self.sign(collector)
        return newest

    def _change(self, header: HeaderView, previous: bytes, kind: str) -> bytes:
        header.kind, header.previous_hash = kind or header.kind, previous
        return bytes(header.SerializeToString(deterministic=True))

    def _find_begin(self) -> bytes:
        (raw, *_) = decode_header_block(bytes.fromhex(self.envelopes[0]["header_block"]))
        return decode_header(raw).previous_hash

    def _checkpoint_anew(
        self, collector: Ed25519Signer, hashes: dict[tuple[int, int], str], *, tells: bool = True
    ) -> str:
        previous = ""
        for each in self.checkpoints:
            if tells and "heads" in each:
                each["heads"] = self._tell_heads(each["heads"], collector, hashes)
            each["previous_hash"] = previous or each["previous_hash"]
            school_id = self.files["manifest.json"]["school_id"]
            heads_hash = hash_heads(each["heads"]) if "heads" in each else each["heads_sha256"]
            fields = [school_id, each["number"], each["made_at_ns"], heads_hash, each["previous_hash"]]
            digest = hashlib.sha256(CHECKPOINT_DOMAIN + json.dumps(fields, separators=(",", ":")).encode()).digest()
            each["signature"], previous = collector.sign(digest).hex(), digest.hex()
        return previous

    def _tell_heads(self, text: str, collector: Ed25519Signer, hashes: dict[tuple[int, int], str]) -> str:
        heads = json.loads(text)
        for head in heads:
            if head[0] == self.device_id:
                head[3] = hashes.get((head[1], head[2]), head[3])
                # Whose key it was, where a checkpoint says that as well.
                head[4:] = [hashlib.sha256(self._key_of(head[0])).hexdigest()] if head[4:] else []
            if head[0] == "collector":
                head[3] = hashlib.sha256(collector.public_key).hexdigest()
        return json.dumps(heads, separators=(",", ":"))

    def _key_of(self, device_id: str) -> bytes:
        (key,) = [each["public_key"] for each in self.files["keys.json"] if each["device_id"] == device_id]
        return bytes.fromhex(key)

    def _to_bytes(self, name: str) -> bytes:
        value = self.files[name]
        return value if isinstance(value, bytes) else to_json(value)
