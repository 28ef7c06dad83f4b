# SPDX-License-Identifier: Apache-2.0
"""What holds for every device now, looked for once a second and pushed to whoever is connected.

Policies, readers, drills and statements of trust are published by other processes, into the database; what comes from
there is verified before it is used or sent on, for somebody may have written into it. It opens no port and serves no
stream: `server` and `stream` do.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace

from sqlalchemy import Engine

from collector import devices, drills, pauses, policies, recipients
from collector.absences import list_absent
from collector.coincidences import record_coincidences
from collector.config import Config
from collector.errors import StoreError
from collector.ingest import Ingest, Staged
from collector.judgement import record_due
from collector.publications import Distribution, find_distribution
from collector.stream import News, Standing, Stream
from collector.subjects import load_account_key, load_subject_key
from collector.trusts import find_trust, open_own_trust
from proto.drill import sign_drill
from proto.errors import RecipientsError, SchoolwardenError
from proto.keys import Signer
from proto.wire import Safeguarding
from rules.evaluate import Evaluator

log = logging.getLogger(__name__)

TICK_S = 1.0
SEEN_EVERY_TICKS = 15


def load_standing(engine: Engine, config: Config) -> Standing:
    """Return what holds for every device when the collector starts.

    Raises:
        StoreError: there is no policy, or the key that groups flags is gone.
    """
    published = find_distribution(engine, config.school_id)
    if published is None:
        raise StoreError("no policy was ever published", hint="restore a backup of the database")
    return Standing(published, _load_safeguarding_at_start(engine, config), load_account_key(config))


class Rounds:
    """The second's round of one collector. Lives in its event loop."""

    def __init__(
        self,
        engine: Engine,
        config: Config,
        signer: Signer,
        ingest: Ingest,
        streams: Iterable[Stream],
        standing: Standing,
    ) -> None:
        self.standing = standing
        self._engine = engine
        self._config = config
        self._signer = signer
        self._ingest = ingest
        self._streams = streams
        """Of whoever is connected; it changes under us."""
        ingest.staged = self._find_staged(standing.policies)
        self._since_ns = time.time_ns()

    async def run(self) -> None:
        """Once a second: cut off revoked devices, push what is new, note who is connected. Until cancelled."""
        ticks = 0
        while True:
            # The first look at once: a device that connects now is told whom to trust.
            await _try(self._look_for_trust)
            await asyncio.sleep(TICK_S)
            ticks += 1
            await _try(self._look_for_revoked)
            await _try(self._look_for_policy)
            await _try(self._look_for_readers)
            await _try(self._look_for_drills)
            if ticks % SEEN_EVERY_TICKS == 0:
                await _try(self._look_for_ended_pauses)
                await _try(self._note_seen)
                # After it: only devices that are heard now count.
                await _try(self._look_for_coincidences)
                await _try(self._look_for_due)

    async def _look_for_trust(self) -> None:
        signed = await asyncio.to_thread(
            find_trust, self._engine, self._config.school_id, newer_than=self.standing.trust_version
        )
        if signed is not None:
            trust = open_own_trust(signed, self._config)
            self.standing = replace(self.standing, trust=signed, trust_version=trust.version)
            self._push(signed)

    async def _look_for_policy(self) -> None:
        known = self.standing.policies
        found = await asyncio.to_thread(find_distribution, self._engine, self._config.school_id, known=known)
        if found is None:
            return
        # Both are verified before either is used.
        staged = self._find_staged(found)
        if found.common.version != known.common.version:
            self._ingest.evaluator = Evaluator(policies.open_own_bundle(found.common, self._config))
        self._ingest.staged = staged
        self.standing = replace(self.standing, policies=found)
        for stream in list(self._streams):
            stream.offer(found.find_for(stream.device_id))

    def _find_staged(self, found: Distribution) -> Staged | None:
        """Return the policy of a roll-out that is under way, and who is in its share."""
        if found.staged is None:
            return None
        return Staged(Evaluator(policies.open_own_bundle(found.staged, self._config)), found.is_staged_for)

    async def _look_for_ended_pauses(self) -> None:
        await asyncio.to_thread(pauses.note_ended, self._engine, self._config.school_id, time.time_ns())

    async def _look_for_readers(self) -> None:
        """The set is published by others, and an absence begins and ends by itself."""
        safeguarding = await asyncio.to_thread(_load_safeguarding, self._engine, self._config)
        if safeguarding is not None and safeguarding != self.standing.safeguarding:
            self.standing = replace(self.standing, safeguarding=safeguarding)
            self._push(safeguarding)

    async def _look_for_drills(self) -> None:
        pending = await asyncio.to_thread(drills.list_pending, self._engine, self._config.school_id, time.time_ns())
        for order in pending:
            signed = sign_drill(
                self._signer, device_id=order.device_id, nonce=order.nonce, expires_at_ns=order.expires_at_ns
            )
            for stream in list(self._streams):
                if stream.device_id == order.device_id:
                    stream.push(signed)

    async def _note_seen(self) -> None:
        seen = {stream.device_id for stream in self._streams}
        await asyncio.to_thread(devices.note_seen, self._engine, seen, time.time_ns())

    async def _look_for_coincidences(self) -> None:
        await asyncio.to_thread(record_coincidences, self._engine, self._config.school_id, time.time_ns())

    async def _look_for_due(self) -> None:
        """What nothing cleared within its grace has become an incident."""
        await asyncio.to_thread(
            record_due,
            self._engine,
            self._config.school_id,
            self._ingest.find_rule,
            time.time_ns(),
            listening_since_ns=self._since_ns,
        )

    def _push(self, news: News) -> None:
        for stream in list(self._streams):
            stream.push(news)

    async def _look_for_revoked(self) -> None:
        revoked = await asyncio.to_thread(devices.find_revoked, self._engine, self._config.school_id)
        for stream in list(self._streams):
            if stream.device_id in revoked:
                stream.cut_off()


async def _try(look: Callable[[], Awaitable[None]]) -> None:
    """Do one part of a second's round; what goes wrong in it must not keep the others from being done."""
    try:
        await look()
    except SchoolwardenError as error:
        log.error("%s", error)
    except Exception:
        log.exception("the second's round was not finished")


def _load_safeguarding(engine: Engine, config: Config) -> Safeguarding | None:
    school_id = config.school_id
    signed, content = recipients.find_signed(engine, school_id), recipients.load_set(engine, school_id)
    if signed is None or content is None:
        return None
    absent = list_absent(engine, school_id, time.time_ns())
    return Safeguarding(
        recipients=signed,
        subject_key=load_subject_key(config),
        absent=sorted(absent & {each.id for each in content.recipients}),
    )


def _load_safeguarding_at_start(engine: Engine, config: Config) -> Safeguarding | None:
    try:
        has_set = recipients.find_signed(engine, config.school_id) is not None
        if has_set and not config.subject_key.exists():
            # A new key would part every account's old flags from its new ones, and show a reader his own.
            raise StoreError(
                f"the key {config.subject_key} is gone",
                hint="restore it from a backup; if there is none, publishing a set of readers makes a new one",
            )
        return _load_safeguarding(engine, config)
    except RecipientsError as error:
        # Devices get no readers then, and everything else goes on.
        log.error("the readers of flags: %s", error)
        return None
