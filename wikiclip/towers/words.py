"""Descriptions cut before a tokenizer reads them: an article may be a hundred times as long as a tower's context.

Every tokenizer here gives a word at least one token, but for words of signs that it drops, and none looks further than
at the space behind a word. So one word more than the context has tokens fills it with what the whole description would.
Where they do not fill it, the whole description is read after all.
"""

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TypeVar

Read = TypeVar("Read")


def read_first_words(
    texts: Sequence[str], most: int, read: Callable[[list[str]], Read], fills: Callable[[Read, int], bool]
) -> Read:
    """What a tokenizer makes of texts, of which it sees no more words than it needs.

    Args:
        most: tokens that the context holds.
        read: the tokenizer, which cuts after `most` tokens.
        fills: whether the text of a number has as many tokens as the context holds.
    """
    cut = [first_words(text, most + 1) for text in texts]
    found = read(cut)
    shorter = (number for number, text in enumerate(texts) if len(cut[number]) < len(text))
    return found if all(fills(found, number) for number in shorter) else read(list(texts))


def first_words(text: str, most: int) -> str:
    """The text's first words, with what lies between them as it is."""
    found = _words(most).match(text)
    assert found is not None
    return found.group()


@lru_cache(maxsize=16)
def _words(most: int) -> re.Pattern[str]:
    return re.compile(rf"(?:\s*\S+){{0,{most}}}")
