"""In which languages records are, as far as they say so or their letters do."""

import unicodedata
from collections import Counter

from indexer.kb.record import Entity
from wikiclip.presets.languages import Reading

LOOKED_AT = 200  # characters of a record
LATIN = "LATIN"
SHOWN = 6
WRITTEN = {"DEVANAGARI": ("hi",), "THAI": ("th",)}  # in scripts of their own, what an encoder of a few languages reads


def spoken(entity: Entity) -> str:
    """The first part of a record's language tag; without a tag the script of most of its letters, in capitals, such as
    "ARABIC" and "CJK"."""
    if entity.lang is not None:
        return entity.lang.partition("-")[0].lower()
    beginning = f"{entity.title} {entity.text}"[:LOOKED_AT]
    if beginning.isascii():
        return LATIN
    scripts = Counter(unicodedata.name(letter, "").partition(" ")[0] for letter in beginning if letter.isalpha())
    return scripts.most_common(1)[0][0] if scripts else LATIN


def unread(languages: Counter[str], reading: Reading) -> Counter[str]:
    """How many records are in each language that an encoder does not read. Latin letters may be of any that it does."""
    if reading.languages is None:
        return Counter()
    found = {name: count for name, count in languages.items() if not _may_read(name, reading)}
    return Counter(found)


def warning(languages: Counter[str], reading: Reading, model: str) -> str | None:
    """One line for people; None where nothing is to be said."""
    found = unread(languages, reading)
    if not found:
        return None
    named = ", ".join(f"{_told(name)} {count:,}" for name, count in found.most_common(SHOWN))
    more = f", and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return (
        f"{found.total():,} of {languages.total():,} records are in what the text encoder of {model} does not read"
        f" ({named}{more}): it reads {reading}. Their pictures are found as any others; docs/languages.md"
        " names encoders that read more."
    )


def _may_read(name: str, reading: Reading) -> bool:
    if not name.isupper():
        return reading.reads(name)
    return name == LATIN or any(reading.reads(language) for language in WRITTEN.get(name, ()))


def _told(name: str) -> str:
    if not name.isupper():
        return name
    return "Chinese characters" if name == "CJK" else f"{name.capitalize()} letters"
