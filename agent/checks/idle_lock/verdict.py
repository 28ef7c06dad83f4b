# SPDX-License-Identifier: Apache-2.0
"""What can be said of one session: whether it was left open, is set wrongly, or cannot be judged and why."""

from dataclasses import dataclass

from agent.system.screens import LockSetting, Screen

GROUPS_UNKNOWN = "the account's groups are not known"
NOT_MEASURED = "how long it is idle cannot be told, and no enforced setting locks it"
NOT_TOLD = "it is idle for long, and whether it is locked cannot be told"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found of one session."""

    is_open: bool | None = None
    """It was left open; None: this look does not tell."""
    set_wrongly: str = ""
    """How its desktop is set, when it is set never to lock or too late."""
    unknown: str = ""
    """Why it cannot be judged."""


def judge(screen: Screen, limit_s: int | None, *, grace_s: float) -> Verdict:
    """Return what can be said of a session that must be locked after `limit_s`; None: that is not known.

    Locking takes its time (some desktops fade for ten seconds), so nobody is told of it before `grace_s` have passed.
    """
    if limit_s is None:
        return Verdict(unknown=GROUPS_UNKNOWN)
    if limit_s == 0:
        return Verdict(is_open=False)
    set_wrongly = describe_wrong(screen.setting, limit_s)
    if not screen.is_fresh:
        return Verdict(set_wrongly=set_wrongly)
    if screen.is_locked:
        return Verdict(is_open=False, set_wrongly=set_wrongly)
    if screen.idle_s is None:
        # What it is set to is all that there is: enough to be wrong, and to be right if its user has no say in it.
        is_judged = set_wrongly or _is_sure_to_lock(screen)
        return Verdict(set_wrongly=set_wrongly, unknown="" if is_judged else screen.fault or NOT_MEASURED)
    is_overdue = screen.idle_s >= limit_s + grace_s
    if is_overdue and screen.is_locked is None:
        return Verdict(set_wrongly=set_wrongly, unknown=NOT_TOLD)
    return Verdict(is_open=is_overdue, set_wrongly=set_wrongly)


def _is_sure_to_lock(screen: Screen) -> bool:
    """Tell whether a session locks itself, soon or late, whatever its user does."""
    setting = screen.setting
    return setting.is_on is True and setting.after_s is not None and setting.is_enforced and screen.is_desktop_confirmed


def describe_setting(setting: LockSetting) -> str:
    """Return in words how a desktop is set to lock itself; empty when that is not known."""
    if setting.is_on is None or (setting.is_on and setting.after_s is None):
        return ""
    how = f"after {setting.after_s} s" if setting.is_on else "never"
    return f"{setting.source} {how}, {'enforced' if setting.is_enforced else 'as the user likes'}"


def describe_wrong(setting: LockSetting, limit_s: int) -> str:
    """Return in words how a desktop is set, if that is not as it must be."""
    if setting.is_on is False:
        return f"{setting.source} is set never to lock, the limit is {limit_s} s"
    if setting.after_s is not None and setting.after_s > limit_s:
        return f"{setting.source} is set to lock after {setting.after_s} s, the limit is {limit_s} s"
    return ""
