# SPDX-License-Identifier: Apache-2.0
"""Until when the makers of a distribution give security updates for a release.

What os-release itself says (SUPPORT_END) counts more than the table. The table tells the last day of updates that come
without a contract: Debian's with its long term support, Ubuntu's without Pro, Red Hat's without an add-on.

Sources: Debian and Ubuntu by their own package distro-info-data, read 2026-11-22; the others by the makers' pages as
collected at endoflife.date, read 2026-11-22 as of 2026-08-22. A release that is not here is not known.
"""

from datetime import date

from agent.system.linux.posture.files import SystemFiles
from agent.system.linux.release import parse_release
from agent.system.posture import NotKnownError

_RED_HAT = {"8": "2029-05-31", "9": "2032-05-31", "10": "2035-05-31"}
_MINT = {"20": "2025-04-30", "21": "2027-04-30", "22": "2029-04-30"}

_WHOLE = {
    "debian": {"10": "2024-06-30", "11": "2026-08-31", "12": "2028-06-30", "13": "2030-06-30"},
    "ubuntu": {
        "20.04": "2025-05-29",
        "22.04": "2027-06-01",
        "23.10": "2024-07-11",
        "24.04": "2029-05-31",
        "24.10": "2025-07-10",
        "25.04": "2026-01-15",
        "25.10": "2026-07-09",
        "26.04": "2031-05-29",
    },
    "fedora": {
        "40": "2025-05-13",
        "41": "2025-12-15",
        "42": "2026-05-27",
        "43": "2026-12-09",
        "44": "2027-06-02",
    },
    "opensuse-leap": {"15.4": "2023-12-07", "15.5": "2024-12-31", "15.6": "2026-04-30", "16.0": "2027-10-31"},
}
"""By ID and VERSION_ID."""
_MAJOR = {
    "rhel": {"7": "2024-06-30", **_RED_HAT},
    "almalinux": _RED_HAT,
    "rocky": _RED_HAT,
    "ol": {"7": "2024-12-31", "8": "2029-07-31", "9": "2032-06-30"},
    "centos": {"7": "2024-06-30", "8": "2024-05-31", "9": "2027-05-31", "10": "2030-05-31"},
    "linuxmint": _MINT,
}
"""By ID and what stands before the point in VERSION_ID."""
_ROLLING = frozenset(("arch", "opensuse-tumbleweed", "void", "gentoo", "kali", "manjaro", "endeavouros"))


def read_supported_until(files: SystemFiles) -> str:
    """Return the last day with security updates, as an ISO date.

    Raises:
        NotKnownError: the release is in no table, or does not say what it is.
    """
    content = files.find("etc/os-release") or files.load("usr/lib/os-release")
    told = parse_release(content)
    end, system, version = told.get("SUPPORT_END", ""), told.get("ID", ""), told.get("VERSION_ID", "")
    if _is_date(end):
        return end
    if system in _ROLLING:
        raise NotKnownError("this system has no releases; it is supported as long as it is kept up to date")
    found = _WHOLE.get(system, {}).get(version) or _MAJOR.get(system, {}).get(version.partition(".")[0])
    # LMDE calls itself Linux Mint too; its versions are small numbers that are in no table.
    if found is None:
        raise NotKnownError("until when this release is supported is not in the agent's table")
    return found


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
