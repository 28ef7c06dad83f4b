# SPDX-License-Identifier: Apache-2.0
"""Events to bytes and back, and the messages of the wire. The only module that touches the generated `*_pb2`.

Payload messages have the same names and fields as the dataclasses of `events`, which a test holds; so the
translation goes by name. It neither signs nor checks: `envelope` does.
"""

from collections.abc import Iterable
from dataclasses import asdict, fields
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import DecodeError, Message

from proto import events
from proto.errors import MalformedError
from proto.events import Disk, Header, Kind, Program, UsbDevice
from proto.v1 import collector_pb2, events_pb2

AgentMessage = collector_pb2.AgentMessage
CollectorMessage = collector_pb2.CollectorMessage
EnrolRequest = collector_pb2.EnrolRequest
EnrolReply = collector_pb2.EnrolReply
DeviceFacts = collector_pb2.DeviceFacts
RenewRequest = collector_pb2.RenewRequest
RenewReply = collector_pb2.RenewReply
RekeyRequest = collector_pb2.RekeyRequest
SignedTrust = collector_pb2.SignedTrust
TrustBody = collector_pb2.TrustBody
Bundle = collector_pb2.Bundle
DrillOrder = collector_pb2.DrillOrder
Safeguarding = collector_pb2.Safeguarding
SignedRecipients = collector_pb2.SignedRecipients
Envelope = collector_pb2.Envelope
Hello = collector_pb2.Hello
Welcome = collector_pb2.Welcome
Ack = collector_pb2.Ack
Refusal = collector_pb2.Refusal
TokenBody = collector_pb2.TokenBody
PayloadMessage = events_pb2.Payload
HeaderView = events_pb2.Header
"""A decoded header; the fields are those of `events.Header`."""

ENROL_SERVICE, ENROL_METHOD = "schoolwarden.v1.Enrolment", "Enrol"
RENEW_METHOD, REKEY_METHOD = "Renew", "Rekey"
EVENTS_SERVICE, EVENTS_METHOD = "schoolwarden.v1.Events", "Stream"

TARGET_NAME = "collector.schoolwarden.internal"
"""The one name in the collector's certificate, whatever address devices reach it under."""

PROTOCOL = 1
"""The version of the stream that this code speaks; Hello carries the oldest and the newest."""

_MESSAGES: dict[str, type[Message]] = {kind: getattr(events_pb2, cls.__name__) for kind, cls in events.KINDS.items()}


_PARTS: dict[str, Any] = {cls.__name__: cls for cls in (Disk, Program, UsbDevice)}
"""Dataclasses inside those of kinds; their messages have the same names."""

_HEADER_FIELDS = tuple(field.name for field in fields(Header))
_parse_header = events_pb2.Header.FromString


def encode_header(header: Header) -> bytes:
    """Return the bytes that are signed, linked and stored from now on."""
    return events_pb2.Header(**{name: getattr(header, name) for name in _HEADER_FIELDS}).SerializeToString(
        deterministic=True
    )


def decode_header(raw: bytes) -> HeaderView:
    """Read a header.

    Raises:
        MalformedError: the bytes are no header.
    """
    try:
        return _parse_header(raw)
    except DecodeError as error:
        raise MalformedError("a header cannot be read") from error


def encode_header_block(headers: Iterable[bytes]) -> bytes:
    """Return the block that an envelope signs, holding each header's exact bytes."""
    return events_pb2.HeaderBlock(headers=headers).SerializeToString()


def decode_header_block(raw: bytes) -> list[bytes]:
    """Return the exact bytes of each header of a block.

    Raises:
        MalformedError: the bytes are no header block.
    """
    try:
        return list(events_pb2.HeaderBlock.FromString(raw).headers)
    except DecodeError as error:
        raise MalformedError("a header block cannot be read") from error


def encode_body(event: Kind) -> bytes:
    """Return the content of an event as bytes. Halves of surrogate pairs, which are no text, become U+FFFD."""
    message, values = _MESSAGES[event.kind], asdict(event)  # type: ignore[call-overload]
    try:
        return message(**values).SerializeToString(deterministic=True)
    except UnicodeEncodeError:
        # Whoever names a file chooses its bytes: a name that is no text must not keep the event from being told.
        return message(**_mend(values)).SerializeToString(deterministic=True)


def decode_body(kind: str, body: bytes) -> Any:
    """Read the content of an event; its fields are those of the dataclass of that kind.

    Returns None for a kind that this version does not know: it is stored, not refused.

    Raises:
        MalformedError: the bytes are no content of that kind.
    """
    message = _MESSAGES.get(kind)
    if message is None:
        return None
    try:
        return message.FromString(body)
    except DecodeError as error:
        raise MalformedError(f"the content of a {kind} cannot be read") from error


def decode_event(kind: str, body: bytes) -> Kind | None:
    """Read the content of an event as its dataclass, or None for an unknown kind. For people, not for the hot path.

    Raises:
        MalformedError: the bytes are no content of that kind.
    """
    message = decode_body(kind, body)
    if message is None:
        return None
    cls = events.KINDS[kind]
    return cls(**{field.name: _to_python(getattr(message, field.name)) for field in fields(cls)})  # type: ignore[arg-type]


def to_json(kind: str, body: bytes) -> dict[str, Any] | None:
    """Return the content of an event as plain JSON values, or None for an unknown kind.

    Raises:
        MalformedError: the bytes are no content of that kind.
    """
    message = decode_body(kind, body)
    if message is None:
        return None
    return MessageToDict(message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)


def _mend(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {_mend(name): _mend(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_mend(each) for each in value]
    return value


def _to_python(value: Any) -> Any:
    cls = _PARTS.get(type(value).__name__)
    if cls is not None:
        return cls(**{field.name: getattr(value, field.name) for field in fields(cls)})
    if isinstance(value, str | bytes | int | float):
        return value
    if hasattr(value, "items"):
        return dict(value.items())
    return tuple(_to_python(each) for each in value)
