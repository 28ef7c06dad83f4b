# SPDX-License-Identifier: Apache-2.0
"""Windows in which nothing is read, told by their title and their program's class. The floor; no school can shorten it.

A pattern stands for itself wherever it begins and ends with a whole word, in whatever case; `*` and `?` are those of
`rules.wildcard`: any text, and one character.
Fields for passwords in other windows are `password`'s part, locked screens `lock`'s.
"""

import re
from collections.abc import Iterable

from rules.wildcard import to_literal

HELP = (
    "childline kooth samaritans papyrus hopeline* shout+85258 the+mix young+minds youngminds beat+eating+disorders "
    "nspcc stop+it+now shout+crisis* give+us+a+shout calm+zone thecalmzone campaign+against+living+miserably "
    "switchboard+lgbt* mermaids+uk talk+to+frank refuge+domestic* national+domestic+abuse* womens+aid women's+aid "
    "mens+advice+line rape+crisis runaway+helpline missing+people family+lives winston's+wish cruse+bereavement* "
    "victim+support report+remove ceop report+harmful+content counselling counsellor counseling helpline crisis+line "
    "suicide+prevention mind.org.uk bullying+uk anti-bullying*"
)
"""Counselling and help lines: whoever looks for help must be able to type there alone."""

HEALTH = (
    "nhs nhs+111 nhs+app patient+access mygp my+gp systmonline systmone emis airmid patients+know+best my+health+record"
    " camhs accurx"
)

PASSWORDS = (
    "keepass* bitwarden 1password lastpass dashlane nordpass proton+pass enpass seahorse passwords+and+keys kwallet* "
    "gnome-keyring* gcr-prompter pinentry* ssh-askpass* password* passphrase* kennwort* passwort* passcode* "
    "mot+de+passe contraseña* senha пароль* hasło* parola*"
)

MONEY = (
    "bank banking online+bank* barclays natwest lloyds halifax hsbc santander nationwide+building+society monzo"
    " starling revolut paypal first+direct metro+bank tsb co-operative+bank royal+bank+of+scotland gohenry"
    " rooster+money checkout parentpay"
)

SCHOOL = (
    "cpoms studiosafe myconcern my+concern safeguard+my+school tootoot whisper report+a+concern report+form "
    "safeguarding+concern safeguarding+record* sims+safeguarding bromcom+safeguarding arbor+safeguarding confide "
    "student+voice+report* schoolwarden"
)
"""Where a concern is reported or kept: what is written there has reached the right people already."""

SIGN_IN = (
    "polkit* authenticate authentication+required authentication+is+needed login log+in log-in sign+in sign-in signin "
    "anmelden anmeldung connexion se+connecter войти вход lightdm* gdm* sddm* "
    "i3lock* swaylock slock xscreensaver* xsecurelock light-locker xlock* kscreenlocker* gnome-screensaver* "
    "cinnamon-screensaver* mate-screensaver* xfce4-screensaver* xtrlock physlock sudo passwd gksu* kdesu* pkexec "
    "two-factor* 2fa verification+code one-time+*code"
)

FLOOR = tuple(
    pattern.replace("+", " ")
    for group in (HELP, HEALTH, PASSWORDS, MONEY, SCHOOL, SIGN_IN)
    for pattern in group.split()
)


class Protected:
    """The floor and what a school adds."""

    def __init__(self, added: Iterable[str] = ()) -> None:
        patterns = (*FLOOR, *(" ".join(each.split()) for each in added))
        # A star alone would leave nothing to read, which a school says by not switching the watcher on.
        parts = [_to_regex(each) for each in patterns if each.strip("*? ")]
        self._any = re.compile("|".join(parts), re.IGNORECASE)

    def is_protected(self, application: str, title: str) -> bool:
        """Tell whether nothing typed in this window is read."""
        return any(self._any.search(" ".join(text.split())) for text in (application, title))


def _to_regex(pattern: str) -> str:
    first, *rest = (to_literal(part) for part in pattern.split("*"))
    # An underline parts words in the classes of windows, so it is no part of one here.
    begin, end = r"(?<![^\W_])", r"(?![^\W_])"
    if not rest:
        return f"{begin}{first}{end}"
    *middle, last = rest
    # Each part is looked for once, at its first place, as in `rules.wildcard`: a title cannot make it slow.
    found_once = "".join(f"(?>.*?{part})" for part in middle if part)
    return f"{begin}{first}{found_once}" + (f"(?>.*?{last}{end})" if last else "")
