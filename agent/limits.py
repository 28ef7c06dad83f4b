# SPDX-License-Identifier: Apache-2.0
"""What the policy asks of single checks, and what it pauses, in the words of `explain`. The values are from `rules`."""

from collections.abc import Iterable

from rules.exceptions import TimedPause
from rules.settings import Settings


def describe_limits(settings: Settings) -> tuple[str, ...]:
    """Return one plain sentence for each thing that a policy sets."""
    lock, posture, accounts = settings.lock, settings.posture, settings.accounts
    lines = [f"A session is to be locked after {_say_minutes(lock.limit_s)} without input."]
    for group in lock.groups:
        limit = f"after {_say_minutes(group.limit_s)}" if group.limit_s else "never asked to be locked"
        lines.append(f"For members of {', '.join(group.groups)}: {limit}.")
    lines.append(f"Local administrators may be: {', '.join(posture.administrators) or 'nobody'}.")
    lines.append(f"Security updates are to be installed within {posture.update_grace_days} days.")
    lines.append(f"The antivirus is to be no older than {posture.signatures_max_age_days} days.")
    if posture.password_max_age_days:
        lines.append(f"Passwords of local accounts are to be changed every {posture.password_max_age_days} days.")
    if posture.off_after:
        lines.append(f"The machine is to be off from {posture.off_after} to {posture.off_until}.")
    lines.append(f"USB devices on the school's register: {len(settings.media)}.")
    if accounts.ask:
        lines.append(f"Accounts of several people: {', '.join(accounts.shared) or 'none'}.")
    if settings.downloads.count_media:
        lines.append(f"Music, video and pictures in users' folders are counted: {settings.downloads.reason}")
    return tuple(lines)


def describe_pauses(pauses: Iterable[TimedPause], now_ns: int) -> tuple[str, ...]:
    """Return one line for each pause that is not over, in the school's time. The reason is the school's affair: it may
    say more of people than this machine's users should read."""
    return tuple(
        f"{each.pause.what}, from {each.pause.first:%Y-%m-%d %H:%M} to {each.pause.last:%Y-%m-%d %H:%M}"
        for each in sorted(pauses, key=lambda each: each.first_ns)
        if now_ns < each.last_ns
    )


def _say_minutes(seconds: int) -> str:
    minutes, rest = divmod(seconds, 60)
    return f"{minutes} minutes" if not rest else f"{seconds} seconds"
