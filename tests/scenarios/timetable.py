# SPDX-License-Identifier: Apache-2.0
"""A timetable of a school's own under which it is a lesson, or break, whenever a story runs."""

import time
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

_DAY = """
[timetable]
days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
[[timetable.period]]
kind = "{now}"
name = "All day"
from = "00:01"
to = "23:59"
[[timetable.period]]
kind = "{other}"
name = "A minute at night"
from = "00:00"
to = "00:01"
"""
STORY_MINUTES = 2


def write_day(path: Path, now: str) -> Path:
    """Write a day of nothing but lessons, or but break; shortly before midnight, wait for the next one."""
    while (minute := _find_minute()) >= 24 * 60 - STORY_MINUTES or minute == 0:
        time.sleep(1.0)
    path.write_text(_DAY.format(now=now, other="break" if now == "lesson" else "lesson"), encoding="utf-8")
    return path


def _find_minute() -> int:
    local = datetime.now(ZoneInfo("Europe/London"))
    return local.hour * 60 + local.minute
