"""The memory that bodies may take together while they come in, wait and are read."""

from service.errors import Cause, Problem
from service.telemetry.metrics import Metrics


class ByteBudget:
    """Counts bytes of bodies. For one event loop."""

    def __init__(self, most: int, metrics: Metrics) -> None:
        self._most = most
        self._metrics = metrics
        self._held = 0

    def take(self, count: int) -> None:
        """Raises Problem where so many more do not fit."""
        if self._held + count > self._most:
            raise Problem(
                Cause.BUSY, "Too many bytes of other requests are held; try again.", headers={"Retry-After": "1"}
            )
        self._held += count
        self._metrics.bodies(self._held)

    def give_back(self, count: int) -> None:
        """Takes as many off."""
        self._held -= count
        self._metrics.bodies(self._held)
