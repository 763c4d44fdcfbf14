"""Follows the published index: opens a new version beside the one that answers, tries it, and swaps."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

from indexer.version import read_version
from service.engine.serving import Serving
from service.settings import Settings
from service.telemetry.metrics import Metrics
from wikiclip.base.errors import WikiClipError

logger = logging.getLogger(__name__)

# What else may come of a file that vanishes while it is read, or of a C++ reader: the old version is as good as before.
UNOPENED = (OSError, RuntimeError, MemoryError, ValueError)


@dataclass(frozen=True, slots=True)
class Refused:
    """A version that was published and is not served, and why. No version where the pointer itself cannot be read."""

    version: str | None
    why: str


class Follower:
    """Keeps a service at the index version that is current.

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
        """Takes over the version that is current, where it is another; returns the id of the one that answers then.

        Takes as long as reading all its files. What cannot be used is noted in `refused`, logged once, and not tried
        again before another is published.

        Args:
            again: tries also a version that was refused before.
        """
        with self._lock:
            version = None
            try:
                version = read_version(self._settings.index).id
                if version == self._current().version:
                    self.refused = None
                elif again or self.refused is None or self.refused.version != version:
                    self._take(version)
            except WikiClipError as error:
                self._refuse(Refused(version, str(error)))
            except UNOPENED as error:
                self._refuse(Refused(version, f"It cannot be opened: {error or type(error).__name__}."))
            return self._current().version

    def _take(self, version: str) -> None:
        serving = self._current().with_version(version, self._settings)
        self._swap(serving)
        self.refused = None
        self._metrics.reload(taken=True)
        logger.warning("The index version %s answers from now on.", version)

    def _refuse(self, refused: Refused) -> None:
        if refused != self.refused:
            logger.error("%s answers still: %s", self._current().version, refused.why)
            self._metrics.reload(taken=False)
        self.refused = refused
