"""The slow twin of `indexer.words`: reads every record, takes it apart character by character, and sorts."""

import re
from collections.abc import Sequence
from itertools import pairwise
from unicodedata import category, combining, normalize

from indexer.kb.record import Entity
from indexer.words.folding import UNSPACED


def words(text: str) -> list[str]:
    found = [""]
    for character in text:
        for each in normalize("NFKD", character):
            if combining(each):
                continue
            for part in each.casefold():
                kind = category(part)
                if kind == "Cf" or 0xFE00 <= ord(part) <= 0xFE0F or 0x1F3FB <= ord(part) <= 0x1F3FF:
                    continue
                if kind[0] in "LNM" or kind in ("Co", "Cn"):
                    found[-1] += part
                elif kind in ("Sm", "Sc", "So") and not part.isascii():
                    found += [part, ""]
                else:
                    found.append("")
    return [word for word in found if word]


def unspaced(character: str) -> bool:
    return re.fullmatch(f"[{UNSPACED}]", character) is not None


def parts(word: str) -> list[str]:
    found: list[str] = []
    for character in word:
        if found and unspaced(found[-1][-1]) == unspaced(character):
            found[-1] += character
        else:
            found.append(character)
    return found


def tokens(text: str) -> set[str]:
    found = set()
    for word in words(text):
        for part in parts(word):
            if unspaced(part[0]):
                found |= {*part, *map("".join, pairwise(part))}
            else:
                found.add(part[:48])
    return found


def scan(entities: Sequence[Entity], question: str) -> list[tuple[int, int]]:
    """(tier, number) of all that hold the words: of the first two tiers in their order, of the others by number."""
    every = [part for word in words(question) for part in parts(word)]
    asked, last = every[:16], every[15:16] if len(every) > 16 else every[-1:]
    goes_on = len(every) <= 16 and bool(every) and not unspaced(last[0][0])
    start = last[0][:48] if goes_on else None
    whole = {
        pair
        for part in (asked[:-1] if goes_on else asked)
        for pair in (
            [part[:48]] if not unspaced(part[0]) else map("".join, pairwise(part)) if len(part) > 1 else [part]
        )
    }
    if not asked:
        return []
    alone = len(asked) == 1 and goes_on
    if start is not None and any(token.startswith(start) for token in whole):
        start = None
    first = asked[0] if not unspaced(asked[0][0]) else asked[0][:2]
    ranked = []
    for number, entity in enumerate(entities):
        title = tokens(entity.title)
        named = title.union(*map(tokens, entity.aliases))
        told = named | tokens(entity.text[:2000])

        def suits(held: set[str], start: str | None = start, whole: set[str] = whole) -> bool:
            return whole <= held and (start is None or any(token.startswith(start) for token in held))

        length = min(len(words(entity.title)), 255), min(sum(map(len, words(entity.title))), 255), number
        if suits(title):
            begin = parts(words(entity.title)[0])[0]
            begins = (
                begin.startswith(first[:48])
                if alone
                else first[:48] in ({begin[0], begin[:2]} if unspaced(begin[0]) else {begin[:48]})
            )
            ranked.append(((0 if begins else 1), *length))
        elif entity.aliases and suits(named):
            ranked.append((2, number))
        elif entity.text and (suits(told) if start is None or len(start) >= 4 else suits(told, None, whole | {start})):
            ranked.append((3, number))
    return [(each[0], each[-1]) for each in sorted(ranked)]
