# SPDX-License-Identifier: Apache-2.0
"""What the policy asks of single checks, in the words of `explain`. The values are `rules.settings`'s."""

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


def _say_minutes(seconds: int) -> str:
    minutes, rest = divmod(seconds, 60)
    return f"{minutes} minutes" if not rest else f"{seconds} seconds"
