"""An index version that is not taken over."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Refused:
    """A version that was published and is not served, and why. No version where the pointer itself cannot be read.

    Attributes:
        passing: the next look may find that it can be served.
        state: of its files when they were looked at: once it is another, they may have been mended.
    """

    version: str | None
    why: str
    passing: bool = False
    state: int | None = field(default=None, compare=False)

    def stands(self, version: str, state: int) -> bool:
        """Whether another look at a version in that state would find what this one found."""
        return not self.passing and (self.version, self.state) == (version, state)
