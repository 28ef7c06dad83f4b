# SPDX-License-Identifier: Apache-2.0
"""Bank holidays of the parts of the United Kingdom, as a rule file that says on which days a school is closed for one.

It names this year's and the next two years' days; whoever publishes later writes them anew. Which part is asked for
says `[timetable]`, what a closed day means does `rules.timetable`.
"""

from datetime import date

from rules.arrangements import Timetable

RULE_FILE = "bank-holidays"
"""How the rule file is called; a school's own file may not have such a name."""
YEARS = 3

_PARTS = {"england": "ENG", "wales": "WLS", "scotland": "SCT", "northern-ireland": "NIR"}


def write_rule_files(timetable: Timetable, today: date) -> dict[str, str]:
    """Return the rule file, by name; none for a timetable that asks for no bank holidays."""
    if not timetable.bank_holidays:
        return {}
    days = ", ".join(f'"{day}"' for day in list_bank_holidays(timetable.bank_holidays, today))
    return {f"{RULE_FILE}.toml": f"[bank_holidays]\ndates = [\n{_wrap(days)}]\n"}


def list_bank_holidays(part: str, today: date) -> list[date]:
    """Return the days of this year and the next two, in order."""
    # Slow to import, and only whoever publishes needs it.
    from holidays import country_holidays

    years = range(today.year, today.year + YEARS)
    return sorted(country_holidays("GB", subdiv=_PARTS[part], years=years))


def _wrap(days: str) -> str:
    each = days.split(", ")
    return "".join(f"  {', '.join(each[start : start + 8])},\n" for start in range(0, len(each), 8))
