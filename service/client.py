"""A client: `from service.client import LinkClient`, or `python -m service.client link photo.jpg --box 1,2,30,40`."""

import base64
import json
import os
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any, Self, TypeVar
from urllib.parse import quote

import httpx
import typer
from pydantic import BaseModel, ValidationError
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt

from indexer.command import run
from service.schemas import EntityOut, LinkResponse
from wikiclip.errors import WikiClipError

URL = "http://127.0.0.1:8000"
ATTEMPTS = 6
AGAIN = (429, 503)  # which say when to come back
KEY_VARIABLE = "WIKICLIP_KEY"
app = typer.Typer(add_completion=False)

Answer = TypeVar("Answer", bound=BaseModel)


class LinkError(WikiClipError):
    """The service could not be reached, or did not link.

    Attributes:
        status: of the answer; None where there was none.
        type: of the problem document, which tells the cause; None where there was none.
    """

    def __init__(self, message: str, *, status: int | None = None, type: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.type = type


class _NotYet(Exception):
    """The service asks to come back after so many seconds."""

    def __init__(self, error: LinkError, seconds: float) -> None:
        super().__init__(str(error))
        self.error = error
        self.seconds = seconds


class LinkClient:
    """Links regions of pictures, over connections that are kept. Safe on any thread; close it, or use it in a `with`.

    A service that is busy is asked again, after as long as it says, a few times.

    Args:
        url: where the service is.
        key: an API key, where it asks for one; the environment's WIKICLIP_KEY if left out.
        timeout_s: how long one answer may take.
        attempts: how often a busy service is asked.
    """

    def __init__(
        self, url: str = URL, *, key: str | None = None, timeout_s: float = 60.0, attempts: int = ATTEMPTS
    ) -> None:
        key = key or os.environ.get(KEY_VARIABLE)
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        self._http = httpx.Client(base_url=url, headers=headers, timeout=timeout_s)
        self._attempts = attempts

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes its connections."""
        self._http.close()

    def link(
        self,
        image: bytes | Path,
        region: object = None,
        *,
        regions: Sequence[object] | None = None,
        top_k: int = 10,
        min_score: float | None = None,
    ) -> LinkResponse:
        """Asks which entities regions of a picture show.

        Args:
            image: the file, or its content.
            region: an RLE, `{"polygon": ...}`, `{"box": [x, y, width, height]}` or `{"png": ...}`; None for the whole.
            regions: several of them, in place of `region`; one result each, in order.
            top_k: candidates for each region.
            min_score: leaves out candidates that score less.

        Raises:
            LinkError: the service refused, failed or cannot be reached.
            OSError: the file cannot be read.
        """
        content = image.read_bytes() if isinstance(image, Path) else image
        fields: dict[str, Any] = {"top_k": top_k}
        if regions is not None:
            fields["regions"] = list(regions)
        if region is not None:
            fields["region"] = region
        if min_score is not None:
            fields["min_score"] = min_score
        parts: dict[str, Any] = {name: (None, json.dumps(value), "application/json") for name, value in fields.items()}
        parts["image"] = ("image", content, "application/octet-stream")
        return self._ask(LinkResponse, "POST", "/link", files=parts)

    def entity(self, entity_id: str) -> EntityOut:
        """An entity's whole record.

        Raises:
            LinkError: there is none of that id, or the service cannot be reached.
        """
        return self._ask(EntityOut, "GET", f"/entities/{quote(entity_id, safe='')}")

    def _ask(self, form: type[Answer], method: str, path: str, **request: Any) -> Answer:
        again = Retrying(
            retry=retry_if_exception_type(_NotYet), wait=_wait, stop=stop_after_attempt(self._attempts), reraise=True
        )
        try:
            found: Answer = again(self._once, form, method, path, **request)
        except _NotYet as not_yet:
            raise not_yet.error from None
        return found

    def _once(self, form: type[Answer], method: str, path: str, **request: Any) -> Answer:
        try:
            answer = self._http.request(method, path, **request)
        except httpx.HTTPError as error:
            raise LinkError(f"{self._http.base_url} did not answer: {error or type(error).__name__}.") from error
        if answer.status_code != 200:
            refusal = _refusal(answer)
            if answer.status_code in AGAIN and answer.headers.get("retry-after", "").isdecimal():
                raise _NotYet(refusal, float(answer.headers["retry-after"]))
            raise refusal
        try:
            return form.model_validate_json(answer.content)
        except ValidationError as error:
            raise LinkError(f"{self._http.base_url} answers something else: is it a WikiCLIP Service?") from error


def _wait(state: RetryCallState) -> float:
    """Seconds, as the service asked for."""
    error = None if state.outcome is None else state.outcome.exception()
    return error.seconds if isinstance(error, _NotYet) else 0.0


def _refusal(answer: httpx.Response) -> LinkError:
    try:
        problem = answer.json()
        told = "; ".join(f"{fault['pointer']}: {fault['detail']}" for fault in problem.get("errors", ()))
        message = " ".join(filter(None, (problem["title"], problem["detail"], told)))
        return LinkError(message, status=answer.status_code, type=problem["type"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return LinkError(f"{answer.url} answers {answer.status_code}.", status=answer.status_code)


@app.callback()
def main() -> None:
    """Ask a running service."""


@app.command()
def link(
    picture: Annotated[Path, typer.Argument(help="JPEG, PNG, WebP or GIF.")],
    box: Annotated[list[str] | None, typer.Option(help="A region: x,y,width,height in pixels. May come often.")] = None,
    polygon: Annotated[list[str] | None, typer.Option(help="A region: x,y,x,y,x,y,... May come often.")] = None,
    mask: Annotated[
        list[Path] | None, typer.Option(help="A region: a PNG of the picture's size, non-zero inside. May come often.")
    ] = None,
    top_k: Annotated[int, typer.Option(min=1, max=100, help="Candidates for each region.")] = 5,
    url: Annotated[str, typer.Option(help="Where the service is.")] = URL,
    key: Annotated[str | None, typer.Option(help="An API key, if it asks for one.", envvar=KEY_VARIABLE)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the answer as it came.")] = False,
) -> None:
    """Print a table of what each region shows; without a region, of the whole picture."""
    regions = [
        *({"box": _numbers(text, "--box", count=4)} for text in box or ()),
        *({"polygon": [_numbers(text, "--polygon")]} for text in polygon or ()),
        *({"png": base64.b64encode(_read(path)).decode()} for path in mask or ()),
    ]
    with LinkClient(url, key=key) as client:
        answer = client.link(_read(picture), regions=regions or None, top_k=top_k)
    if as_json:
        typer.echo(answer.model_dump_json(indent=1))
        return
    names = [
        *(f"box {text}" for text in box or ()),
        *(f"polygon {text}" for text in polygon or ()),
        *map(str, mask or ()),
    ]
    for name, result in zip(names or [f"all of {picture}"], answer.results, strict=True):
        sure = "" if result.confidence is None else f": {result.confidence:.0%} sure of the first"
        table = Table("", "title", "score", "id", "", title=escape(name) + sure, title_justify="left")
        for found in result.candidates:
            cells = (found.title, f"{found.score:.3f}", found.entity_id, found.text)
            table.add_row(str(found.rank), *map(escape, cells))
        Console().print(table)


def _numbers(text: str, option: str, *, count: int | None = None) -> list[float]:
    try:
        found = [float(word) for word in text.split(",")]
    except ValueError:
        found = []
    if not found or (count is not None and len(found) != count):
        raise WikiClipError(f"{option} takes {count or 'six or more'} numbers with commas between, not {text[:60]!r}.")
    return found


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise WikiClipError(f"{path} cannot be read: {error.strerror}.") from error


if __name__ == "__main__":
    run(app)
