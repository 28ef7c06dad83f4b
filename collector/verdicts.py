# SPDX-License-Identifier: Apache-2.0
"""What a reader can say of a flag, by the names that are kept. The words that people read are the console's."""

from enum import StrEnum


class Verdict(StrEnum):
    """What a reader made of a flag."""

    CONCERN = "concern"
    NO_CONCERN = "no_concern"
    TEST_TEXT = "test_text"
    ALREADY_KNOWN = "already_known"
    REFERRED = "referred"


WITH_CATEGORY = frozenset({Verdict.CONCERN, Verdict.REFERRED, Verdict.ALREADY_KNOWN})
"""Of these it is counted what they are about. Of anything else no category is kept: it would only tell on somebody."""

CATEGORIES = (
    "suicide",
    "self_harm",
    "eating_disorder",
    "bullying",
    "grooming",
    "sexual",
    "abuse",
    "radicalisation",
    "hate",
    "violence",
    "drugs",
    "criminal_exploitation",
    "running_away",
    "gambling",
    "bypass",
)
"""What a reader can say that it is about; reports count these and not what the device saw, which is sealed."""

ACTIONS = {
    "none_needed": "None needed",
    "talked_to_child": "Talked to the child",
    "talked_to_parents": "Talked to the parents or carers",
    "pastoral_support": "Pastoral support in school",
    "early_help": "Early help",
    "social_care": "Referred to children’s social care",
    "health": "Referred to a health service",
    "prevent": "Referred to Prevent",
    "police": "Told the police",
    "lado": "Told the LADO",
}
"""What was done, by the name that is kept."""
