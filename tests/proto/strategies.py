# SPDX-License-Identifier: Apache-2.0
"""Hypothesis strategies for everything that a device can say: any event of any kind, any header."""

from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from hypothesis import strategies as st

from proto.events import KINDS, Disk, Header, Kind, Program, UsbDevice
from proto.v1 import events_pb2

PARTS: dict[str, Any] = {cls.__name__: cls for cls in (Disk, Program, UsbDevice)}
"""What stands inside events, by the name of its message."""

_VALUES: dict[int, st.SearchStrategy[Any]] = {
    FieldDescriptor.TYPE_STRING: st.text(max_size=40),
    FieldDescriptor.TYPE_BYTES: st.binary(max_size=40),
    FieldDescriptor.TYPE_BOOL: st.booleans(),
    FieldDescriptor.TYPE_DOUBLE: st.floats(allow_nan=False),
    FieldDescriptor.TYPE_UINT32: st.integers(0, 2**32 - 1),
    FieldDescriptor.TYPE_UINT64: st.integers(0, 2**64 - 1),
    FieldDescriptor.TYPE_FIXED64: st.integers(0, 2**64 - 1),
    FieldDescriptor.TYPE_SFIXED64: st.integers(-(2**63), 2**63 - 1),
}


def find_message(name: str) -> type[Message]:
    """Return the generated message of that name."""
    message: type[Message] = getattr(events_pb2, name)
    return message


def fields_of(message: type[Message]) -> dict[str, st.SearchStrategy[Any]]:
    """Return a strategy for each field of a message, of all values that the wire can carry."""
    return {field.name: _field(field) for field in message.DESCRIPTOR.fields}


def events_of(cls: type[Kind]) -> st.SearchStrategy[Kind]:
    """Return any event of one kind."""
    return st.builds(cls, **fields_of(find_message(cls.__name__)))


def any_event() -> st.SearchStrategy[Kind]:
    """Return any event of any kind."""
    return st.sampled_from(sorted(KINDS)).flatmap(lambda kind: events_of(KINDS[kind]))


def any_header() -> st.SearchStrategy[Header]:
    """Return any header."""
    return st.builds(Header, **fields_of(find_message("Header")))


def _field(field: Any) -> st.SearchStrategy[Any]:
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        return st.dictionaries(st.text(max_size=10), st.text(max_size=10), max_size=4)
    value = _value(field)
    return st.lists(value, max_size=4).map(tuple) if field.is_repeated else value


def _value(field: Any) -> st.SearchStrategy[Any]:
    if field.message_type is not None:
        name = field.message_type.name
        return st.builds(PARTS[name], **fields_of(find_message(name)))
    if field.enum_type is not None:
        return st.sampled_from([value.number for value in field.enum_type.values])
    return _VALUES[field.type]
