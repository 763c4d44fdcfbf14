"""How sure an answer is, from the linker to the caller."""

import numpy as np
import pytest

from indexer.linker import Linker
from wikiclip.confidence import Confidence

TOLD = Confidence(weights=(2.0, 5.0, -1.0), bias=-0.5, candidates=10)


def scores(linker: Linker, png: bytes, top_k: int) -> list[float]:
    return [one.score for one in linker.answer(linker.prepare(png, [None], top_k=top_k))[0].candidates]


def test_it_is_told_from_ten_scores_whatever_was_asked(
    linker: Linker, png: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = TOLD(np.array([scores(linker, png, 10)]))[0]
    monkeypatch.setattr(linker.model, "confidence", TOLD)
    for top_k, min_score in ((1, None), (10, None), (11, None), (5, 1.0)):
        found = linker.answer(linker.prepare(png, [None, None], top_k=top_k, min_score=min_score))
        assert [one.confidence for one in found] == pytest.approx([expected] * 2, abs=1e-6)
        assert len(found[0].candidates) == (0 if min_score else top_k)


def test_a_checkpoint_that_was_not_calibrated_tells_nothing(
    linker: Linker, png: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(linker.model, "confidence", None)
    assert linker.answer(linker.prepare(png, [None]))[0].confidence is None


def test_an_index_of_too_few_entities_has_none(linker: Linker, png: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    many = Confidence(weights=(1.0, 1.0, 1.0), bias=0.0, candidates=len(linker.index) + 1)
    monkeypatch.setattr(linker.model, "confidence", many)
    assert linker.answer(linker.prepare(png, [None]))[0].confidence is None
