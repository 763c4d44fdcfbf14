"""What a caller asks to change, as it waits on the disk."""

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

MOST_FAULTS = 100  # of a change, that are told one by one


class Kept(BaseModel):
    """Nothing is converted, and nothing passed over."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Account(BaseModel):
    """What only tells of a change. A key of another version of the service is passed over: while one takes the other's
    place, either reads what the other has kept."""

    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)


class Put(Kept):
    """A record that shall be new, or take the place of the one of its id.

    Attributes:
        record: as a line of JSON lines has it, without pictures.
        pictures: each the name of a file that was sent, or the number of one that the record has; None: as they are.
    """

    entity_id: str
    record: dict[str, Any]
    pictures: tuple[Annotated[str, Field(pattern=r"^[0-9a-f]{2}/[0-9a-f]{64}\.[a-z]+$")] | int, ...] | None = None


class Remove(Kept):
    """A record that shall be no more."""

    entity_id: str


class Head(Account):
    """What is known of a change beside its records.

    Attributes:
        caller: the name of the key that sent it.
        accepted: when, as ISO 8601 has it.
        puts, removes: how many records it holds.
        faults: what of it was left out as it came, the first ones.
        more_faults: how many more there were.
        kept_as_extra: keys that no record has, with how many of the records had each; the most frequent ones.
    """

    caller: str
    accepted: str
    puts: int
    removes: int
    faults: tuple[str, ...] = ()
    more_faults: int = 0
    kept_as_extra: dict[str, int] = Field(default_factory=dict)


UNKNOWN = Head(caller="unknown", accepted="unknown", puts=0, removes=0)  # of a change whose file is damaged


class Change(Kept):
    """A change, whole."""

    head: Head
    puts: tuple[Put, ...] = ()
    removes: tuple[Remove, ...] = ()

    def lines(self) -> Iterator[str]:
        """As it is kept: its head first."""
        yield self.head.model_dump_json(exclude_defaults=True)  # so that a version before what is not said reads it
        for each in (*self.puts, *self.removes):
            yield each.model_dump_json()

    @classmethod
    def of_lines(cls, lines: list[bytes]) -> "Change":
        """The inverse of `lines`. Raises ValueError where they are something else."""
        head = Head.model_validate_json(lines[0] if lines else b"")
        if len(lines) != 1 + head.puts + head.removes:
            raise ValueError("it is not whole")
        puts = tuple(Put.model_validate_json(line) for line in lines[1 : 1 + head.puts])
        removes = tuple(Remove.model_validate_json(line) for line in lines[1 + head.puts :])
        return cls(head=head, puts=puts, removes=removes)
