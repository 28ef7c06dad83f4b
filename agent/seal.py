# SPDX-License-Identifier: Apache-2.0
"""Step 4 of the data path: a matched sentence becomes a flag that only the people of its route can read.

The route is chosen here, because only the device knows whom a sentence names. The format of what is sealed is
`proto.sealed`'s, the choice of people `rules.route`'s; numbering and sending come after it.
"""

from dataclasses import dataclass

from agent.errors import UnsealedError
from agent.hit import Hit
from agent.identity import Identity
from agent.readers import ReaderStore
from proto.errors import SealError
from proto.events import FlagRaised, Tier
from proto.sealed import FlagContent, encode_flag, make_subject_ref, seal


@dataclass(frozen=True, slots=True)
class SealedFlag:
    """A flag, and what its header says in the clear."""

    event: FlagRaised
    tier: Tier
    route: str
    is_drill: bool


class Sealer:
    """Seals for one device, to whoever reads at the moment."""

    def __init__(self, identity: Identity, readers: ReaderStore, hostname: str) -> None:
        self._identity = identity
        self._readers = readers
        self._hostname = hostname

    def seal(self, hit: Hit) -> SealedFlag:
        """Return the flag of a hit. With nobody left to read it, it goes outside and holds nothing.

        1. Whom it may be about: the account, and every role-holder whose name stands in the sentence, around it or in
           what names the window: nobody writes to Mrs Dale and names her in every sentence.
        2. The lowest route above all of them, and the keys of its readers.
        3. The content, padded, sealed to these keys and no other.

        Raises:
            UnsealedError: it could not be sealed now. The hit is as it was; the error shows nothing of it.
        """
        try:
            return self._seal(hit)
        except Exception as error:  # noqa: BLE001 - whatever it was, the hit is kept and its text goes nowhere
            # Not chained: the text of an error may quote what was typed.
            raise UnsealedError(type(error).__name__) from None

    def _seal(self, hit: Hit) -> SealedFlag:
        readers = self._readers.in_force
        if readers is None:
            raise SealError("there is no set of readers")
        # 1
        found = hit.found
        subjects = readers.find_subjects(hit.account, found.sentence, hit.around, found.window, found.application)
        # 2
        route, age_keys = readers.choose(subjects)
        # 3
        version = readers.recipients.version
        sealed = seal(encode_flag(self._to_content(hit, route.value, version)), age_keys) if age_keys else b""
        event = FlagRaised(
            sealed=sealed,
            subject_ref=make_subject_ref(readers.subject_key, hit.account),
            recipients_version=version,
            drill_nonce=hit.drill_nonce,
        )
        return SealedFlag(event, found.tier, route.value, bool(hit.drill_nonce))

    def _to_content(self, hit: Hit, route: str, recipients_version: int) -> FlagContent:
        found = hit.found
        return FlagContent(
            school_id=self._identity.school_id,
            device_id=self._identity.device_id,
            hostname=self._hostname,
            made_at_ns=hit.found_at_ns,
            tier=found.tier.name.lower(),
            route=route,
            drill_nonce=hit.drill_nonce.hex(),
            account=hit.account,
            account_name=hit.account_name,
            account_kind=hit.account_kind,
            category=found.category,
            rule=found.rule,
            severity=found.severity,
            why=found.why,
            sentence=found.sentence,
            start=found.start,
            end=found.end,
            application=found.application,
            window=found.window,
            notice_version=hit.notice_version,
            recipients_version=recipients_version,
        )
