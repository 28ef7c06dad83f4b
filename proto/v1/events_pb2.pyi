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
        MISSING_ERASED: _ClassVar[Payload.Missing]
    MISSING_UNSPECIFIED: Payload.Missing
    MISSING_QUEUE_FULL: Payload.Missing
    MISSING_DAMAGED: Payload.Missing
    MISSING_TOO_LARGE: Payload.Missing
    MISSING_ERASED: Payload.Missing
    SALT_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    MISSING_FIELD_NUMBER: _ClassVar[int]
    salt: bytes
    body: bytes
    missing: Payload.Missing
    def __init__(self, salt: _Optional[bytes] = ..., body: _Optional[bytes] = ..., missing: _Optional[_Union[Payload.Missing, str]] = ...) -> None: ...

class Program(_message.Message):
    __slots__ = ("name", "path", "sha256", "source", "version", "build_id", "sketch")
    NAME_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    BUILD_ID_FIELD_NUMBER: _ClassVar[int]
    SKETCH_FIELD_NUMBER: _ClassVar[int]
    name: str
    path: str
    sha256: str
    source: str
    version: str
    build_id: str
    sketch: str
    def __init__(self, name: _Optional[str] = ..., path: _Optional[str] = ..., sha256: _Optional[str] = ..., source: _Optional[str] = ..., version: _Optional[str] = ..., build_id: _Optional[str] = ..., sketch: _Optional[str] = ...) -> None: ...

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
    __slots__ = ("level", "cpu_percent", "memory_mb", "check")
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    CPU_PERCENT_FIELD_NUMBER: _ClassVar[int]
    MEMORY_MB_FIELD_NUMBER: _ClassVar[int]
    CHECK_FIELD_NUMBER: _ClassVar[int]
    level: str
    cpu_percent: float
    memory_mb: float
    check: str
    def __init__(self, level: _Optional[str] = ..., cpu_percent: _Optional[float] = ..., memory_mb: _Optional[float] = ..., check: _Optional[str] = ...) -> None: ...

class AgentRekeyed(_message.Message):
    __slots__ = ("former_device_id", "former_epoch", "former_seq", "reason", "carried")
    FORMER_DEVICE_ID_FIELD_NUMBER: _ClassVar[int]
    FORMER_EPOCH_FIELD_NUMBER: _ClassVar[int]
    FORMER_SEQ_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    CARRIED_FIELD_NUMBER: _ClassVar[int]
    former_device_id: str
    former_epoch: int
    former_seq: int
    reason: str
    carried: int
    def __init__(self, former_device_id: _Optional[str] = ..., former_epoch: _Optional[int] = ..., former_seq: _Optional[int] = ..., reason: _Optional[str] = ..., carried: _Optional[int] = ...) -> None: ...

class ChainRestarted(_message.Message):
    __slots__ = ("reason", "previous_epoch", "lost_first_seq", "lost_last_seq", "carried")
    REASON_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_EPOCH_FIELD_NUMBER: _ClassVar[int]
    LOST_FIRST_SEQ_FIELD_NUMBER: _ClassVar[int]
    LOST_LAST_SEQ_FIELD_NUMBER: _ClassVar[int]
    CARRIED_FIELD_NUMBER: _ClassVar[int]
    reason: str
    previous_epoch: int
    lost_first_seq: int
    lost_last_seq: int
    carried: int
    def __init__(self, reason: _Optional[str] = ..., previous_epoch: _Optional[int] = ..., lost_first_seq: _Optional[int] = ..., lost_last_seq: _Optional[int] = ..., carried: _Optional[int] = ...) -> None: ...

class ClockStepped(_message.Message):
    __slots__ = ("expected_ns", "found_ns")
    EXPECTED_NS_FIELD_NUMBER: _ClassVar[int]
    FOUND_NS_FIELD_NUMBER: _ClassVar[int]
    expected_ns: int
    found_ns: int
    def __init__(self, expected_ns: _Optional[int] = ..., found_ns: _Optional[int] = ...) -> None: ...

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

class ProgramRemoved(_message.Message):
    __slots__ = ("program",)
    PROGRAM_FIELD_NUMBER: _ClassVar[int]
    program: Program
    def __init__(self, program: _Optional[_Union[Program, _Mapping]] = ...) -> None: ...

class UsbDevice(_message.Message):
    __slots__ = ("vendor_id", "product_id", "vendor", "product", "serial", "form", "driver", "protection", "protection_by", "is_unlocked", "is_mounted", "is_approved", "size_bytes", "volumes")
    VENDOR_ID_FIELD_NUMBER: _ClassVar[int]
    PRODUCT_ID_FIELD_NUMBER: _ClassVar[int]
    VENDOR_FIELD_NUMBER: _ClassVar[int]
    PRODUCT_FIELD_NUMBER: _ClassVar[int]
    SERIAL_FIELD_NUMBER: _ClassVar[int]
    FORM_FIELD_NUMBER: _ClassVar[int]
    DRIVER_FIELD_NUMBER: _ClassVar[int]
    PROTECTION_FIELD_NUMBER: _ClassVar[int]
    PROTECTION_BY_FIELD_NUMBER: _ClassVar[int]
    IS_UNLOCKED_FIELD_NUMBER: _ClassVar[int]
    IS_MOUNTED_FIELD_NUMBER: _ClassVar[int]
    IS_APPROVED_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    VOLUMES_FIELD_NUMBER: _ClassVar[int]
    vendor_id: str
    product_id: str
    vendor: str
    product: str
    serial: str
    form: str
    driver: str
    protection: str
    protection_by: str
    is_unlocked: bool
    is_mounted: bool
    is_approved: bool
    size_bytes: int
    volumes: int
    def __init__(self, vendor_id: _Optional[str] = ..., product_id: _Optional[str] = ..., vendor: _Optional[str] = ..., product: _Optional[str] = ..., serial: _Optional[str] = ..., form: _Optional[str] = ..., driver: _Optional[str] = ..., protection: _Optional[str] = ..., protection_by: _Optional[str] = ..., is_unlocked: _Optional[bool] = ..., is_mounted: _Optional[bool] = ..., is_approved: _Optional[bool] = ..., size_bytes: _Optional[int] = ..., volumes: _Optional[int] = ...) -> None: ...

class UsbAttached(_message.Message):
    __slots__ = ("device", "was_there")
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    WAS_THERE_FIELD_NUMBER: _ClassVar[int]
    device: UsbDevice
    was_there: bool
    def __init__(self, device: _Optional[_Union[UsbDevice, _Mapping]] = ..., was_there: _Optional[bool] = ...) -> None: ...

class UsbChanged(_message.Message):
    __slots__ = ("device",)
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    device: UsbDevice
    def __init__(self, device: _Optional[_Union[UsbDevice, _Mapping]] = ...) -> None: ...

class UsbWritten(_message.Message):
    __slots__ = ("device", "written_bytes")
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    WRITTEN_BYTES_FIELD_NUMBER: _ClassVar[int]
    device: UsbDevice
    written_bytes: int
    def __init__(self, device: _Optional[_Union[UsbDevice, _Mapping]] = ..., written_bytes: _Optional[int] = ...) -> None: ...

class Disk(_message.Message):
    __slots__ = ("model", "serial", "size_bytes", "technology")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    SERIAL_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    TECHNOLOGY_FIELD_NUMBER: _ClassVar[int]
    model: str
    serial: str
    size_bytes: int
    technology: str
    def __init__(self, model: _Optional[str] = ..., serial: _Optional[str] = ..., size_bytes: _Optional[int] = ..., technology: _Optional[str] = ...) -> None: ...

class HardwareListed(_message.Message):
    __slots__ = ("manufacturer", "product", "serial", "firmware", "processor", "cores", "memory_bytes", "disks")
    MANUFACTURER_FIELD_NUMBER: _ClassVar[int]
    PRODUCT_FIELD_NUMBER: _ClassVar[int]
    SERIAL_FIELD_NUMBER: _ClassVar[int]
    FIRMWARE_FIELD_NUMBER: _ClassVar[int]
    PROCESSOR_FIELD_NUMBER: _ClassVar[int]
    CORES_FIELD_NUMBER: _ClassVar[int]
    MEMORY_BYTES_FIELD_NUMBER: _ClassVar[int]
    DISKS_FIELD_NUMBER: _ClassVar[int]
    manufacturer: str
    product: str
    serial: str
    firmware: str
    processor: str
    cores: int
    memory_bytes: int
    disks: _containers.RepeatedCompositeFieldContainer[Disk]
    def __init__(self, manufacturer: _Optional[str] = ..., product: _Optional[str] = ..., serial: _Optional[str] = ..., firmware: _Optional[str] = ..., processor: _Optional[str] = ..., cores: _Optional[int] = ..., memory_bytes: _Optional[int] = ..., disks: _Optional[_Iterable[_Union[Disk, _Mapping]]] = ...) -> None: ...

class PostureFound(_message.Message):
    __slots__ = ("item", "state", "summary", "facts")
    class FactsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    ITEM_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    FACTS_FIELD_NUMBER: _ClassVar[int]
    item: str
    state: str
    summary: str
    facts: _containers.ScalarMap[str, str]
    def __init__(self, item: _Optional[str] = ..., state: _Optional[str] = ..., summary: _Optional[str] = ..., facts: _Optional[_Mapping[str, str]] = ...) -> None: ...

class TrafficSustained(_message.Message):
    __slots__ = ("program_name", "received_bytes", "sent_bytes", "duration_s", "mean_mbit_s")
    PROGRAM_NAME_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_BYTES_FIELD_NUMBER: _ClassVar[int]
    SENT_BYTES_FIELD_NUMBER: _ClassVar[int]
    DURATION_S_FIELD_NUMBER: _ClassVar[int]
    MEAN_MBIT_S_FIELD_NUMBER: _ClassVar[int]
    program_name: str
    received_bytes: int
    sent_bytes: int
    duration_s: int
    mean_mbit_s: float
    def __init__(self, program_name: _Optional[str] = ..., received_bytes: _Optional[int] = ..., sent_bytes: _Optional[int] = ..., duration_s: _Optional[int] = ..., mean_mbit_s: _Optional[float] = ...) -> None: ...

class AccountSignedIn(_message.Message):
    __slots__ = ("account_ref", "session_ref", "account_kind", "is_local", "session_type", "others")
    ACCOUNT_REF_FIELD_NUMBER: _ClassVar[int]
    SESSION_REF_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_KIND_FIELD_NUMBER: _ClassVar[int]
    IS_LOCAL_FIELD_NUMBER: _ClassVar[int]
    SESSION_TYPE_FIELD_NUMBER: _ClassVar[int]
    OTHERS_FIELD_NUMBER: _ClassVar[int]
    account_ref: bytes
    session_ref: bytes
    account_kind: str
    is_local: bool
    session_type: str
    others: int
    def __init__(self, account_ref: _Optional[bytes] = ..., session_ref: _Optional[bytes] = ..., account_kind: _Optional[str] = ..., is_local: _Optional[bool] = ..., session_type: _Optional[str] = ..., others: _Optional[int] = ...) -> None: ...

class AccountSignedOut(_message.Message):
    __slots__ = ("account_ref", "session_ref")
    ACCOUNT_REF_FIELD_NUMBER: _ClassVar[int]
    SESSION_REF_FIELD_NUMBER: _ClassVar[int]
    account_ref: bytes
    session_ref: bytes
    def __init__(self, account_ref: _Optional[bytes] = ..., session_ref: _Optional[bytes] = ...) -> None: ...

class SessionLeftOpen(_message.Message):
    __slots__ = ("session_type", "desktop", "limit_s", "idle_s", "measured_by", "is_over")
    SESSION_TYPE_FIELD_NUMBER: _ClassVar[int]
    DESKTOP_FIELD_NUMBER: _ClassVar[int]
    LIMIT_S_FIELD_NUMBER: _ClassVar[int]
    IDLE_S_FIELD_NUMBER: _ClassVar[int]
    MEASURED_BY_FIELD_NUMBER: _ClassVar[int]
    IS_OVER_FIELD_NUMBER: _ClassVar[int]
    session_type: str
    desktop: str
    limit_s: int
    idle_s: int
    measured_by: str
    is_over: bool
    def __init__(self, session_type: _Optional[str] = ..., desktop: _Optional[str] = ..., limit_s: _Optional[int] = ..., idle_s: _Optional[int] = ..., measured_by: _Optional[str] = ..., is_over: _Optional[bool] = ...) -> None: ...

class FileArrived(_message.Message):
    __slots__ = ("name", "place", "format", "contains", "is_executable", "size_bytes", "sha256")
    NAME_FIELD_NUMBER: _ClassVar[int]
    PLACE_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    CONTAINS_FIELD_NUMBER: _ClassVar[int]
    IS_EXECUTABLE_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    name: str
    place: str
    format: str
    contains: str
    is_executable: bool
    size_bytes: int
    sha256: str
    def __init__(self, name: _Optional[str] = ..., place: _Optional[str] = ..., format: _Optional[str] = ..., contains: _Optional[str] = ..., is_executable: _Optional[bool] = ..., size_bytes: _Optional[int] = ..., sha256: _Optional[str] = ...) -> None: ...

class MediaCounted(_message.Message):
    __slots__ = ("audio_files", "audio_bytes", "video_files", "video_bytes", "picture_files", "picture_bytes")
    AUDIO_FILES_FIELD_NUMBER: _ClassVar[int]
    AUDIO_BYTES_FIELD_NUMBER: _ClassVar[int]
    VIDEO_FILES_FIELD_NUMBER: _ClassVar[int]
    VIDEO_BYTES_FIELD_NUMBER: _ClassVar[int]
    PICTURE_FILES_FIELD_NUMBER: _ClassVar[int]
    PICTURE_BYTES_FIELD_NUMBER: _ClassVar[int]
    audio_files: int
    audio_bytes: int
    video_files: int
    video_bytes: int
    picture_files: int
    picture_bytes: int
    def __init__(self, audio_files: _Optional[int] = ..., audio_bytes: _Optional[int] = ..., video_files: _Optional[int] = ..., video_bytes: _Optional[int] = ..., picture_files: _Optional[int] = ..., picture_bytes: _Optional[int] = ...) -> None: ...
