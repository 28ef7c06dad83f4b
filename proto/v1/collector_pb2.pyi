from proto.v1 import events_pb2 as _events_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class TokenBody(_message.Message):
    __slots__ = ("enrol_address", "events_address", "school_id", "expires_at_ns", "secret", "ca_certificate", "safeguarding_root_fingerprint")
    ENROL_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    EVENTS_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    SCHOOL_ID_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_NS_FIELD_NUMBER: _ClassVar[int]
    SECRET_FIELD_NUMBER: _ClassVar[int]
    CA_CERTIFICATE_FIELD_NUMBER: _ClassVar[int]
    SAFEGUARDING_ROOT_FINGERPRINT_FIELD_NUMBER: _ClassVar[int]
    enrol_address: str
    events_address: str
    school_id: str
    expires_at_ns: int
    secret: bytes
    ca_certificate: bytes
    safeguarding_root_fingerprint: bytes
    def __init__(self, enrol_address: _Optional[str] = ..., events_address: _Optional[str] = ..., school_id: _Optional[str] = ..., expires_at_ns: _Optional[int] = ..., secret: _Optional[bytes] = ..., ca_certificate: _Optional[bytes] = ..., safeguarding_root_fingerprint: _Optional[bytes] = ...) -> None: ...

class DeviceFacts(_message.Message):
    __slots__ = ("hostname", "os", "os_version", "architecture", "agent_version", "manufacturer", "product", "serial")
    HOSTNAME_FIELD_NUMBER: _ClassVar[int]
    OS_FIELD_NUMBER: _ClassVar[int]
    OS_VERSION_FIELD_NUMBER: _ClassVar[int]
    ARCHITECTURE_FIELD_NUMBER: _ClassVar[int]
    AGENT_VERSION_FIELD_NUMBER: _ClassVar[int]
    MANUFACTURER_FIELD_NUMBER: _ClassVar[int]
    PRODUCT_FIELD_NUMBER: _ClassVar[int]
    SERIAL_FIELD_NUMBER: _ClassVar[int]
    hostname: str
    os: str
    os_version: str
    architecture: str
    agent_version: str
    manufacturer: str
    product: str
    serial: str
    def __init__(self, hostname: _Optional[str] = ..., os: _Optional[str] = ..., os_version: _Optional[str] = ..., architecture: _Optional[str] = ..., agent_version: _Optional[str] = ..., manufacturer: _Optional[str] = ..., product: _Optional[str] = ..., serial: _Optional[str] = ...) -> None: ...

class EnrolRequest(_message.Message):
    __slots__ = ("token_secret", "certificate_request", "evidence_algorithm", "evidence_public_key", "evidence_proof", "facts", "former_device_id", "former_proof")
    TOKEN_SECRET_FIELD_NUMBER: _ClassVar[int]
    CERTIFICATE_REQUEST_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_ALGORITHM_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_PUBLIC_KEY_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_PROOF_FIELD_NUMBER: _ClassVar[int]
    FACTS_FIELD_NUMBER: _ClassVar[int]
    FORMER_DEVICE_ID_FIELD_NUMBER: _ClassVar[int]
    FORMER_PROOF_FIELD_NUMBER: _ClassVar[int]
    token_secret: bytes
    certificate_request: bytes
    evidence_algorithm: str
    evidence_public_key: bytes
    evidence_proof: bytes
    facts: DeviceFacts
    former_device_id: str
    former_proof: bytes
    def __init__(self, token_secret: _Optional[bytes] = ..., certificate_request: _Optional[bytes] = ..., evidence_algorithm: _Optional[str] = ..., evidence_public_key: _Optional[bytes] = ..., evidence_proof: _Optional[bytes] = ..., facts: _Optional[_Union[DeviceFacts, _Mapping]] = ..., former_device_id: _Optional[str] = ..., former_proof: _Optional[bytes] = ...) -> None: ...

class EnrolReply(_message.Message):
    __slots__ = ("school_id", "school_name", "device_id", "certificate", "signing_algorithm", "signing_public_key", "server_time_ns", "bundle", "trust", "is_pending", "former_epoch", "former_seq", "former_head_hash")
    SCHOOL_ID_FIELD_NUMBER: _ClassVar[int]
    SCHOOL_NAME_FIELD_NUMBER: _ClassVar[int]
    DEVICE_ID_FIELD_NUMBER: _ClassVar[int]
    CERTIFICATE_FIELD_NUMBER: _ClassVar[int]
    SIGNING_ALGORITHM_FIELD_NUMBER: _ClassVar[int]
    SIGNING_PUBLIC_KEY_FIELD_NUMBER: _ClassVar[int]
    SERVER_TIME_NS_FIELD_NUMBER: _ClassVar[int]
    BUNDLE_FIELD_NUMBER: _ClassVar[int]
    TRUST_FIELD_NUMBER: _ClassVar[int]
    IS_PENDING_FIELD_NUMBER: _ClassVar[int]
    FORMER_EPOCH_FIELD_NUMBER: _ClassVar[int]
    FORMER_SEQ_FIELD_NUMBER: _ClassVar[int]
    FORMER_HEAD_HASH_FIELD_NUMBER: _ClassVar[int]
    school_id: str
    school_name: str
    device_id: str
    certificate: bytes
    signing_algorithm: str
    signing_public_key: bytes
    server_time_ns: int
    bundle: Bundle
    trust: SignedTrust
    is_pending: bool
    former_epoch: int
    former_seq: int
    former_head_hash: bytes
    def __init__(self, school_id: _Optional[str] = ..., school_name: _Optional[str] = ..., device_id: _Optional[str] = ..., certificate: _Optional[bytes] = ..., signing_algorithm: _Optional[str] = ..., signing_public_key: _Optional[bytes] = ..., server_time_ns: _Optional[int] = ..., bundle: _Optional[_Union[Bundle, _Mapping]] = ..., trust: _Optional[_Union[SignedTrust, _Mapping]] = ..., is_pending: _Optional[bool] = ..., former_epoch: _Optional[int] = ..., former_seq: _Optional[int] = ..., former_head_hash: _Optional[bytes] = ...) -> None: ...

class RenewRequest(_message.Message):
    __slots__ = ("device_id", "certificate_request", "evidence_proof", "certificate_sha256")
    DEVICE_ID_FIELD_NUMBER: _ClassVar[int]
    CERTIFICATE_REQUEST_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_PROOF_FIELD_NUMBER: _ClassVar[int]
    CERTIFICATE_SHA256_FIELD_NUMBER: _ClassVar[int]
    device_id: str
    certificate_request: bytes
    evidence_proof: bytes
    certificate_sha256: bytes
    def __init__(self, device_id: _Optional[str] = ..., certificate_request: _Optional[bytes] = ..., evidence_proof: _Optional[bytes] = ..., certificate_sha256: _Optional[bytes] = ...) -> None: ...

class RenewReply(_message.Message):
    __slots__ = ("certificate", "server_time_ns", "trust")
    CERTIFICATE_FIELD_NUMBER: _ClassVar[int]
    SERVER_TIME_NS_FIELD_NUMBER: _ClassVar[int]
    TRUST_FIELD_NUMBER: _ClassVar[int]
    certificate: bytes
    server_time_ns: int
    trust: SignedTrust
    def __init__(self, certificate: _Optional[bytes] = ..., server_time_ns: _Optional[int] = ..., trust: _Optional[_Union[SignedTrust, _Mapping]] = ...) -> None: ...

class RekeyRequest(_message.Message):
    __slots__ = ("former_device_id", "reason", "certificate_request", "evidence_algorithm", "evidence_public_key", "evidence_proof", "former_proof", "facts")
    FORMER_DEVICE_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    CERTIFICATE_REQUEST_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_ALGORITHM_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_PUBLIC_KEY_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_PROOF_FIELD_NUMBER: _ClassVar[int]
    FORMER_PROOF_FIELD_NUMBER: _ClassVar[int]
    FACTS_FIELD_NUMBER: _ClassVar[int]
    former_device_id: str
    reason: str
    certificate_request: bytes
    evidence_algorithm: str
    evidence_public_key: bytes
    evidence_proof: bytes
    former_proof: bytes
    facts: DeviceFacts
    def __init__(self, former_device_id: _Optional[str] = ..., reason: _Optional[str] = ..., certificate_request: _Optional[bytes] = ..., evidence_algorithm: _Optional[str] = ..., evidence_public_key: _Optional[bytes] = ..., evidence_proof: _Optional[bytes] = ..., former_proof: _Optional[bytes] = ..., facts: _Optional[_Union[DeviceFacts, _Mapping]] = ...) -> None: ...

class TrustBody(_message.Message):
    __slots__ = ("version", "school_id", "ca_certificates", "enrol_address", "events_address", "made_at_ns")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    SCHOOL_ID_FIELD_NUMBER: _ClassVar[int]
    CA_CERTIFICATES_FIELD_NUMBER: _ClassVar[int]
    ENROL_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    EVENTS_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    MADE_AT_NS_FIELD_NUMBER: _ClassVar[int]
    version: int
    school_id: str
    ca_certificates: _containers.RepeatedScalarFieldContainer[bytes]
    enrol_address: str
    events_address: str
    made_at_ns: int
    def __init__(self, version: _Optional[int] = ..., school_id: _Optional[str] = ..., ca_certificates: _Optional[_Iterable[bytes]] = ..., enrol_address: _Optional[str] = ..., events_address: _Optional[str] = ..., made_at_ns: _Optional[int] = ...) -> None: ...

class SignedTrust(_message.Message):
    __slots__ = ("body", "algorithm", "signature")
    BODY_FIELD_NUMBER: _ClassVar[int]
    ALGORITHM_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    body: bytes
    algorithm: str
    signature: bytes
    def __init__(self, body: _Optional[bytes] = ..., algorithm: _Optional[str] = ..., signature: _Optional[bytes] = ...) -> None: ...

class Bundle(_message.Message):
    __slots__ = ("version", "body", "algorithm", "signature")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    ALGORITHM_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    version: int
    body: bytes
    algorithm: str
    signature: bytes
    def __init__(self, version: _Optional[int] = ..., body: _Optional[bytes] = ..., algorithm: _Optional[str] = ..., signature: _Optional[bytes] = ...) -> None: ...

class SignedRecipients(_message.Message):
    __slots__ = ("body", "root_public_key", "signature", "former_root_public_key", "former_signature")
    BODY_FIELD_NUMBER: _ClassVar[int]
    ROOT_PUBLIC_KEY_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    FORMER_ROOT_PUBLIC_KEY_FIELD_NUMBER: _ClassVar[int]
    FORMER_SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    body: bytes
    root_public_key: bytes
    signature: bytes
    former_root_public_key: bytes
    former_signature: bytes
    def __init__(self, body: _Optional[bytes] = ..., root_public_key: _Optional[bytes] = ..., signature: _Optional[bytes] = ..., former_root_public_key: _Optional[bytes] = ..., former_signature: _Optional[bytes] = ...) -> None: ...

class Safeguarding(_message.Message):
    __slots__ = ("recipients", "subject_key", "absent")
    RECIPIENTS_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_KEY_FIELD_NUMBER: _ClassVar[int]
    ABSENT_FIELD_NUMBER: _ClassVar[int]
    recipients: SignedRecipients
    subject_key: bytes
    absent: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, recipients: _Optional[_Union[SignedRecipients, _Mapping]] = ..., subject_key: _Optional[bytes] = ..., absent: _Optional[_Iterable[str]] = ...) -> None: ...

class DrillOrder(_message.Message):
    __slots__ = ("device_id", "nonce", "expires_at_ns", "algorithm", "signature")
    DEVICE_ID_FIELD_NUMBER: _ClassVar[int]
    NONCE_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_NS_FIELD_NUMBER: _ClassVar[int]
    ALGORITHM_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    device_id: str
    nonce: bytes
    expires_at_ns: int
    algorithm: str
    signature: bytes
    def __init__(self, device_id: _Optional[str] = ..., nonce: _Optional[bytes] = ..., expires_at_ns: _Optional[int] = ..., algorithm: _Optional[str] = ..., signature: _Optional[bytes] = ...) -> None: ...

class Hello(_message.Message):
    __slots__ = ("min_protocol", "max_protocol", "agent_version", "epoch", "bundle_version", "wall_clock_ns", "head_seq", "head_hash", "trust_version", "boot_id")
    MIN_PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    MAX_PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    AGENT_VERSION_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    BUNDLE_VERSION_FIELD_NUMBER: _ClassVar[int]
    WALL_CLOCK_NS_FIELD_NUMBER: _ClassVar[int]
    HEAD_SEQ_FIELD_NUMBER: _ClassVar[int]
    HEAD_HASH_FIELD_NUMBER: _ClassVar[int]
    TRUST_VERSION_FIELD_NUMBER: _ClassVar[int]
    BOOT_ID_FIELD_NUMBER: _ClassVar[int]
    min_protocol: int
    max_protocol: int
    agent_version: str
    epoch: int
    bundle_version: int
    wall_clock_ns: int
    head_seq: int
    head_hash: bytes
    trust_version: int
    boot_id: bytes
    def __init__(self, min_protocol: _Optional[int] = ..., max_protocol: _Optional[int] = ..., agent_version: _Optional[str] = ..., epoch: _Optional[int] = ..., bundle_version: _Optional[int] = ..., wall_clock_ns: _Optional[int] = ..., head_seq: _Optional[int] = ..., head_hash: _Optional[bytes] = ..., trust_version: _Optional[int] = ..., boot_id: _Optional[bytes] = ...) -> None: ...

class Welcome(_message.Message):
    __slots__ = ("protocol", "server_time_ns", "head_epoch", "head_seq", "head_hash", "max_envelope_bytes", "max_envelope_events", "account_key", "is_reset_often", "max_events_per_s")
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    SERVER_TIME_NS_FIELD_NUMBER: _ClassVar[int]
    HEAD_EPOCH_FIELD_NUMBER: _ClassVar[int]
    HEAD_SEQ_FIELD_NUMBER: _ClassVar[int]
    HEAD_HASH_FIELD_NUMBER: _ClassVar[int]
    MAX_ENVELOPE_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_ENVELOPE_EVENTS_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_KEY_FIELD_NUMBER: _ClassVar[int]
    IS_RESET_OFTEN_FIELD_NUMBER: _ClassVar[int]
    MAX_EVENTS_PER_S_FIELD_NUMBER: _ClassVar[int]
    protocol: int
    server_time_ns: int
    head_epoch: int
    head_seq: int
    head_hash: bytes
    max_envelope_bytes: int
    max_envelope_events: int
    account_key: bytes
    is_reset_often: bool
    max_events_per_s: int
    def __init__(self, protocol: _Optional[int] = ..., server_time_ns: _Optional[int] = ..., head_epoch: _Optional[int] = ..., head_seq: _Optional[int] = ..., head_hash: _Optional[bytes] = ..., max_envelope_bytes: _Optional[int] = ..., max_envelope_events: _Optional[int] = ..., account_key: _Optional[bytes] = ..., is_reset_often: _Optional[bool] = ..., max_events_per_s: _Optional[int] = ...) -> None: ...

class Envelope(_message.Message):
    __slots__ = ("version", "school_id", "device_id", "epoch", "first_seq", "last_seq", "header_block", "algorithm", "signature", "payloads")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    SCHOOL_ID_FIELD_NUMBER: _ClassVar[int]
    DEVICE_ID_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    FIRST_SEQ_FIELD_NUMBER: _ClassVar[int]
    LAST_SEQ_FIELD_NUMBER: _ClassVar[int]
    HEADER_BLOCK_FIELD_NUMBER: _ClassVar[int]
    ALGORITHM_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    PAYLOADS_FIELD_NUMBER: _ClassVar[int]
    version: int
    school_id: str
    device_id: str
    epoch: int
    first_seq: int
    last_seq: int
    header_block: bytes
    algorithm: str
    signature: bytes
    payloads: _containers.RepeatedCompositeFieldContainer[_events_pb2.Payload]
    def __init__(self, version: _Optional[int] = ..., school_id: _Optional[str] = ..., device_id: _Optional[str] = ..., epoch: _Optional[int] = ..., first_seq: _Optional[int] = ..., last_seq: _Optional[int] = ..., header_block: _Optional[bytes] = ..., algorithm: _Optional[str] = ..., signature: _Optional[bytes] = ..., payloads: _Optional[_Iterable[_Union[_events_pb2.Payload, _Mapping]]] = ...) -> None: ...

class Ack(_message.Message):
    __slots__ = ("epoch", "last_seq", "server_time_ns")
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    LAST_SEQ_FIELD_NUMBER: _ClassVar[int]
    SERVER_TIME_NS_FIELD_NUMBER: _ClassVar[int]
    epoch: int
    last_seq: int
    server_time_ns: int
    def __init__(self, epoch: _Optional[int] = ..., last_seq: _Optional[int] = ..., server_time_ns: _Optional[int] = ...) -> None: ...

class Refusal(_message.Message):
    __slots__ = ("reason", "detail", "epoch", "first_seq", "last_seq", "expected_seq")
    class Reason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        REASON_UNSPECIFIED: _ClassVar[Refusal.Reason]
        REASON_MALFORMED: _ClassVar[Refusal.Reason]
        REASON_WRONG_DEVICE: _ClassVar[Refusal.Reason]
        REASON_BAD_SIGNATURE: _ClassVar[Refusal.Reason]
        REASON_BAD_CHAIN: _ClassVar[Refusal.Reason]
        REASON_OUT_OF_ORDER: _ClassVar[Refusal.Reason]
        REASON_FORKED: _ClassVar[Refusal.Reason]
        REASON_TOO_LARGE: _ClassVar[Refusal.Reason]
        REASON_BUSY: _ClassVar[Refusal.Reason]
    REASON_UNSPECIFIED: Refusal.Reason
    REASON_MALFORMED: Refusal.Reason
    REASON_WRONG_DEVICE: Refusal.Reason
    REASON_BAD_SIGNATURE: Refusal.Reason
    REASON_BAD_CHAIN: Refusal.Reason
    REASON_OUT_OF_ORDER: Refusal.Reason
    REASON_FORKED: Refusal.Reason
    REASON_TOO_LARGE: Refusal.Reason
    REASON_BUSY: Refusal.Reason
    REASON_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    FIRST_SEQ_FIELD_NUMBER: _ClassVar[int]
    LAST_SEQ_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_SEQ_FIELD_NUMBER: _ClassVar[int]
    reason: Refusal.Reason
    detail: str
    epoch: int
    first_seq: int
    last_seq: int
    expected_seq: int
    def __init__(self, reason: _Optional[_Union[Refusal.Reason, str]] = ..., detail: _Optional[str] = ..., epoch: _Optional[int] = ..., first_seq: _Optional[int] = ..., last_seq: _Optional[int] = ..., expected_seq: _Optional[int] = ...) -> None: ...

class AgentMessage(_message.Message):
    __slots__ = ("hello", "envelope")
    HELLO_FIELD_NUMBER: _ClassVar[int]
    ENVELOPE_FIELD_NUMBER: _ClassVar[int]
    hello: Hello
    envelope: Envelope
    def __init__(self, hello: _Optional[_Union[Hello, _Mapping]] = ..., envelope: _Optional[_Union[Envelope, _Mapping]] = ...) -> None: ...

class CollectorMessage(_message.Message):
    __slots__ = ("welcome", "ack", "refusal", "bundle", "safeguarding", "drill", "trust")
    WELCOME_FIELD_NUMBER: _ClassVar[int]
    ACK_FIELD_NUMBER: _ClassVar[int]
    REFUSAL_FIELD_NUMBER: _ClassVar[int]
    BUNDLE_FIELD_NUMBER: _ClassVar[int]
    SAFEGUARDING_FIELD_NUMBER: _ClassVar[int]
    DRILL_FIELD_NUMBER: _ClassVar[int]
    TRUST_FIELD_NUMBER: _ClassVar[int]
    welcome: Welcome
    ack: Ack
    refusal: Refusal
    bundle: Bundle
    safeguarding: Safeguarding
    drill: DrillOrder
    trust: SignedTrust
    def __init__(self, welcome: _Optional[_Union[Welcome, _Mapping]] = ..., ack: _Optional[_Union[Ack, _Mapping]] = ..., refusal: _Optional[_Union[Refusal, _Mapping]] = ..., bundle: _Optional[_Union[Bundle, _Mapping]] = ..., safeguarding: _Optional[_Union[Safeguarding, _Mapping]] = ..., drill: _Optional[_Union[DrillOrder, _Mapping]] = ..., trust: _Optional[_Union[SignedTrust, _Mapping]] = ...) -> None: ...
