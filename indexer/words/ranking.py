"""Where a record holds the words of a question, what an index is asked for it, and how well it suits.

All words have to be there, and the last one may go on. Those come first whose title begins with the first word, then
those with all words in the title, then with the help of other names, then of the text.
"""

from collections.abc import Sequence
from dataclasses import replace
from enum import IntEnum

from indexer.kb.record import Entity
from indexer.words.file import FIRST, NAME, NAME_STARTS, TEXT_LENGTH, TEXT_STARTS, TITLE, alias_tokens
from indexer.words.folding import Asked, tokens_of, words_of
from indexer.words.opened import Expression

K1, B, USUAL_LENGTH = 1.2, 0.75, 60.0  # BM25's; words of a usual text


class Tier(IntEnum):
    """Where the words were found; the lower comes first."""

    BEGINNING = 0
    TITLE = 1
    ALIAS = 2
    TEXT = 3


def tier_of(entity: Entity, asked: Asked) -> Tier | None:
    """Where an entity holds all words; None where it does not."""
    named = _tier_of_names(entity, asked)
    if named is not None or not entity.text:
        return named
    return Tier.TEXT if in_texts(asked).suits(tokens_of(_told(entity))) else None


def _tier_of_names(entity: Entity, asked: Asked) -> Tier | None:
    words = words_of(entity.title)
    title = tokens_of(words)
    if asked.suits(title):
        return Tier.BEGINNING if asked.begins(words) else Tier.TITLE
    return Tier.ALIAS if entity.aliases and asked.suits(alias_tokens(entity, title)) else None


def _told(entity: Entity) -> list[str]:
    """All words of an entity."""
    return words_of(" ".join((entity.title, *entity.aliases, entity.text[:TEXT_LENGTH])))


def in_texts(asked: Asked) -> Asked:
    """The same as texts are asked: a start of few letters is in most of them, and is looked for as a word."""
    if asked.start is None or len(asked.start) >= TEXT_STARTS[0]:
        return asked
    return replace(asked, tokens=(*asked.tokens, asked.start), start=None)


def expression_of(asked: Asked, tier: Tier, *, whole_start: bool) -> Expression:
    """What an index is asked for those of a tier. Some may be of another: a start is looked up by its first letters.

    Args:
        whole_start: a start is looked up by all of its letters.
    """
    if tier is Tier.TEXT:
        asked = in_texts(asked)
        return Expression("texts", _all("", asked, TEXT_STARTS, whole_start))
    first = _token(FIRST, asked.first)
    if asked.starts:
        first = _start(FIRST, asked.first, NAME_STARTS, whole_start)
    # What is no more than a beginning of the start must not shut anything out.
    is_exact = whole_start or indexed(asked, tier) == asked.start
    title = _all(TITLE, asked, NAME_STARTS, whole_start)
    if tier is Tier.BEGINNING:
        return Expression("names", first if asked.starts else f"{first} AND {title}")
    if tier is Tier.TITLE:
        return Expression("names", f"({title}) NOT {first}" if is_exact else title)
    names = _all(NAME, asked, NAME_STARTS, whole_start)
    return Expression("names", f"({names}) NOT ({title})" if is_exact else names)


def indexed(asked: Asked, tier: Tier) -> str | None:
    """As much of a start as a tier's index has a list of rows for."""
    if tier is Tier.TEXT:
        asked = in_texts(asked)
    return None if asked.start is None else _indexed(asked.start, TEXT_STARTS if tier is Tier.TEXT else NAME_STARTS)


def sharing(indexed: str, tier: Tier) -> Expression:
    """The records with a word that begins so, of those that a tier is looked for in."""
    return Expression(
        "texts" if tier is Tier.TEXT else "names", f"{_token('' if tier is Tier.TEXT else TITLE, indexed)}*"
    )


def begins_so(entity: Entity, start: str, tier: Tier) -> bool:
    """Whether a word of an entity begins with all of a start, of those that a tier is looked for in."""
    words = _told(entity) if tier is Tier.TEXT else words_of(entity.title)
    return f" {start}" in f" {' '.join(words)}"


def rank(entity: Entity, asked: Asked, tier: Tier) -> tuple[float, ...] | None:
    """How well an entity of a tier suits, less is better; None where it is of another."""
    named = _tier_of_names(entity, asked)
    if tier is Tier.TEXT:
        score = None if named is not None else _bm25(_told(entity), in_texts(asked))
        return None if score is None else (-score,)
    if named is not tier:
        return None
    return _alias_rank(entity, asked) if tier is Tier.ALIAS else ()


def _alias_rank(entity: Entity, asked: Asked) -> tuple[float, ...]:
    """By the name that suits best: it begins so or holds all words, and is short; last where no name alone does."""
    ranks = []
    for alias in entity.aliases:
        words = words_of(alias)
        if asked.suits(tokens_of(words)):
            ranks.append((0.0 if asked.begins(words) else 1.0, float(len(words)), float(sum(map(len, words)))))
    return min(ranks, default=(2.0, 0.0, 0.0))


def _bm25(words: list[str], asked: Asked) -> float | None:
    """Okapi BM25 (Robertson and Zaragoza, 2009, section 3.4) without the rarity of words, which all have to be there;
    None where one is not."""
    joined = f" {' '.join(words)}"
    if not joined.isascii() and not asked.suits(tokens_of(words)):
        return None
    # Characters of scripts without spaces are no words of their own.
    counts = [words.count(token) for token in asked.tokens]
    if asked.start is not None:
        counts.append(joined.count(f" {asked.start}"))
    if not joined.isascii():
        every = asked.tokens if asked.start is None else (*asked.tokens, asked.start)
        counts = [count or joined.count(token) for count, token in zip(counts, every, strict=True)]
    if not all(counts):
        return None
    short = K1 * (1 - B + B * len(words) / USUAL_LENGTH)
    return sum(count * (K1 + 1) / (count + short) for count in counts)


def _all(mark: str, asked: Asked, lengths: Sequence[int], whole_start: bool) -> str:
    each = [_token(mark, token) for token in asked.tokens]
    if asked.start is not None:
        each.append(_start(mark, asked.start, lengths, whole_start))
    return " AND ".join(each)


def _token(mark: str, token: str) -> str:
    return f'"{mark}{token}"'


def _start(mark: str, start: str, lengths: Sequence[int], whole_start: bool) -> str:
    return f"{_token(mark, start if whole_start else _indexed(start, lengths))}*"


def _indexed(start: str, lengths: Sequence[int]) -> str:
    return start[: max(n for n in lengths if n <= len(start))]
