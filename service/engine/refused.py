"""An index version that is not taken over."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Refused:
    """A version that was published and is not served, and why. No version where the pointer itself cannot be read.

    Attributes:
        passing: the next look may find that it can be served.
    """

    version: str | None
    why: str
    passing: bool = False
