"""Extension: what a question says of where a thing is and what it has to do with others (PL-VEL, "Text Reference
Construction"). The paper asks a language model for it; here it is read by templates."""

import re

from training.annotate.references.templates import Templates

ADDRESSES = re.compile(r"^(?:(?:please|hey|so|and|now|ok|okay)\b[\s,]*)+", re.IGNORECASE)
CLOSING = re.compile(r"[\s?.!]+$")
SPACES = re.compile(r"\s+")
LONGEST = 300  # characters of a question; what is longer tells a story
DETERMINER = re.compile(r"^(?:this|that|these|those|a|an)\b", re.IGNORECASE)


def phrase_of(question: str, templates: Templates) -> str | None:
    """Returns such as "the brown item on the chair facing the camera"; None where the question tells nothing of what it
    is about, as "What is this?" does."""
    if len(question) > LONGEST:
        return None
    asked = CLOSING.sub("", ADDRESSES.sub("", SPACES.sub(" ", question).strip()))
    asked = templates.picture.sub("", asked)
    for rule in templates.rules:
        if matched := rule.pattern.fullmatch(asked):
            groups = {name: found or "" for name, found in matched.groupdict().items()}
            return _told(rule.phrase.format(**groups, unnamed=templates.unnamed), templates)
    return None


def _told(phrase: str, templates: Templates) -> str | None:
    """The phrase with a plain "the" before it, unless there is nothing else in it."""
    phrase = DETERMINER.sub("the", SPACES.sub(" ", phrase).strip(), count=1)
    phrase = templates.picture.sub("", phrase)
    words = phrase[:1].lower() + phrase[1:]
    if templates.empty.fullmatch(words) or templates.pointing.fullmatch(words.removeprefix("the ").strip()):
        return None
    return words
