"""What is sent to change records, to a change that can wait: everything that can be said against it is said at once."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from pydantic import ValidationError

from indexer.kb.jsonl import MOST_KEYS, Line, first_fault, read_line
from indexer.kb.record import BadRecord
from service.changes.change import MOST_FAULTS, Change, Head, Put, Remove
from service.errors import Cause, Problem
from service.http import strict_json
from service.routes.parsing import MOST_FAULTS as MOST_TOLD

MOST_PICTURES = 64  # of a record
LONGEST_KEY = 100  # characters of a key that is told of
MOST_LINES = 10_000  # of one body: a few seconds of one core
BLANK = b" \t\r\n"


@dataclass(eq=False)
class Faults:
    """What is wrong with what was sent."""

    listed: list[str] = field(default_factory=list)
    count: int = 0

    def add(self, fault: str) -> None:
        """Notes one more."""
        self.count += 1
        if len(self.listed) < MOST_FAULTS:
            self.listed.append(fault)

    def problem(self) -> Problem:
        """The refusal of all that was sent."""
        errors = [{"pointer": "#", "detail": f"{fault}."} for fault in self.listed[:MOST_TOLD]]
        return Problem(Cause.INVALID_REQUEST, "See `errors` for what is at fault.", errors=errors)


@dataclass(frozen=True, slots=True)
class Draft:
    """A change as it was asked for. Its pictures are kept once nothing can be said against any of it.

    Attributes:
        change: without the pictures that were sent.
        pictures: the files of those, of the one record that it puts.
    """

    change: Change
    pictures: Sequence[bytes] = ()

    def with_pictures(self, names: Sequence[str]) -> Change:
        """The change, with the names that its pictures are kept under."""
        if not names:
            return self.change
        (put,) = self.change.puts
        return self.change.model_copy(
            update={"puts": (put.model_copy(update={"pictures": (*(put.pictures or ()), *names)}),)}
        )


def expect_id(entity_id: str) -> None:
    """Raises Problem for an id that no record may have."""
    try:
        Line(entity_id=entity_id, title="-", text="")
    except ValidationError as error:
        faults = [{"pointer": "#", "detail": f"{first_fault(error)}."}]
        raise Problem(Cause.INVALID_REQUEST, "The id in the path is none of a record.", errors=faults) from None


def record_put(entity_id: str, body: bytes, pictures: Sequence[bytes], caller: str) -> Draft:
    """A record that was put under an id.

    Args:
        pictures: the files that came with it, which are not looked into.

    Raises:
        Problem: something of it is at fault.
    """
    expect_id(entity_id)
    record = _object(body, "The record")
    if record.setdefault("entity_id", entity_id) != entity_id:
        raise Problem(Cause.INVALID_REQUEST, "The record's `entity_id` is another than the one of the path.")
    faults, kept = Faults(), Counter[str]()
    put = _put(record, len(pictures), faults, "", kept)
    if put is None or faults.count:
        raise faults.problem()
    return Draft(_change(caller, [put], Faults(), kept), pictures)


def lines_put(body: bytes, caller: str, expect_time: Callable[[], None] = lambda: None) -> Draft:
    """Records as JSON lines. What is at fault is left out, and told of with the job.

    Args:
        expect_time: is called again and again, and raises Problem where there is no time for more.

    Raises:
        Problem: all of them are at fault, there is none, or there are too many.
    """
    body = body.removeprefix(b"\xef\xbb\xbf").rstrip(BLANK)
    if body.count(b"\n") >= MOST_LINES:  # before they are made objects
        raise Problem(Cause.BODY_TOO_LARGE, f"A body may have {MOST_LINES:,} lines: send the others by themselves.")
    puts: list[Put] = []
    faults, kept, values = Faults(), Counter[str](), 0
    for number, line in enumerate(body.split(b"\n"), start=1):
        expect_time()
        if line.strip(BLANK):
            try:
                values += strict_json.values(line)
                if values > strict_json.MAX_VALUES:
                    raise strict_json.TooManyValues
            except strict_json.TooManyValues as error:
                raise Problem(Cause.BODY_TOO_LARGE, f"{error} Send fewer lines at once.") from None
            try:
                put = _put(_object(line, f"Line {number}"), 0, faults, f"line {number}: ", kept)
            except Problem as problem:
                faults.add(problem.detail.removesuffix("."))
            else:
                puts += [] if put is None else [put]
    if not puts:
        if not faults.count:
            raise Problem(Cause.INVALID_REQUEST, "The body holds no record: send one JSON object a line.")
        raise faults.problem()
    return Draft(_change(caller, puts, faults, kept))


def removal(entity_id: str, caller: str) -> Draft:
    """A record that shall be no more. Raises Problem for an id that no record may have."""
    expect_id(entity_id)
    head = Head(caller=caller, accepted=_now(), puts=0, removes=1)
    return Draft(Change(head=head, removes=(Remove(entity_id=entity_id),)))


def _object(body: bytes, what: str) -> dict[str, Any]:
    try:
        found = strict_json.loads(body)
    except strict_json.NotStrictJson as error:
        raise Problem(Cause.MALFORMED_JSON, f"{what}: {error}") from None
    if not isinstance(found, dict):
        raise Problem(Cause.INVALID_REQUEST, f"{what} is no JSON object.")
    return found


def _put(record: dict[str, Any], sent: int, faults: Faults, where: str, kept: Counter[str]) -> Put | None:
    """The record as it waits; None where it is none. `extra` is null where it holds nothing.

    Args:
        kept: counts keys that went to `extra`.
    """
    images = record.pop("images", None)
    try:
        # Unescaped: what is then read may have no fault with a place in it, which would be none of what was sent.
        line, found = json.dumps(record, ensure_ascii=False).encode(), None
    except UnicodeEncodeError:
        faults.add(f"{where}{_halved(record)}: holds half of a surrogate pair, which is no character")
        return None
    for read in read_line("", line, kept):
        if isinstance(read, BadRecord):
            faults.add(f"{where}{read.why}")
        else:
            found = read
    if found is None:
        return None
    told = {name: list(value) if isinstance(value, tuple) else value for name, value in found._asdict().items()}
    held = {name: value for name, value in told.items() if value not in (None, []) and name != "images"}
    if found.extra is not None:
        held["extra"] = json.loads(found.extra)
    pictures = _pictures(found.entity_id, images, sent, faults, where)
    return Put(entity_id=found.entity_id, record=held, pictures=pictures)


def _halved(record: dict[str, Any]) -> str:
    """The first key whose value holds half of a surrogate pair; no key that the caller made up is repeated."""
    for key, value in record.items():
        try:
            json.dumps({key: value}, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            return key if key in Line.model_fields else "a key that no record has"
    raise AssertionError("a record is as whole as its parts")


def _pictures(entity_id: str, images: object, sent: int, faults: Faults, where: str) -> tuple[int, ...] | None:
    """Those that it names, which are its own; None where it names none and stays as it is.

    Args:
        sent: how many pictures came beside the record.
    """
    if images is None and sent <= MOST_PICTURES:
        return None
    if not isinstance(images, list) or len(images) + sent > MOST_PICTURES:
        faults.add(f"{where}images: must be a list of at most {MOST_PICTURES} pictures")
        return None
    own = f"/entities/{quote(entity_id, safe='')}/image"
    named: list[int] = []
    for place, image in enumerate(images):
        number = _number(image, own)
        if number is None:
            faults.add(
                f"{where}images.{place}: names none of the record's own pictures, as GET /entities/{{entity_id}} gives"
                " them; send others as parts `image` of a multipart PUT"
            )
        else:
            named.append(number)
    return tuple(named)


def _number(image: object, own: str) -> int | None:
    if not isinstance(image, str):
        return None
    path, _, number = image.partition("?number=")
    if path != own or (number and not (number.isascii() and number.isdecimal() and len(number) < 7)):
        return None
    return int(number or 0)


def _change(caller: str, puts: list[Put], faults: Faults, kept: Counter[str]) -> Change:
    head = Head(
        caller=caller,
        accepted=_now(),
        puts=len(puts),
        removes=0,
        faults=tuple(fault[:1000] for fault in faults.listed),
        more_faults=faults.count - len(faults.listed),
        kept_as_extra=_named(kept),
    )
    return Change(head=head, puts=tuple(puts))


def _named(kept: Counter[str]) -> dict[str, int]:
    """Keys and how often each came, the most frequent ones; of those that begin alike one, with all of theirs."""
    named = Counter[str]()
    for key, count in kept.items():
        named[key[:LONGEST_KEY]] += count
    return dict(named.most_common(MOST_KEYS))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
