"""A number that one process counts, and what all processes of one service have counted together."""

from typing import Protocol


class Tally(Protocol):
    """Counts on one thread; `total` is what all have together."""

    @property
    def total(self) -> int: ...
    def add(self, more: int) -> None:
        """Counts so many more; fewer than none are given back."""


class OwnTally:
    """The tally of a process that is alone."""

    def __init__(self) -> None:
        self.total = 0

    def add(self, more: int) -> None:
        self.total += more
