from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Audience(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    AUDIENCE_UNSPECIFIED: _ClassVar[Audience]
    AUDIENCE_SECURITY: _ClassVar[Audience]
    AUDIENCE_SAFEGUARDING: _ClassVar[Audience]
    AUDIENCE_STAFF_CONDUCT: _ClassVar[Audience]

class Tier(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TIER_UNSPECIFIED: _ClassVar[Tier]
    TIER_COUNT: _ClassVar[Tier]
    TIER_REVIEW: _ClassVar[Tier]
    TIER_ALERT: _ClassVar[Tier]
    TIER_CALL: _ClassVar[Tier]
AUDIENCE_UNSPECIFIED: Audience
AUDIENCE_SECURITY: Audience
AUDIENCE_SAFEGUARDING: Audience
AUDIENCE_STAFF_CONDUCT: Audience
TIER_UNSPECIFIED: Tier
TIER_COUNT: Tier
TIER_REVIEW: Tier
TIER_ALERT: Tier
TIER_CALL: Tier

class Header(_message.Message):
    __slots__ = ("school_id", "device_id", "epoch", "seq", "kind", "schema_version", "audience", "severity", "tier", "route", "drill", "wall_clock_ns", "monotonic_ns", "boot_id", "bundle_version", "payload_commitment", "previous_hash")
    SCHOOL_ID_FIELD_NUMBER: _ClassVar[int]
    DEVICE_ID_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    SCHEMA_VERSION_FIELD_NUMBER: _ClassVar[int]
    AUDIENCE_FIELD_NUMBER: _ClassVar[int]
    SEVERITY_FIELD_NUMBER: _ClassVar[int]
    TIER_FIELD_NUMBER: _ClassVar[int]
    ROUTE_FIELD_NUMBER: _ClassVar[int]
    DRILL_FIELD_NUMBER: _ClassVar[int]
    WALL_CLOCK_NS_FIELD_NUMBER: _ClassVar[int]
    MONOTONIC_NS_FIELD_NUMBER: _ClassVar[int]
    BOOT_ID_FIELD_NUMBER: _ClassVar[int]
    BUNDLE_VERSION_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_COMMITMENT_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_HASH_FIELD_NUMBER: _ClassVar[int]
    school_id: str
    device_id: str
    epoch: int
    seq: int
    kind: str
    schema_version: int
    audience: Audience
    severity: int
    tier: Tier
    route: str
    drill: bool
    wall_clock_ns: int
    monotonic_ns: int
    boot_id: bytes
    bundle_version: int
    payload_commitment: bytes
    previous_hash: bytes
    def __init__(self, school_id: _Optional[str] = ..., device_id: _Optional[str] = ..., epoch: _Optional[int] = ..., seq: _Optional[int] = ..., kind: _Optional[str] = ..., schema_version: _Optional[int] = ..., audience: _Optional[_Union[Audience, str]] = ..., severity: _Optional[int] = ..., tier: _Optional[_Union[Tier, str]] = ..., route: _Optional[str] = ..., drill: _Optional[bool] = ..., wall_clock_ns: _Optional[int] = ..., monotonic_ns: _Optional[int] = ..., boot_id: _Optional[bytes] = ..., bundle_version: _Optional[int] = ..., payload_commitment: _Optional[bytes] = ..., previous_hash: _Optional[bytes] = ...) -> None: ...

class HeaderBlock(_message.Message):
    __slots__ = ("headers",)
    HEADERS_FIELD_NUMBER: _ClassVar[int]
    headers: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, headers: _Optional[_Iterable[bytes]] = ...) -> None: ...

class Payload(_message.Message):
    __slots__ = ("salt", "body", "missing")
    class Missing(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        MISSING_UNSPECIFIED: _ClassVar[Payload.Missing]
        MISSING_QUEUE_FULL: _ClassVar[Payload.Missing]
        MISSING_DAMAGED: _ClassVar[Payload.Missing]
        MISSING_TOO_LARGE: _ClassVar[Payload.Missing]
    MISSING_UNSPECIFIED: Payload.Missing
    MISSING_QUEUE_FULL: Payload.Missing
    MISSING_DAMAGED: Payload.Missing
    MISSING_TOO_LARGE: Payload.Missing
    SALT_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    MISSING_FIELD_NUMBER: _ClassVar[int]
    salt: bytes
    body: bytes
    missing: Payload.Missing
    def __init__(self, salt: _Optional[bytes] = ..., body: _Optional[bytes] = ..., missing: _Optional[_Union[Payload.Missing, str]] = ...) -> None: ...

class Program(_message.Message):
    __slots__ = ("name", "path", "sha256", "source", "version")
    NAME_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    name: str
    path: str
    sha256: str
    source: str
    version: str
    def __init__(self, name: _Optional[str] = ..., path: _Optional[str] = ..., sha256: _Optional[str] = ..., source: _Optional[str] = ..., version: _Optional[str] = ...) -> None: ...

class AgentStarted(_message.Message):
    __slots__ = ("agent_version", "hostname", "os", "os_version", "architecture", "checks", "not_watched")
    AGENT_VERSION_FIELD_NUMBER: _ClassVar[int]
    HOSTNAME_FIELD_NUMBER: _ClassVar[int]
    OS_FIELD_NUMBER: _ClassVar[int]
    OS_VERSION_FIELD_NUMBER: _ClassVar[int]
    ARCHITECTURE_FIELD_NUMBER: _ClassVar[int]
    CHECKS_FIELD_NUMBER: _ClassVar[int]
    NOT_WATCHED_FIELD_NUMBER: _ClassVar[int]
    agent_version: str
    hostname: str
    os: str
    os_version: str
    architecture: str
    checks: _containers.RepeatedScalarFieldContainer[str]
    not_watched: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, agent_version: _Optional[str] = ..., hostname: _Optional[str] = ..., os: _Optional[str] = ..., os_version: _Optional[str] = ..., architecture: _Optional[str] = ..., checks: _Optional[_Iterable[str]] = ..., not_watched: _Optional[_Iterable[str]] = ...) -> None: ...

class AgentStopped(_message.Message):
    __slots__ = ("reason",)
    REASON_FIELD_NUMBER: _ClassVar[int]
    reason: str
    def __init__(self, reason: _Optional[str] = ...) -> None: ...

class AgentThrottled(_message.Message):
    __slots__ = ("level", "cpu_percent", "memory_mb")
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    CPU_PERCENT_FIELD_NUMBER: _ClassVar[int]
    MEMORY_MB_FIELD_NUMBER: _ClassVar[int]
    level: str
    cpu_percent: float
    memory_mb: float
    def __init__(self, level: _Optional[str] = ..., cpu_percent: _Optional[float] = ..., memory_mb: _Optional[float] = ...) -> None: ...

class ChainRestarted(_message.Message):
    __slots__ = ("reason", "previous_epoch")
    REASON_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_EPOCH_FIELD_NUMBER: _ClassVar[int]
    reason: str
    previous_epoch: int
    def __init__(self, reason: _Optional[str] = ..., previous_epoch: _Optional[int] = ...) -> None: ...

class CheckChanged(_message.Message):
    __slots__ = ("check", "state", "summary", "facts", "first_failed_at_ns")
    class FactsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    CHECK_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    FACTS_FIELD_NUMBER: _ClassVar[int]
    FIRST_FAILED_AT_NS_FIELD_NUMBER: _ClassVar[int]
    check: str
    state: str
    summary: str
    facts: _containers.ScalarMap[str, str]
    first_failed_at_ns: int
    def __init__(self, check: _Optional[str] = ..., state: _Optional[str] = ..., summary: _Optional[str] = ..., facts: _Optional[_Mapping[str, str]] = ..., first_failed_at_ns: _Optional[int] = ...) -> None: ...

class CheckCrashed(_message.Message):
    __slots__ = ("check", "error")
    CHECK_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    check: str
    error: str
    def __init__(self, check: _Optional[str] = ..., error: _Optional[str] = ...) -> None: ...

class EventsDropped(_message.Message):
    __slots__ = ("dropped_kind", "reason", "count")
    DROPPED_KIND_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    dropped_kind: str
    reason: str
    count: int
    def __init__(self, dropped_kind: _Optional[str] = ..., reason: _Optional[str] = ..., count: _Optional[int] = ...) -> None: ...

class FlagRaised(_message.Message):
    __slots__ = ("sealed", "subject_ref", "recipients_version", "drill_nonce")
    SEALED_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_REF_FIELD_NUMBER: _ClassVar[int]
    RECIPIENTS_VERSION_FIELD_NUMBER: _ClassVar[int]
    DRILL_NONCE_FIELD_NUMBER: _ClassVar[int]
    sealed: bytes
    subject_ref: bytes
    recipients_version: int
    drill_nonce: bytes
    def __init__(self, sealed: _Optional[bytes] = ..., subject_ref: _Optional[bytes] = ..., recipients_version: _Optional[int] = ..., drill_nonce: _Optional[bytes] = ...) -> None: ...

class NoticeAccepted(_message.Message):
    __slots__ = ("subject_ref", "notice_version")
    SUBJECT_REF_FIELD_NUMBER: _ClassVar[int]
    NOTICE_VERSION_FIELD_NUMBER: _ClassVar[int]
    subject_ref: bytes
    notice_version: str
    def __init__(self, subject_ref: _Optional[bytes] = ..., notice_version: _Optional[str] = ...) -> None: ...

class PolicyApplied(_message.Message):
    __slots__ = ("bundle_version", "bundle_sha256")
    BUNDLE_VERSION_FIELD_NUMBER: _ClassVar[int]
    BUNDLE_SHA256_FIELD_NUMBER: _ClassVar[int]
    bundle_version: int
    bundle_sha256: str
    def __init__(self, bundle_version: _Optional[int] = ..., bundle_sha256: _Optional[str] = ...) -> None: ...

class PolicyRefused(_message.Message):
    __slots__ = ("bundle_version", "reason")
    BUNDLE_VERSION_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    bundle_version: int
    reason: str
    def __init__(self, bundle_version: _Optional[int] = ..., reason: _Optional[str] = ...) -> None: ...

class ProgramFound(_message.Message):
    __slots__ = ("program",)
    PROGRAM_FIELD_NUMBER: _ClassVar[int]
    program: Program
    def __init__(self, program: _Optional[_Union[Program, _Mapping]] = ...) -> None: ...

class ProgramInstalled(_message.Message):
    __slots__ = ("program",)
    PROGRAM_FIELD_NUMBER: _ClassVar[int]
    program: Program
    def __init__(self, program: _Optional[_Union[Program, _Mapping]] = ...) -> None: ...

class ProgramStarted(_message.Message):
    __slots__ = ("program", "already_running")
    PROGRAM_FIELD_NUMBER: _ClassVar[int]
    ALREADY_RUNNING_FIELD_NUMBER: _ClassVar[int]
    program: Program
    already_running: bool
    def __init__(self, program: _Optional[_Union[Program, _Mapping]] = ..., already_running: _Optional[bool] = ...) -> None: ...

class RecipientsApplied(_message.Message):
    __slots__ = ("recipients_version", "recipients_sha256", "root_fingerprint")
    RECIPIENTS_VERSION_FIELD_NUMBER: _ClassVar[int]
    RECIPIENTS_SHA256_FIELD_NUMBER: _ClassVar[int]
    ROOT_FINGERPRINT_FIELD_NUMBER: _ClassVar[int]
    recipients_version: int
    recipients_sha256: str
    root_fingerprint: str
    def __init__(self, recipients_version: _Optional[int] = ..., recipients_sha256: _Optional[str] = ..., root_fingerprint: _Optional[str] = ...) -> None: ...

class RecipientsRefused(_message.Message):
    __slots__ = ("recipients_version", "reason")
    RECIPIENTS_VERSION_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    recipients_version: int
    reason: str
    def __init__(self, recipients_version: _Optional[int] = ..., reason: _Optional[str] = ...) -> None: ...

class SoftwareListed(_message.Message):
    __slots__ = ("programs", "first")
    PROGRAMS_FIELD_NUMBER: _ClassVar[int]
    FIRST_FIELD_NUMBER: _ClassVar[int]
    programs: _containers.RepeatedCompositeFieldContainer[Program]
    first: bool
    def __init__(self, programs: _Optional[_Iterable[_Union[Program, _Mapping]]] = ..., first: _Optional[bool] = ...) -> None: ...
