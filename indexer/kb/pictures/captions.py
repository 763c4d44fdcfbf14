"""What a caption names: from "A stethoscope lets your doctor listen to your heart." the words "stethoscope".

A stamp's caption is a short noun phrase, now and then followed by what the thing does. Only the phrase names the
thing, and in it the last word is the noun: "a colorful toy cement truck" is a cement truck, then a truck.
"""

import re
from collections.abc import Iterator

# Words that open a caption without naming anything.
_OPENERS = (
    r"(?:(?:an?|the) (?:pair|bunch|cluster|head|string|quarter|plant|baby) of(?: (?:an?|the))?|"
    r"an?|the|some|two|our|eat your|this|another)"
)
# What ends the phrase: punctuation with its dashes, or a word that starts telling about the thing.
_END = re.compile(
    r"[,;:.!?()]|\s-|[\u2013\u2014]|\s(?:is|are|was|lets?|has|have|can|means?|stands?|carry|carries|resembles|playing|dancing|"
    r"making|hatched|covered|used|from|to|for|with|without|in|inside|at|on|of|by|that|which|like|as)\s"
)
# A last word that says less than the one before it: "a hibiscus flower", "a garlic bulb", "a pili nut tree".
_GENERIC = frozenset({"flower", "fruit", "plant", "tree", "bulb", "drum", "car", "orange", "slice"})
_PLURALS = (("ies", "y"), ("ves", "f"), ("ves", "fe"), ("sses", "ss"), ("shes", "sh"), ("ches", "ch"), ("xes", "x"),
            ("oes", "o"), ("men", "man"), ("s", ""))  # fmt: skip


def head_phrase(caption: str) -> str:
    """The words of a caption that name its thing, in lower case, without article and quotes; may be empty."""
    plain = caption.lower().replace("\u2019", "'").replace("\u2018", "'")
    plain = re.sub(r"[“”\"]|(?<!\S)'|'(?![\w-])", "", plain).strip()
    phrase = _END.split(re.sub(rf"^{_OPENERS}\s+", "", plain), maxsplit=1)[0]
    return spelt(phrase)


def spelt(name: str) -> str:
    """A name as it is compared: in lower case, hyphens as spaces ("T-shirt" is "t shirt")."""
    return " ".join(name.lower().replace("-", " ").split())


def names(caption: str) -> Iterator[str]:
    """Yields the names a caption may give its thing, the longest first, each also in the singular."""
    words = head_phrase(caption).split()
    phrases = [words[start:] for start in range(len(words))]
    if len(words) > 1 and words[-1] in _GENERIC:
        # "hibiscus flower" as it is, then "hibiscus", and only then "flower".
        phrases[-1:-1] = [words[start:-1] for start in range(len(words) - 1)]
    for phrase in phrases:
        name = " ".join(phrase)
        yield name
        yield from (name.removesuffix(plural) + single for plural, single in _PLURALS if name.endswith(plural))
