# SPDX-License-Identifier: Apache-2.0
"""The one form in which evidence is written: canonical JSON in a canonical zip. What is in it is up to `dossier`.

Nothing is compressed, names are sorted, times and modes are fixed, there are no extras and no comments: the same
content has the same bytes, so a verifier can build the file again and compare.
"""

import io
import json
import zipfile
from collections.abc import Iterable, Mapping
from typing import Any

from collector.errors import UsageError

MAX_FILE_BYTES = 512 * 1024 * 1024
MAX_ENTRIES = 10_000
"""What the verifier reads; see `collector.verifier`."""
PART_BYTES = 4 * 1024 * 1024
_LONG_AGO = (1980, 1, 1, 0, 0, 0)
_UNIX = 3


def to_json(value: Any) -> bytes:
    """Return the only form of a JSON value."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def to_parts(name: str, items: Iterable[Any]) -> dict[str, bytes]:
    """Return a list of any length as files `<name>-0001.json` and so on, each of a size that can be read at once."""
    parts: dict[str, bytes] = {}
    waiting: list[bytes] = []
    size = 0
    for item in items:
        raw = to_json(item)
        if waiting and size + len(raw) > PART_BYTES:
            parts[f"{name}-{len(parts) + 1:04}.json"] = b"[" + b",".join(waiting) + b"]"
            waiting, size = [], 0
        waiting.append(raw)
        size += len(raw) + 1
    if waiting:
        parts[f"{name}-{len(parts) + 1:04}.json"] = b"[" + b",".join(waiting) + b"]"
    return parts


def to_zip(files: Mapping[str, bytes]) -> bytes:
    """Return files as a zip.

    Raises:
        UsageError: there is more than a verifier reads.
    """
    if len(files) > MAX_ENTRIES or sum(map(len, files.values())) > MAX_FILE_BYTES * 3 // 4:
        raise UsageError(
            "this evidence is larger than one file may be", hint="resolve incidents sooner: each is a case"
        )
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED, allowZip64=False) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, _LONG_AGO)
            entry.create_system, entry.external_attr = _UNIX, 0o644 << 16
            archive.writestr(entry, files[name])
    return target.getvalue()
