"""What processes of one service tell each other, in MessagePack: fronts and engines, and both and the supervisor.

A message is a frame or two: the second one has bytes that would be copied into the first.
"""

from typing import Any, Literal, get_args

import msgspec

from indexer.records.tag_filter import TagFilter
from service.errors import BY_CODE, Problem

Kind = Literal["uint8", "float32"]
KINDS: tuple[Kind, ...] = get_args(Kind)


class Placed(msgspec.Struct, array_like=True):
    """An array, and where it begins."""

    start: int
    kind: Kind
    shape: tuple[int, ...]


class PackedMention(msgspec.Struct, array_like=True):
    """A mention by the numbers of its arrays: pixels and inside of each view, and its segments."""

    views: tuple[tuple[int, int], ...]
    segments: int | None


class Contents(msgspec.Struct, array_like=True):
    """What lies in so many bytes."""

    size: int
    arrays: tuple[Placed, ...]
    mentions: tuple[PackedMention, ...]


class Message(msgspec.Struct, array_like=True, tag=True):
    """Each kind has its name in front."""


class Refusal(msgspec.Struct, array_like=True):
    """A `Problem`."""

    code: str
    detail: str
    headers: dict[str, str] | None = None
    errors: list[dict[str, str]] | None = None

    @classmethod
    def of(cls, problem: Problem) -> "Refusal":
        return cls(problem.cause.code, problem.detail, problem.headers, problem.errors)

    def problem(self) -> Problem:
        return Problem(BY_CODE[self.code], self.detail, headers=self.headers, errors=self.errors)


# From a front to an engine. A number names the request among those of its front.


class Link(Message):
    """Link mentions, which lie in the memory of the front from `start` on, or in the second frame.

    Attributes:
        until: of the monotonic clock, when a cross-encoder has to be done.
        trace: the headers of the span that this belongs to.
    """

    number: int
    front: int
    start: int | None
    contents: Contents
    top_k: int
    min_score: float | None
    tags: TagFilter | None
    until: float
    trace: dict[str, str]


class Segment(Message):
    """Outline what the picture in the second frame shows."""

    number: int
    point: list[float] | None
    box: Any
    trace: dict[str, str]


class Explain(Message):
    """Explain a region of the picture in the second frame."""

    number: int
    region: Any
    entity_id: str
    trace: dict[str, str]


class Neighbours(Message):
    """The entities nearest to one."""

    number: int
    entity_id: str
    k: int


class Cancel(Message):
    """Nobody waits for the request any more."""

    number: int


Asked = Link | Segment | Explain | Neighbours
ToEngine = Asked | Cancel


# From an engine to a front.


class Ranking(msgspec.Struct, array_like=True):
    """What was found for one mention: numbers of entities of the answer's version, their scores, and a confidence."""

    numbers: list[int]
    scores: list[float]
    confidence: float | None


class Found(Message):
    """What was found for each mention, and the milliseconds of each stage."""

    number: int
    version: str
    results: list[Ranking]
    reranked: bool
    timings: dict[str, float]


class Outlined(Message):
    """Regions, as JSON in the second frame."""

    number: int
    method: str
    timings: dict[str, float]


class Explained(Message):
    """An explanation, as JSON in the second frame."""

    number: int
    timings: dict[str, float]


class Refused(Message):
    """A request was refused."""

    number: int
    refusal: Refusal


class UnknownEntity(Message):
    """No entity has the id."""

    number: int
    why: str


class Failed(Message):
    """The engine failed in a way that nobody foresaw; its log has the details."""

    number: int
    why: str


Answer = Found | Outlined | Explained | Refused | UnknownEntity | Failed


# From a front or an engine to the supervisor.


class Facts(msgspec.Struct, array_like=True):
    """What an engine has loaded.

    Attributes:
        about: what `/readyz` tells, as JSON.
        preset: of the model, as JSON.
        view_size: pixels along each side of a view.
        sample: what an example finds.
    """

    version: str
    about: str
    preset: str
    view_size: int
    sample: Ranking


class Hello(Message):
    """A front is there, and wants to be told the state."""


class Loaded(Message):
    """An engine answers by this from now on."""

    facts: Facts


class Opened(Message):
    """A front can show what is of this version."""

    version: str


class NotLoaded(Message):
    """An engine could not load, and leaves; and whether the next one may find that it can."""

    why: str
    passing: bool = False


class Prepared(Message):
    """A version can be taken over at once; or it cannot, and why, and whether the next look may find that it can."""

    version: str
    why: str | None
    passing: bool = False


class How(msgspec.Struct, array_like=True):
    """How a process is.

    Attributes:
        problem: what an engine has, by its code; None where it is well.
        doing: what it does before it has loaded, as a sentence.
        busy_s: for how long it has been at what it is at.
    """

    problem: str | None = None
    doing: str | None = None
    busy_s: float = 0.0


class Beat(Message):
    """A sign of life: how a process is, and the samples of its metrics."""

    how: How
    families: list[Any]


class Take(Message):
    """A caller takes requests or regions; answered with Taken."""

    number: int
    regions: bool
    caller: str
    count: int
    before: int


class Reload(Message):
    """Look for a new version now; answered with Reloaded."""

    number: int


class Text(Message):
    """The metrics of all processes; answered with Told."""

    number: int


ToSupervisor = Hello | Loaded | Opened | NotLoaded | Prepared | Beat | Take | Reload | Text


# From the supervisor.


class State(Message):
    """What fronts need to know.

    Attributes:
        engines: the addresses of those that answer.
        facts: of the version that answers; None before there is one.
        refused: the version (None where none can be read) that was published and is not served, and why.
        swaps: how often a version was taken over.
        problem: why the service is not ready, by its code.
        doing: what is done about that, as a sentence.
    """

    engines: list[str]
    facts: Facts | None
    swaps: int
    refused: tuple[str | None, str] | None
    problem: str | None
    doing: str | None


class Prepare(Message):
    """Open a version beside the one that answers."""

    version: str


class Commit(Message):
    """Let this version answer from now on."""

    version: str


class Abandon(Message):
    """Let what was prepared go."""


class Count(Message):
    """Beat at once."""


class Stop(Message):
    """Leave."""


class Taken(Message):
    """Room was there, or the reason why not."""

    number: int
    refusal: Refusal | None


class Told(Message):
    """What was asked for, in the second frame; or why it cannot be had."""

    number: int
    refusal: Refusal | None


FromSupervisor = State | Prepare | Commit | Abandon | Count | Stop | Taken | Told

encode = msgspec.msgpack.Encoder().encode
read_asked = msgspec.msgpack.Decoder(ToEngine).decode
read_answer = msgspec.msgpack.Decoder(Answer).decode
read_report = msgspec.msgpack.Decoder(ToSupervisor).decode
read_order = msgspec.msgpack.Decoder(FromSupervisor).decode
