"""What routes ask of whatever answers: a pipeline in this process, or one that asks engines in others."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from indexer.records.records import Candidate, Records
from service.engine.linked import Explained, Linked, Segmented
from service.engine.presenting import Presenter
from service.errors import Problem
from service.schemas import Readiness, Reloaded
from service.settings import Settings


class Answers(Protocol):
    """One index version, open, as routes show it.

    Attributes:
        presenter: shows candidates and records.
        sample: what an example finds; examples in the OpenAPI document name these.
    """

    @property
    def version(self) -> str: ...
    @property
    def is_damaged(self) -> bool: ...
    @property
    def records(self) -> Records: ...
    @property
    def presenter(self) -> Presenter: ...
    @property
    def sample(self) -> Sequence[Candidate]: ...
    def neighbours(self, entity_id: str, k: int) -> list[Candidate]:
        """The k entities nearest to one; not for the event loop. Raises UnknownEntity and Problem."""


class Work(Protocol):
    """Does what requests ask; see `Pipeline`. `read` is given what reads pictures and regions."""

    async def link(self, read: Callable[[Any], Any], *, size: int) -> Linked: ...
    async def segment(self, read: Callable[[Any], Any], *, size: int) -> Segmented: ...
    async def explain(self, read: Callable[[Any], Any], *, size: int) -> Explained: ...
    def has_room(self, coming: int = 0) -> bool: ...


class Answering(Protocol):
    """Lives as long as the server; see `Runtime`."""

    settings: Settings

    @property
    def is_ready(self) -> bool: ...
    @property
    def pipeline(self) -> Work: ...
    @property
    def serving(self) -> Answers: ...
    def why_not_ready(self) -> Problem | None: ...
    def readiness(self) -> Readiness:
        """What `/readyz` tells where it is ready. Raises Problem where nothing is loaded."""

    async def reload(self) -> Reloaded:
        """Tries the version that is current, also one that was refused before. Raises Problem."""

    async def keep(self, announce: Callable[[], None] | None) -> None:
        """Loads, and then looks after what answers until it is cancelled.

        Args:
            announce: called once loading has ended, well or badly.
        """

    async def begun(self) -> None:
        """Returns once it knows what there is to answer with, be that nothing yet; no connection is taken before."""

    def close(self, *, seconds: float | None = None) -> None: ...
