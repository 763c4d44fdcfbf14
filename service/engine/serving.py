"""What answers: a linker, and all that depends on its index version. Another version replaces it as a whole."""

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from indexer.errors import CorruptIndex, IndexUnreachable
from indexer.linker import Linker
from indexer.records.records import Candidate, Records
from indexer.search import EntityIndex
from indexer.self_check import expect_rows_find_themselves
from indexer.version import read_version
from service import examples
from service.engine.presenting import Presenter
from service.engine.refused import Refused
from service.settings import Settings
from service.telemetry.metrics import Metrics
from wikiclip.base.errors import WikiClipError

logger = logging.getLogger(__name__)

SAMPLE = 20  # entities that an example finds
FIRST_BATCH = 8  # queries of the first search
ROUNDING = 1e-2  # of a score, which a GPU sums in another order for another number of queries
# What else may come of a file that vanishes while it is read, or of a C++ reader: the old version is as good as before.
UNOPENED = (OSError, RuntimeError, MemoryError, ValueError)


@dataclass(frozen=True)
class Serving:
    """One index version, open, with the model that asks it.

    Attributes:
        presenter: shows candidates and records.
        example_1M: the vector of the example picture, for a first search, and one every few seconds.
        sample: what that found; examples in the OpenAPI document name these.
    """

    linker: Linker
    presenter: Presenter
    example_1M: NDArray[np.float32]
    sample: Sequence[Candidate]

    @property
    def version(self) -> str:
        """The index version's id."""
        return self.linker.index.version

    @property
    def model_name(self) -> str:
        """The model's."""
        return self.linker.model.name

    @property
    def records(self) -> Records:
        """The version's records."""
        return self.linker.index

    def neighbours(self, entity_id: str, k: int) -> list[Candidate]:
        """The k entities nearest to one, without itself. Raises UnknownEntity."""
        return self.linker.index.neighbours(entity_id, k)

    @property
    def is_damaged(self) -> bool:
        """Whether a file of the index is known to be another than was opened, so that nothing may be read from it."""
        return self.linker.index.files.fault is not None

    def try_search(self) -> None:
        """Searches for the example once more, as for a caller.

        Raises:
            CorruptIndex: it finds something else than when the version was opened.
        """
        (found,) = self.linker.index.search(self.example_1M, SAMPLE)
        scores, before = ([one.score for one in each] for each in (found, self.sample))
        if len(scores) != len(before) or not np.allclose(scores, before, atol=ROUNDING):
            raise CorruptIndex(f"The index {self.version} does not find any more what it found when it was opened.")

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
            milvus=settings.milvus,
        )
        expect_rows_find_themselves(index.rows)
        linker = Linker(model, index, limits=self.linker.limits, where=self.linker.where)
        return replace(self, linker=linker, presenter=Presenter(index), sample=_first(linker, self.example_1M))


def open_serving(settings: Settings, *, version: str | None = None) -> Serving:
    """Loads the model and opens a version, the published one if None. A service that never found anything is not
    ready, so one search goes first.

    Raises:
        WikiClipError: as `Linker.open` does.
    """
    return serving_of(open_linker(settings, version=version))


def open_linker(settings: Settings, *, version: str | None = None) -> Linker:
    """The linker of a service. Raises WikiClipError as `Linker.open` does."""
    return Linker.open(
        settings.model,
        settings.index,
        limits=settings.picture_limits,
        threads=settings.search_threads,
        device=settings.device,
        version=version,
        milvus=settings.milvus,
    )


def serving_of(linker: Linker) -> Serving:
    """What answers with a linker that is open."""
    example_1M = linker.encode([linker.prepare(examples.picture(), [None])])
    return Serving(linker, Presenter(linker.index), example_1M, _first(linker, example_1M))


def _first(linker: Linker, example_1M: NDArray[np.float32]) -> list[Candidate]:
    # As a batch first, so that what an index makes for those is there before somebody waits.
    linker.index.search(np.repeat(example_1M, FIRST_BATCH, axis=0), SAMPLE)
    return linker.index.search(example_1M, SAMPLE)[0]


class Follower:
    """Keeps a service at the index version that is current: opens a new one beside it, tries it, and swaps.

    Args:
        current: what answers now.
        swap: makes something else answer from now on.

    Attributes:
        refused: the last version that was looked at, if it was refused; the old one goes on answering.
    """

    def __init__(
        self, current: Callable[[], Serving], swap: Callable[[Serving], None], settings: Settings, metrics: Metrics
    ) -> None:
        self._current = current
        self._swap = swap
        self._settings = settings
        self._metrics = metrics
        self._lock = threading.Lock()
        self.refused: Refused | None = None

    def look(self, *, again: bool = False) -> str:
        """Takes over the version that is current, where it is another, or where the one that answers was damaged;
        returns the id of the one that answers then.

        Takes as long as reading all its files. What cannot be used is noted in `refused`, logged once, and not tried
        again before another is published or its files are mended, unless it was only out of reach.

        Args:
            again: tries also a version that was refused before.
        """
        with self._lock:
            version = state = None
            try:
                published = read_version(self._settings.index)
                version = published.id
                if version == self._current().version and not self._current().is_damaged:
                    self.refused = None
                else:
                    state = published.state()
                    if again or self.refused is None or not self.refused.stands(version, state):
                        self._take(version)
            except IndexUnreachable as error:
                self._refuse(Refused(version, str(error), passing=True, state=state))
            except WikiClipError as error:
                self._refuse(Refused(version, str(error), state=state))
            except UNOPENED as error:
                self._refuse(Refused(version, f"It cannot be opened: {error or type(error).__name__}.", state=state))
            return self._current().version

    def _take(self, version: str) -> None:
        serving = self._current().with_version(version, self._settings)
        self._swap(serving)
        self.refused = None
        self._metrics.reload(taken=True)
        logger.warning("The index version %s answers from now on.", version)

    def _refuse(self, refused: Refused) -> None:
        if refused != self.refused:
            logger.error("The index version %s stays: %s", self._current().version, refused.why)
            self._metrics.reload(taken=False)
        self.refused = refused
