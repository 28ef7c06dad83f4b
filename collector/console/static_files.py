# SPDX-License-Identifier: Apache-2.0
"""The stylesheet and scripts that `installers/assets.py` built: where they are, their addresses, how they are served.

Without them the pages are plain HTML and do all that they do with them.
"""

import json
import logging
import os
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

ICON = Path(__file__).parent / "icon.svg"
FOLDER = Path(__file__).parent / "static"
KEPT_FOR_EVER = "public, max-age=31536000, immutable"
ASKED_AGAIN = "no-cache"

log = logging.getLogger(__name__)


class ServedFiles(StaticFiles):
    """Serves the files; an address with a version in it never changes its content and may be kept."""

    def file_response(
        self, full_path: str | os.PathLike[str], stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        """Return a file with what a browser may do with it."""
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers["Cache-Control"] = KEPT_FOR_EVER if scope["query_string"].startswith(b"v=") else ASKED_AGAIN
        return response


def show_icon(_request: Request) -> Response:
    """Answer with the small picture in the browser's tab."""
    return FileResponse(ICON, headers={"Cache-Control": ASKED_AGAIN})


def load_addresses(folder: Path = FOLDER) -> dict[str, str]:
    """Return the address of each built file by its name; none, and a word in the log, when nothing was built."""
    try:
        files = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["files"]
    except (OSError, ValueError, KeyError, TypeError):
        log.warning("the console's assets are not built, its pages are plain: python -m installers.assets")
        return {}
    return {name: f"/static/{name}?v={digest[:16]}" for name, digest in files.items()}
