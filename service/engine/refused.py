"""An index version that is not taken over."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Refused:
    """A version that was published and is not served, and why. No version where the pointer itself cannot be read."""

    version: str | None
    why: str
