"""Texts to words, and words to the tokens that an index of words keeps.

A word is what stands between spaces and punctuation, folded as titles are: neither case nor accents count. Where a
script sets no spaces, each character is a token and each two neighbours are one, so that a part of a title is found.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from unicodedata import category, combining, normalize

MOST_WORDS = 16  # of a question; what follows them is not looked for
LONGEST_WORD = 48  # characters that count
LONGEST_QUESTION = 2_000  # characters that are read
# Han, kana, bopomofo, Thai, Lao, Tibetan, Burmese, Khmer.
UNSPACED = (
    "\u0e00-\u0eff\u0f00-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u312f\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\U00020000-\U0003ffff"
)
_runs = re.compile(f"([{UNSPACED}]+)")


class _Spaced(dict[int, str]):
    """What a character becomes, in a text that is decomposed, where there shall be nothing but spaces between words.

    Each is looked up once. The whole is as quick as `fold` alone, which it does, too.
    """

    def __missing__(self, code: int) -> str:
        found = "" if combining(chr(code)) else "".join(map(_spaced, chr(code).casefold()))
        self[code] = found
        return found


def _spaced(folded: str) -> str:
    code, kind = ord(folded), category(folded)
    if kind == "Cf" or 0xFE00 <= code <= 0xFE0F or 0xE0100 <= code <= 0xE01EF or 0x1F3FB <= code <= 0x1F3FF:
        return ""  # a hyphen that may be broken at, joiners, variants of a sign
    if kind[0] in "LNM" or kind in ("Co", "Cn"):
        return folded
    if kind[0] == "S" and code > 0x7F and kind != "Sk":
        return f" {folded} "  # a pictograph is a word
    return " "


_table = _Spaced()


def words_of(text: str) -> list[str]:
    """The words of a text, folded, in their order."""
    return spaced(text).split()


def spaced(text: str) -> str:
    """A text folded as titles are, with nothing but spaces between its words."""
    return (text if text.isascii() else normalize("NFKD", text)).translate(_table)


def tokens_of(words: list[str]) -> dict[str, None]:
    """The tokens of words, each once, in their order."""
    if "".join(words).isascii() and max(map(len, words), default=0) <= LONGEST_WORD:
        return dict.fromkeys(words)  # as below, several times faster
    found: dict[str, None] = {}
    for word in words:
        if word.isascii():
            found[word[:LONGEST_WORD]] = None
        else:
            for part in parts_of(word):
                found.update(dict.fromkeys(_tokens(part)))
    return found


def parts_of(word: str) -> list[str]:
    """A word, or its runs of characters of scripts that set no spaces and what is between them."""
    return [part for part in _runs.split(word) if part]


def _short(part: str) -> str:
    return part if is_unspaced(part) else part[:LONGEST_WORD]


def is_unspaced(part: str) -> bool:
    """Whether a part of a word is of a script that sets no spaces."""
    return _runs.match(part) is not None


def _tokens(part: str) -> Iterator[str]:
    if not is_unspaced(part):
        yield part[:LONGEST_WORD]
        return
    for first, second in zip(part, [*part[1:], ""], strict=True):
        yield first
        if second:
            yield first + second


def length_of(words: list[str]) -> int:
    """By how many words and characters a title is long, as a number of 16 bits that orders titles so."""
    return min(len(words), 255) << 8 | min(sum(map(len, words)), 255)


@dataclass(frozen=True)
class Asked:
    """What a record has to hold to be found: all the tokens, and a word that starts so.

    Attributes:
        tokens: each once.
        start: how a word of the record begins; None where the last word is of a script that sets no spaces.
        first: the token, or the start, that the title of those begins with that come first.
    """

    tokens: tuple[str, ...]
    start: str | None
    first: str

    @classmethod
    def of(cls, question: str) -> "Asked | None":
        """The words of a question, the last of which may go on; None where there is no word in it."""
        words = words_of(question[:LONGEST_QUESTION])
        every = [_short(part) for word in words[: MOST_WORDS + 1] for part in parts_of(word)]
        parts = every[:MOST_WORDS]
        if not parts:
            return None
        goes_on = len(parts) == len(every) and len(words) <= MOST_WORDS and not is_unspaced(parts[-1])
        start = parts[-1] if goes_on else None
        tokens = dict.fromkeys(token for part in (parts[:-1] if goes_on else parts) for token in _asked(part))
        first = next(iter(tokens), start)
        assert first is not None
        if start is not None and any(token.startswith(start) for token in tokens):
            start = None
        return cls(tuple(tokens), start, first)

    @property
    def starts(self) -> bool:
        """Whether the first word is the one that may go on."""
        return not self.tokens

    def suits(self, tokens: dict[str, None]) -> bool:
        """Whether these are all that is asked for."""
        if not all(token in tokens for token in self.tokens):
            return False
        return self.start is None or f" {self.start}" in f" {' '.join(tokens)}"

    def begins(self, words: list[str]) -> bool:
        """Whether a title of these words begins with the first word."""
        firsts = first_tokens(words)
        return any(each.startswith(self.first) if self.starts else each == self.first for each in firsts)


def _asked(part: str) -> list[str]:
    """Of several characters the pairs: they say more, and hold the characters."""
    if not is_unspaced(part):
        return [part]
    return [part] if len(part) == 1 else [part[place : place + 2] for place in range(len(part) - 1)]


def first_tokens(words: list[str]) -> list[str]:
    """The tokens that a title begins with: a word, or a character and a pair."""
    if not words:
        return []
    part = _short(parts_of(words[0])[0])
    return [part] if not is_unspaced(part) else list(dict.fromkeys([part[0], part[:2]]))
