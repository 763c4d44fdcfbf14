"""A service over things of many tags, which keeps feedback."""

import json
from collections.abc import Callable
from pathlib import Path

from indexer.build import build
from indexer.kb import KnowledgeBaseName
from service.settings import Settings
from tests.service.conftest import Service, ready

THINGS, KINDS = 36, 12
ODD_TAG = "shelf & \N{LATIN SMALL LETTER E WITH ACUTE}tag\N{LATIN SMALL LETTER E WITH GRAVE}re, 7"  # of "thing 7" alone


def serve(settings: Settings, folder: Path, start: Callable[[Settings], Service]) -> Service:
    """A service that is ready. Each thing is tagged as one, by its kind, of which there are three, and by itself."""
    lines = []
    for number in range(THINGS):
        tags = ["thing", f"kind {number % KINDS:02}", ODD_TAG if number == 7 else f"single {number:02}"]
        text = f"It is the only one with number {number}."
        lines.append({"entity_id": f"T{number}", "title": f"thing {number}", "text": text, "tags": tags})
    records = folder / "records.jsonl"
    records.write_text("".join(json.dumps(line) + "\n" for line in lines))
    home = folder / "index"
    build(kb=KnowledgeBaseName.JSONL, records=records, images=folder, model=settings.model, out=home)
    return ready(start(settings.model_copy(update={"index": home, "feedback": folder / "feedback"})))
