# SPDX-License-Identifier: Apache-2.0
"""Where people's folders are: those in the local list of accounts, and all in /home.

A school's directory accounts are not in the local list, but their homes are in /home. What lies in a home is the
business of who asks.
"""

import os
import stat
from pathlib import Path

from agent.system.linux.files import load_bytes, open_folder
from agent.system.linux.gaps import Gaps

MAX_HOMES = 2000
MAX_PASSWD_BYTES = 4 * 1024 * 1024
MAX_ENTRIES = 10_000
FIRST_USER_ID = 1000
NOBODY = 65534


def find_homes(root: Path, gaps: Gaps) -> list[Path]:
    """Return the folders of people below a root folder, links in their paths followed once."""
    homes: dict[Path, None] = {}
    try:
        accounts = load_bytes(Path(os.path.realpath(root / "etc/passwd")), MAX_PASSWD_BYTES)
    except OSError as error:
        gaps.add("the list of accounts", error)
        accounts = b""
    for line in accounts.splitlines():
        fields = os.fsdecode(line).split(":")
        if len(fields) == 7 and fields[2].isdecimal() and len(fields[5]) > 1 and "\0" not in fields[5]:
            user_id = int(fields[2])
            if user_id == 0 or FIRST_USER_ID <= user_id != NOBODY:
                # Only root can put a link there, and some distributions do (/home -> var/home).
                homes[Path(os.path.realpath(root / fields[5].lstrip("/")))] = None
    top = Path(os.path.realpath(root / "home"))
    for name in _list_folders(top, gaps):
        homes[top / name] = None
    if len(homes) > MAX_HOMES:
        gaps.add("home folders", f"there are more than {MAX_HOMES}")
    return list(homes)[:MAX_HOMES]


def _list_folders(top: Path, gaps: Gaps) -> list[str]:
    names = []
    try:
        with open_folder(top) as descriptor, os.scandir(descriptor) as entries:
            for count, entry in enumerate(entries):
                if count >= MAX_ENTRIES:
                    gaps.add("home folders", f"more than {MAX_ENTRIES} entries in a folder")
                    break
                if stat.S_ISDIR(entry.stat(follow_symlinks=False).st_mode):
                    names.append(entry.name)
    except FileNotFoundError:
        return sorted(names)
    except OSError as error:
        gaps.add("home folders", error)
    return sorted(names)
