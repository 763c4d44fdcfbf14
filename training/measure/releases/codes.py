"""Entities by codes: short lists of tokens that a generative system gives in place of a name.

GER's ALD codes (Caron et al., CVPR 2024, "A Generative Approach for Wikipedia-Scale Visual Entity Recognition") are
such: the rarest tokens of an entity's name. Which entity has which code is in a file of the system's own, a JSON object
a line, gzipped or not: `{"entity_id": "Q89", "code": [812, 44, 7, 3]}`.

Axes: N code, L token of the longest.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from tqdm import tqdm

from indexer.kb.jsonl import first_fault
from indexer.kb.lines import expect_one_object_a_line, read_lines
from wikiclip.base.errors import WikiClipError

NONE = -1  # fills up what is shorter than the longest
Code = Annotated[list[Annotated[int, Field(ge=0, lt=2**31)]], Field(min_length=1, max_length=32)]


class _Row(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True)

    entity_id: Annotated[str, Field(min_length=1, max_length=256)]
    code: Code


class Codes:
    """Entities in the order of their codes; of six million codes of four tokens some 600 MB.

    Args:
        ids: of entities.
        codes: of the same, in the same order.
    """

    def __init__(self, ids: Sequence[str], codes: Sequence[Sequence[int]]) -> None:
        longest = max(map(len, codes), default=1)
        codes_NL = np.full((len(codes), longest), NONE, np.int32)
        for number, code in enumerate(codes):
            codes_NL[number, : len(code)] = code
        order_N = np.lexsort(codes_NL.T[::-1])  # of equal ones the first of the file stays first
        self._codes_NL: NDArray[np.int32] = codes_NL[order_N]
        self._ids = [ids[number] for number in order_N]

    def __len__(self) -> int:
        return len(self._ids)

    def starting_with(self, code: Sequence[int], most: int) -> list[str]:
        """Ids of the entities whose code is this one, and then of those whose goes on from it; `most` at most."""
        if len(code) > self._codes_NL.shape[1]:
            return []
        wanted = tuple(code)

        def start(number: int) -> tuple[int, ...]:
            return tuple(self._codes_NL[number, : len(wanted)].tolist())

        rows = range(len(self))
        first, last = (search(rows, wanted, key=start) for search in (bisect_left, bisect_right))
        return self._ids[first : min(last, first + most)]


def read_codes(path: Path) -> Codes:
    """Reads a file of codes, with a progress bar.

    Raises:
        WikiClipError: it cannot be read, holds no code, or a line is none; names the line.
    """
    expect_one_object_a_line(path)
    ids, codes = list[str](), list[list[int]]()
    for number, line in tqdm(read_lines(path), desc=f"Codes of {path.name}", unit=" codes", unit_scale=True):
        try:
            row = _Row.model_validate_json(line or b"")
        except ValidationError as error:
            raise WikiClipError(
                f"{path}, line {number}, is not a code ({first_fault(error)}): mend the line."
            ) from error
        ids.append(row.entity_id)
        codes.append(row.code)
    if not ids:
        raise WikiClipError(f"{path} holds no codes: it should have an entity_id and a code on each line.")
    return Codes(ids, codes)
