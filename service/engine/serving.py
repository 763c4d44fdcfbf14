"""What answers: a linker, and all that depends on its index version. Replaced as a whole when another is published."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from indexer.linker import Linker, Question
from indexer.search import Candidate, EntityIndex
from indexer.self_check import expect_rows_find_themselves
from service import examples
from service.engine.answers import Answers
from service.schemas import ResultOut
from service.settings import Settings

SAMPLE = 20  # entities that an example finds
FIRST_BATCH = 8  # queries of the first search


@dataclass(frozen=True)
class Serving:
    """One index version, open, with the model that asks it.

    Attributes:
        answers: writes candidates out.
        example_1M: the vector of the example picture, for a first search.
        sample: what that found; examples in the OpenAPI document name these.
    """

    linker: Linker
    answers: Answers
    example_1M: NDArray[np.float32]
    sample: Sequence[Candidate]

    @property
    def version(self) -> str:
        """The index version's id."""
        return self.linker.index.version

    def results(self, queries_BM: NDArray[np.float32], questions: Sequence[Question]) -> list[list[ResultOut]]:
        """For each question, for each of its mentions, the answer as it is shown."""
        found = self.linker.search(queries_BM, questions)
        return [[self.answers.result(one) for one in each] for each in found]

    def with_version(self, name: str, settings: Settings) -> "Serving":
        """Opens another version of the index beside this one, and lets it search before anyone else may.

        Raises:
            WikiClipError: it is missing or damaged, another checkpoint made it, or it does not find what it holds.
        """
        model = self.linker.model
        index = EntityIndex.open(
            settings.index,
            fingerprint=model.fingerprint,
            version=name,
            threads=settings.search_threads,
            device=settings.device,
        )
        expect_rows_find_themselves(index.rows)
        linker = Linker(model, index, limits=self.linker.limits, where=self.linker.where)
        return replace(self, linker=linker, answers=Answers(index), sample=_first(linker, self.example_1M))


def open_serving(settings: Settings) -> Serving:
    """Loads the model and opens the published version. A service that never found anything is not ready, so one
    search goes first.

    Raises:
        WikiClipError: as `Linker.open` does.
    """
    return serving_of(open_linker(settings))


def serving_of(linker: Linker) -> Serving:
    """The same of a linker that is there."""
    example_1M = linker.encode([linker.prepare(examples.picture(), [None])])
    return Serving(linker, Answers(linker.index), example_1M, _first(linker, example_1M))


def _first(linker: Linker, example_1M: NDArray[np.float32]) -> list[Candidate]:
    # As a batch, so that what an index makes for those is there before somebody waits.
    return linker.index.search(np.repeat(example_1M, FIRST_BATCH, axis=0), SAMPLE)[0]


def open_linker(settings: Settings) -> Linker:
    """The linker of a service. Raises WikiClipError as `Linker.open` does."""
    return Linker.open(
        settings.model,
        settings.index,
        limits=settings.picture_limits,
        threads=settings.search_threads,
        device=settings.device,
    )
