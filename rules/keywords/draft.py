# SPDX-License-Identifier: Apache-2.0
"""Drafts of keywords as the engine looks for them: plain phrases that are counted and never told.

What a draft may say is `rules.drafts`'; that no text of one leaves the watcher is the watcher's business.
"""

from collections.abc import Mapping, Sequence

from proto.events import Tier
from rules.keywords.lexicon import Lexicon, Phrase, fold_words

DRAFT_CATEGORY = "draft"


def add_drafts(lexicon: Lexicon, drafts: Mapping[str, Sequence[str]]) -> Lexicon:
    """Return a lexicon with drafts in it: for each id the texts that it stands for.

    In a category of their own they hide nothing that is told.
    """
    entries = (
        Phrase(
            id=id_,
            category=DRAFT_CATEGORY,
            tier=Tier.COUNT,
            severity=1,
            texts=tuple(((words,),) for text in texts if (words := fold_words(text))),
            why="A draft: it is counted.",
        )
        for id_, texts in drafts.items()
    )
    return Lexicon((*lexicon.phrases, *entries))
