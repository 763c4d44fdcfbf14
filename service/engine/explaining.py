"""Why a mention may be an entity, as the service shows it."""

import numpy as np

from service.engine.reading import Compared
from service.schemas import EntityPictureOut, ExplanationOut, MentionOut, WordOut
from wikiclip.explanation import Grid, explain
from wikiclip.mention import Square


def explained(compared: Compared) -> ExplanationOut:
    """Encodes both sides again and tells what made the score."""
    found = explain(compared.model, compared.pair)
    square, shown = compared.pair.entity_square, compared.entity.images
    picture = None
    if square is not None and found.attention_GG is not None and shown:
        picture = EntityPictureOut(image=shown[0], frame=_frame(square), attention=_numbers(found.attention_GG, 6))
    return ExplanationOut(
        entity=compared.entity,
        score=found.score,
        mention=MentionOut(frame=_frame(compared.pair.mention_square), similarity=_cosines(found.similarity_GG)),
        picture=picture,
        words=[WordOut(word=word, weight=round(weight, 6)) for word, weight in found.words],
    )


def _frame(square: Square) -> list[float]:
    left, top, right, bottom = square
    return [left, top, right - left, bottom - top]


def _numbers(grid: Grid, digits: int) -> list[list[float]]:
    rows: list[list[float]] = grid.round(digits).tolist()
    return rows


def _cosines(grid: Grid) -> list[list[float | None]]:
    return [[None if np.isnan(value) else value for value in row] for row in _numbers(grid, 4)]
