"""Where in a record the words of a question are: its texts in pieces, plain and found ones in turn."""

from collections.abc import Iterator
from functools import lru_cache
from typing import Literal, NamedTuple

from indexer.kb.record import Entity
from indexer.words.file import TEXT_LENGTH
from indexer.words.finding import FoundEntity
from indexer.words.folding import LONGEST_WORD, Asked, is_unspaced, parts_of, spaced
from indexer.words.ranking import Tier, in_texts

SHOWN = 200  # characters of a text around what was found
BEFORE = 60  # of them before it
MOST_NAMES = 3

Where = Literal["id", "title", "alias", "text"]


class Marked(NamedTuple):
    """An id, a title, another name, or a part of a text.

    Attributes:
        pieces: what they show one after the other; the first is plain, the second found, and so on.
    """

    where: Where
    pieces: list[str]


class Mark(NamedTuple):
    """Characters of a text that are a token, or the start of one, that was asked for."""

    start: int
    end: int
    token: str


def marked(found: FoundEntity, question: str) -> list[Marked]:
    """The title, names and text of what was found, where they hold words of the question; the id alone where it is the
    question.

    The text is looked at where title and names do not hold all.
    """
    asked, entity = Asked.of(question), found.entity
    if found.tier is None:
        return [Marked("id", ["", entity.entity_id])]
    if asked is None:
        return []
    texts = [Marked("title", in_pieces(entity.title, asked))]
    if found.tier >= Tier.ALIAS:
        named = (Marked("alias", in_pieces(alias, asked)) for alias in entity.aliases)
        texts += [each for each in named if len(each.pieces) > 1][:MOST_NAMES]
    if found.tier is Tier.TEXT:
        texts.append(Marked("text", _snippet(entity, in_texts(asked))))
    return [each for each in texts if len(each.pieces) > 1]


def in_pieces(text: str, asked: Asked) -> list[str]:
    """A whole text in pieces; a single one where nothing was found."""
    return _cut(text, marks_of(text, asked), 0, len(text))


def _snippet(entity: Entity, asked: Asked) -> list[str]:
    """The part of a text that holds most of the words, in pieces."""
    text = entity.text[:TEXT_LENGTH]
    marks = marks_of(text, asked)
    if not marks:
        return [text[:SHOWN]]

    def held(first: Mark) -> int:
        return len({mark.token for mark in marks if 0 <= mark.start - first.start < SHOWN - BEFORE})

    best = max(marks, key=held)  # the first of several
    start = max(0, best.start - BEFORE)
    if start and (space := text.find(" ", start, best.start)) >= 0:
        start = space + 1
    end = max(min(len(text), start + SHOWN), best.end)
    if end < len(text) and (space := text.rfind(" ", best.end, end)) >= 0:
        end = space
    pieces = _cut(text, marks, start, end)
    pieces[0] = f"{'…' if start else ''}{pieces[0]}"
    if end < len(entity.text):
        if len(pieces) % 2:
            pieces[-1] += "…"
        else:
            pieces.append("…")
    return pieces


def _cut(text: str, marks: list[Mark], start: int, end: int) -> list[str]:
    pieces: list[str] = []
    place = start
    for mark in marks:
        first, last = max(mark.start, place), min(mark.end, end)
        if first >= last:
            continue
        if pieces and first == place:  # it goes on where the one before ends
            pieces[-1] += text[first:last]
        else:
            pieces += [text[place:first], text[first:last]]
        place = last
    return [*pieces, text[place:end]] if place < end or not pieces else pieces


def marks_of(text: str, asked: Asked) -> list[Mark]:
    """What of a text was asked for, in its order; marks may lie over one another."""
    folded, origins = _folded(text)
    tokens = set(asked.tokens)
    found = []
    for word, begin in _words(folded):
        place = begin
        for part in parts_of(word):
            for token, offset in _tokens(part, tokens, asked.start):
                first, last = place + offset, place + offset + len(token) - 1
                found.append(Mark(origins[first], origins[last] + 1, token))
            place += len(part)
    return sorted(found)


def _words(folded: str) -> Iterator[tuple[str, int]]:
    place = 0
    for word in folded.split():
        place = folded.index(word, place)
        yield word, place
        place += len(word)


def _tokens(part: str, tokens: set[str], start: str | None) -> Iterator[tuple[str, int]]:
    """What of a part of a word was asked for, and where in it."""
    if not is_unspaced(part):
        if (short := part[:LONGEST_WORD]) in tokens:
            yield short, 0
        elif start is not None and part.startswith(start):
            yield start, 0
        return
    for place in range(len(part)):
        for token in (part[place : place + 2], part[place]):
            if token in tokens:
                yield token, place
                break


def _folded(text: str) -> tuple[str, list[int]]:
    """A text as words are told apart in it, and which of its characters each of its characters comes from."""
    pieces, origins = [], []
    for place, character in enumerate(text):
        piece = _fold_one(character)
        pieces.append(piece)
        origins += [place] * len(piece)
    return "".join(pieces), origins


@lru_cache(maxsize=2**16)
def _fold_one(character: str) -> str:
    return spaced(character)
