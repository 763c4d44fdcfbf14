"""Which columns of a header usually hold what, in the languages of `usual_headers.toml`."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from indexer.records.titles import fold

HEADERS = Path(__file__).with_name("usual_headers.toml")
ANY, FIRST = "any", "en"  # what is of every language; the one that goes before the others


@cache
def usual_headers() -> Mapping[str, Mapping[str, tuple[str, ...]]]:
    """By the keys of a record's line and the language: headers as `plain` has them, the likeliest first."""
    with HEADERS.open("rb") as file:
        read = tomllib.load(file)
    return {
        key: {
            language: tuple(dict.fromkeys(map(plain, (*of[ANY], *words))))
            for language, words in of.items()
            if language != ANY
        }
        for key, of in read.items()
    }


def plain(header: str) -> str:
    """A header as people mean it: letters and digits alone, without case and accents."""
    return re.sub(r"[\W_]+", "", fold(header))


def fitting(key: str, header: Sequence[str]) -> tuple[list[str], bool]:
    """The columns that usually hold what the key says, the likeliest first, and whether the first is the one.

    It is not where no language has a word for all of them, and English for none: a table of two languages has what
    another has once in either, and nothing tells which is meant.
    """
    words = usual_headers()[key]
    written = {name: plain(name) for name in header}
    fit = {name: word for name, word in written.items() if any(word in of for of in words.values())}
    covered = {language: [name for name in fit if fit[name] in of] for language, of in words.items()}
    language = max(words, key=lambda each: (len(covered[each]), each == FIRST))
    is_plain = len(covered[language]) == len(fit)
    if not is_plain and covered[FIRST]:
        language, is_plain = FIRST, True
    if not is_plain:
        return [*fit], False
    ranked = sorted(covered[language], key=lambda name: words[language].index(fit[name]))
    return [*ranked, *(name for name in fit if name not in ranked)], True
