# SPDX-License-Identifier: Apache-2.0
"""How the console answers its own scripts when something cannot be done: JSON with a sentence for people."""

import base64
import binascii

from starlette.responses import JSONResponse, Response

from collector.errors import UsageError


def refuse(error: UsageError) -> Response:
    """Answer a script with what was not right."""
    texts = [text[:1].upper() + text[1:] for text in (error.message, error.hint) if text]
    return JSONResponse({"error": ". ".join(texts) + "."}, status_code=400)


def read_base64(text: str) -> bytes:
    """Return the bytes that a script sent.

    Raises:
        UsageError: they arrived damaged.
    """
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise UsageError("what was sent arrived damaged", hint="try again") from error
