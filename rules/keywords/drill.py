# SPDX-License-Identifier: Apache-2.0
"""The phrase that proves the path from keyboard to reader: nobody types it by chance, and the real matcher finds it.

It stands in no lexicon file. That its flag is marked as a drill, so that nobody takes it for a concern, is the agent's
business.
"""

from proto.events import Tier
from rules.keywords.lexicon import Lexicon, Phrase, fold_words

DRILL_PHRASE = "schoolwarden drill seven velvet lanterns under the quiet harbour"
DRILL_CATEGORY = "drill"
DRILL_RULE = "drill"


def add_drill(lexicon: Lexicon) -> Lexicon:
    """Return a lexicon with the drill's entry in it."""
    entry = Phrase(
        id=DRILL_RULE,
        category=DRILL_CATEGORY,
        tier=Tier.ALERT,
        severity=1,
        texts=(((fold_words(DRILL_PHRASE),),),),
        why="This is a drill. It shows that a flag comes through, and says nothing about anybody.",
    )
    return Lexicon((*lexicon.phrases, entry))
