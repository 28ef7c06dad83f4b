# SPDX-License-Identifier: Apache-2.0
"""A desk with one pupil, watched under a school's pack with a notice of the school's own, for proofs about keyboards.

    room = sit_down(world)
    hits = type_there(room, "i want to kill myself")
    flag_id = raise_flag(world, safeguarding, hits[0])

The check, the readers, the words, the seal and the policy are the agent's own; what runs in the pupil's session is a
fake that says what it is told to say: no keyboard and no screen is needed.
"""

from collections.abc import Mapping

from agent.hit import Hit
from agent.policy import InForce
from agent.readers import ReaderStore
from agent.seal import Sealer
from agent.session.messages import Found
from collector import recipients
from collector.roles import Role
from proto.events import Audience
from proto.wire import Safeguarding as SafeguardingNews
from rules.evaluate import Evaluator
from rules.keywords.lexicon import load_lexicon
from rules.keywords.match import Matcher
from rules.load import load_pack, parse_files
from tests.agent.checks.room import Room
from tests.agent.collector import KEYWORDS
from tests.agent.safeguarding import with_root
from tests.clauses.world import World
from tests.collector.console.pages.conftest import come_in
from tests.collector.safeguarding import Safeguarding, build_safeguarding


def sit_down(world: World, *, keywords: str = KEYWORDS) -> Room:
    """Return the desk under the world's pack and what the school adds on keywords; its check has looked once."""
    folder = world.school.config.folder / f"desk-{len(keywords)}"
    folder.mkdir()
    room = Room(folder)
    own = {"school/keywords.toml": keywords} if keywords else {}
    policy = parse_files(load_pack(world.pack) | own, version=1)
    room.rules = InForce(policy, Evaluator(policy), b"")
    room.look()
    return room


def type_there(room: Room, *sentences: str) -> list[Hit]:
    """Let the pupil accept the notice and type; return what goes to the seal of it."""
    watcher = room.watch()
    matcher = Matcher(load_lexicon(watcher.setup.languages))
    for sentence in sentences:
        for hit in matcher.find(sentence):
            found = Found(
                category=hit.category,
                tier=hit.tier,
                severity=hit.severity,
                rule=hit.rule,
                why=hit.why,
                sentence=sentence,
                start=hit.start,
                end=hit.end,
                application="gedit",
                window="Essay",
            )
            watcher.say(found)
        room.look()
    return room.hits


def load_readers(world: World, safeguarding: Safeguarding) -> ReaderStore:
    """Return the readers as a device of the school has them."""
    store = ReaderStore(
        world.school.config.folder / "readers.json", with_root(world.device().identity, safeguarding.root)
    )
    signed = recipients.find_signed(world.school.engine, world.school.id)
    store.accept(SafeguardingNews(recipients=signed, subject_key=safeguarding.subject_key, absent=[]))
    return store


def raise_flag(world: World, safeguarding: Safeguarding, hit: Hit) -> str:
    """Let a device of the school seal what was typed and send it; return the id of the flag."""
    device = world.device()
    flag = Sealer(device.identity, load_readers(world, safeguarding), "library-01").seal(hit)
    said = device.say(flag.event, audience=Audience.SAFEGUARDING, tier=flag.tier, route=flag.route, drill=flag.is_drill)
    return safeguarding.take(said)


def show_typed_words_reach_the_lead(world: World, typed: Mapping[str, str]) -> None:
    """See that what is typed is flagged under its category, that the safeguarding lead has it on the page of flags and
    can read it, that a technician cannot, and that the pack by itself watches nobody."""
    assert sit_down(world, keywords="").starter.started == []
    hits = type_there(sit_down(world), *typed.values())
    missed = set(typed.items()) - {(hit.found.category, hit.found.sentence) for hit in hits}
    assert missed == set()
    safeguarding = build_safeguarding(world.school)
    flag_id = raise_flag(world, safeguarding, hits[0])
    technician = world.visit(Role.TECHNICIAN)
    assert technician.get("/flags").status == 403
    lead = come_in(technician.app, world.school, safeguarding.dsl)
    assert f'id="flag-{flag_id}"' in lead.get("/flags").text
    assert safeguarding.open(flag_id, safeguarding.dsl).sentence == hits[0].found.sentence
