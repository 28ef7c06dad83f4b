# SPDX-License-Identifier: Apache-2.0
"""The one line that says what an event was, for the incident that it opens.

It is made here and not on the device, so that a device cannot write sentences into the console: what it sent is quoted,
cut and freed of control characters, and what it sent as a word of ours is taken only if it is one.
"""

from collections.abc import Callable
from typing import Any

from proto.events import (
    AccountSignedIn,
    FileArrived,
    MediaCounted,
    PostureFound,
    ProgramFound,
    ProgramInstalled,
    ProgramRemoved,
    ProgramStarted,
    SessionLeftOpen,
    TrafficSustained,
    UsbAttached,
    UsbChanged,
    UsbWritten,
)
from rules.model import Match

MAX_QUOTED_CHARACTERS = 80
_UNITS = ("bytes", "kB", "MB", "GB", "TB", "PB")

_VERBS = {
    ProgramStarted.kind: "was started",
    ProgramFound.kind: "is installed",
    ProgramInstalled.kind: "was installed and is on no list",
    ProgramRemoved.kind: "was removed",
}
_FORMS = {
    "disk": "A USB stick or disk",
    "card_reader": "A card reader",
    "optical": "A USB disc drive",
    "phone": "A phone or tablet",
}
_PROTECTIONS = {
    "encrypted": " with encryption",
    "hardware_encrypted": " with encryption of its own",
    "possibly_encrypted": " that may be encrypted",
    "plain": " without encryption",
    "partly": " with encryption on a part of it only",
    "blank": " with nothing on it",
    "no_medium": " without a medium",
    "not_applicable": "",
}
_POSTURES = {
    "disk_encryption": ("The disk is not encrypted", "Nobody knows whether the disk is encrypted"),
    "antivirus": ("The antivirus is missing or old", "Nobody knows whether an antivirus is at work"),
    "firewall": ("The firewall is off", "Nobody knows whether a firewall is on"),
    "updates": ("Security updates are overdue", "Nobody knows which updates wait"),
    "os_support": ("The operating system gets no updates any more", "Nobody knows how long the system gets updates"),
    "administrators": ("An account too many may administer the machine", "Nobody knows who may administer the machine"),
    "password_age": ("A local account has an old password", "Nobody knows how old the passwords are"),
    "switched_on": ("It is on at a time when it should be off", "Nobody knows whether it was off when it should be"),
    "guest_account": ("A guest account is open", "Nobody knows whether a guest account is open"),
}
"""For each item: what it says when it fails, and when it is not known."""
_PLACES = {
    "downloads": "a downloads folder",
    "desktop": "a desktop",
    "programs": "a folder of programs",
    "temporary": "a temporary folder",
    "home": "a home folder",
}
_CONTENTS = {
    "executable": "An archive with a program in it",
    "script": "An archive with a script in it",
    "encrypted": "An archive that nobody can look into",
    "unknown": "An archive that could not be looked into",
}
_ACCOUNTS = {"personal": "personal", "shared": "shared", "guest": "guest", "administrator": "administrator’s"}


def summarise(match: Match, content: Any) -> str:
    """Return one line about an event that a rule fits. `content` is its decoded body."""
    name = type(content).__name__
    program = _summarise_program(match, content, name)
    if program:
        return program
    make = _MAKERS.get(name)
    if make is not None:
        return make(content)
    if hasattr(content, "reason"):
        return f"{match.rule.title}: {quote(content.reason)}"
    return match.rule.title


def quote(text: str) -> str:
    """Return what a device sent, cut and without control, bidi and other invisible characters."""
    text = text[: MAX_QUOTED_CHARACTERS + 1]
    # Almost every text is printable, and asking that is quick. Separators that are not the blank are not printable.
    visible = (
        text
        if text.isprintable()
        else "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)
    )
    return visible if len(visible) <= MAX_QUOTED_CHARACTERS else visible[: MAX_QUOTED_CHARACTERS - 1] + "…"


def show_bytes(size: int) -> str:
    """Return a size in words, in powers of ten as the makers of sticks count: 1.2 MB."""
    amount, place = float(size), 0
    while amount >= 999.5 and place < len(_UNITS) - 1:
        amount, place = amount / 1000, place + 1
    if place == 0:
        return "1 byte" if size == 1 else f"{size} bytes"
    return f"{amount:.1f} {_UNITS[place]}" if amount < 9.95 else f"{amount:.0f} {_UNITS[place]}"


def show_memory(size: int) -> str:
    """Return how much memory a machine has, in powers of two as its makers count: 16.0 GiB."""
    return f"{size / 2**30:.1f} GiB"


def show_duration(seconds: int) -> str:
    """Return a duration in words: 90 seconds, 15 minutes, 3 hours."""
    for unit, unit_s in (("hour", 3600), ("minute", 60)):
        if seconds >= 2 * unit_s or seconds == unit_s:
            return f"{seconds // unit_s} {unit}" + ("s" if seconds >= 2 * unit_s else "")
    return f"{seconds} second" + ("" if seconds == 1 else "s")


def name_usb(device: Any) -> str:
    """Return what a USB device calls itself, or its ids."""
    own = " ".join(part for part in (device.vendor.strip(), device.product.strip()) if part)
    return quote(own or f"{device.vendor_id}:{device.product_id}")


def _summarise_program(match: Match, content: Any, kind_name: str) -> str:
    program = getattr(content, "program", None)
    if program is None:
        return ""
    for kind, verb in _VERBS.items():
        if kind in match.rule.kinds and kind_name == "".join(part.title() for part in kind.split(".")):
            name = match.program or quote(program.name)
            place = quote(program.path or f"{program.source} package {program.name}")
            return f"{name} {verb}: {place}" + (" (known by its content)" if match.matched_by == "sha256" else "")
    return ""


def _summarise_usb(device: Any, verb: str, more: str = "") -> str:
    form = _FORMS.get(device.form, "A USB device")
    protection = _PROTECTIONS.get(device.protection, " whose encryption is not known")
    return f"{form}{protection} {verb}: {name_usb(device)}{more}"


def _summarise_attached(content: Any) -> str:
    return _summarise_usb(content.device, "was there at the start" if content.was_there else "was attached")


def _summarise_changed(content: Any) -> str:
    return _summarise_usb(content.device, "was opened for files" if content.device.is_mounted else "changed")


def _summarise_written(content: Any) -> str:
    return _summarise_usb(content.device, "was written to", f", {show_bytes(content.written_bytes)}")


def _summarise_left_open(content: Any) -> str:
    idle, limit = show_duration(content.idle_s), show_duration(content.limit_s)
    desktop = f" ({quote(content.desktop)})" if content.desktop else ""
    return f"A session was left for {idle} without a lock, {limit} are allowed{desktop}"


def _summarise_posture(content: Any) -> str:
    fails, unknown = _POSTURES.get(content.item, ("", ""))
    words = (fails if content.state == "fail" else unknown) or "Something about the machine’s security is not right"
    return f"{words}: {quote(content.summary)}" if content.summary else words


def _summarise_file(content: Any) -> str:
    what = _CONTENTS.get(content.contains, "A file that can be run" if content.is_executable else "A file")
    place = _PLACES.get(content.place, "a user’s folder")
    size = f", {show_bytes(content.size_bytes)}" if content.size_bytes else ""
    return f"{what} came into {place}: {quote(content.name)}{size}"


def _summarise_media(content: Any) -> str:
    parts = [
        f"{files} {word}{'' if files == 1 else 's'} ({show_bytes(size)})"
        for files, word, size in (
            (content.audio_files, "sound", content.audio_bytes),
            (content.video_files, "video", content.video_bytes),
            (content.picture_files, "picture", content.picture_bytes),
        )
        if files
    ]
    return f"Users’ folders hold {', '.join(parts) or 'no media'}"


def _summarise_traffic(content: Any) -> str:
    received, sent = show_bytes(content.received_bytes), show_bytes(content.sent_bytes)
    name = quote(content.program_name) or "A program without a name"
    return f"{name} received {received} and sent {sent} in {show_duration(content.duration_s)}"


def _summarise_signed_in(content: Any) -> str:
    kind = _ACCOUNTS.get(content.account_kind)
    return (
        f"A session began with {'an' if kind == 'administrator’s' else 'a'} {kind} account"
        if kind
        else ("A session began with an account of an unknown kind")
    )


_MAKERS: dict[str, Callable[[Any], str]] = {
    AccountSignedIn.__name__: _summarise_signed_in,
    FileArrived.__name__: _summarise_file,
    MediaCounted.__name__: _summarise_media,
    PostureFound.__name__: _summarise_posture,
    SessionLeftOpen.__name__: _summarise_left_open,
    TrafficSustained.__name__: _summarise_traffic,
    UsbAttached.__name__: _summarise_attached,
    UsbChanged.__name__: _summarise_changed,
    UsbWritten.__name__: _summarise_written,
}
"""By the name of the message, which is that of the dataclass."""
