"""`POST /feedback`: what it keeps is what training reads."""

import asyncio
import base64
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import cast

import httpx
import pytest

from indexer.kb.record import BadRecord
from service import examples
from service.engine.answering import Answers
from service.errors import Cause, Problem
from service.feedback import LABELS, LOCK, FeedbackFolder, TooMuch
from service.http.bodies import ContentType
from service.http.turns import Deadline
from service.routes.feedback import Listener
from service.settings import Settings
from tests.service.conftest import Service, ready
from training.data.annotation import Annotation
from training.data.collection.labels import CollectionLabels
from wikiclip.base.locks import Held, locked
from wikiclip.masks import decode_region
from wikiclip.pictures import read_picture

DISC = {"box": [6, 4, 24, 24]}


@pytest.mark.slow
def test_training_reads_what_was_kept(
    start: Callable[[Settings], Service], settings: Settings, tmp_path: Path, png: bytes
) -> None:
    folder = tmp_path / "feedback"
    service = ready(start(settings.model_copy(update={"feedback": folder, "feedback_bytes": 20_000})))

    def tell(status: int, picture: bytes = png, **fields: object) -> httpx.Response:
        parts = {name: (None, value if isinstance(value, str) else json.dumps(value)) for name, value in fields.items()}
        answer = httpx.post(f"{service.url}/feedback", files={**parts, "image": ("../p.png", picture)}, timeout=60)
        assert answer.status_code == status, answer.text
        return answer

    tell(200, entity_id="orange-disc", region=DISC, answered="red-disc")
    size = tell(200, entity_id="green-block", region=examples.regions()["png"]).json()["label_bytes"]
    assert size == (folder / LABELS).stat().st_size
    tell(200, entity_id="orange-disc")
    for field in ("entity_id", "answered"):
        parts = {"entity_id": (None, b"orange-disc"), field: (None, b"ol\xe9"), "image": ("p.png", png)}
        errors = httpx.post(f"{service.url}/feedback", files=parts, timeout=60).json()["errors"]
        assert [error["pointer"] for error in errors] == [f"#/{field}"], "ids that are not UTF-8 would fall together"
    text = json.dumps({"image": base64.b64encode(png).decode(), "entity_id": "orange-disc", "answered": "\ud800"})
    answer = httpx.post(f"{service.url}/feedback", content=text, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "#/answered")
    assert tell(404, entity_id="nobody").json()["type"] == "urn:wikiclip:problem:unknown-entity"
    assert (
        tell(422, entity_id="orange-disc", region={"box": [900, 900, 4, 4]}).json()["type"].endswith("outside-picture")
    )
    assert tell(422, png[:100], entity_id="orange-disc").json()["type"].endswith("malformed-image")
    assert tell(422, region=DISC).json()["errors"][0]["pointer"] == "#/entity_id"
    assert tell(507, png + bytes(30_000), entity_id="orange-disc").json()["type"].endswith("no-room")

    labels = list(CollectionLabels(folder / LABELS, pictures=folder))
    assert [label.entity_id for label in labels if isinstance(label, Annotation)] == [
        "orange-disc",
        "green-block",
        "orange-disc",
    ]
    for label in labels:
        assert isinstance(label, Annotation)
        assert label.picture.read_bytes() == png
        width, height = read_picture(label.picture).size
        assert decode_region(label.region, height=height, width=width).any()
    assert len([path for path in (folder / "pictures").rglob("*") if path.is_file()]) == 1


def test_a_line_that_was_cut_off_takes_no_other_with_it(tmp_path: Path, png: bytes) -> None:
    folder = FeedbackFolder(tmp_path, most=10_000)
    folder.keep(png, entity_id="a", region=None, answered=None)
    with (tmp_path / LABELS).open("ab") as file:
        file.write(b'{"picture": "pict')
    folder.keep(png, entity_id="b", region=DISC, answered="a")
    read = list(CollectionLabels(tmp_path / LABELS))
    assert [getattr(each, "entity_id", None) for each in read] == ["a", None, "b"]
    assert isinstance(read[1], BadRecord)
    with pytest.raises(TooMuch):
        FeedbackFolder(tmp_path, most=100).keep(png, entity_id="a", region=None, answered=None)


def test_a_picture_that_is_there_takes_no_room_again(tmp_path: Path, png: bytes) -> None:
    folder = FeedbackFolder(tmp_path, most=2 * len(png) + 3000)
    for _ in range(10):
        folder.keep(png, entity_id="a", region=None, answered=None)
    assert len(list(CollectionLabels(tmp_path / LABELS))) == 10
    with pytest.raises(TooMuch):
        folder.keep(png + bytes(len(png) + 3000), entity_id="a", region=None, answered=None)
    folder.keep(png + b"x", entity_id="a", region=None, answered=None)


def test_a_wait_for_another_process_ends(tmp_path: Path, png: bytes) -> None:
    folder = FeedbackFolder(tmp_path, most=10**6)
    with locked(tmp_path / LOCK), pytest.raises(Held):
        folder.keep(png, entity_id="x", region=None, answered=None, until=time.monotonic() + 0.1)
    assert folder.keep(png, entity_id="x", region=None, answered=None, until=time.monotonic() + 60) > 0


def test_nothing_is_kept_after_the_deadline_or_for_nobody(settings: Settings, tmp_path: Path) -> None:
    async def asked() -> None:
        listener = Listener(settings.model_copy(update={"feedback": tmp_path, "deadline_s": 0.2}))
        async with listener.turns.taken(Deadline(60)):
            with pytest.raises(Problem) as caught:
                await keep(listener, lambda: None)
        assert caught.value.cause is Cause.DEADLINE
        with pytest.raises(Problem, match="gone"):
            await keep(listener, gone)

    async def keep(listener: Listener, expect_awaited: Callable[[], None]) -> None:
        await listener.keep(b"", ContentType("application/json", None), cast(Answers, None), expect_awaited)

    def gone() -> None:
        raise Problem(Cause.CONNECTION_CLOSED, "gone")

    asyncio.run(asked())


def test_it_is_off_unless_a_folder_is_named(client: httpx.Client, png: bytes) -> None:
    answer = client.post("/feedback", files={"image": png}, data={"entity_id": "orange-disc"})
    assert (answer.status_code, answer.json()["type"]) == (403, "urn:wikiclip:problem:feedback-off")
    assert "WIKICLIP_FEEDBACK" in answer.json()["detail"]
