"""What one writes in an afternoon: a FastAPI route that decodes, encodes and searches, a request at a time."""

import base64
import sys
import threading
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

from indexer.linker import Linker
from service.settings import Settings
from wikiclip.base.machine import cores
from wikiclip.pictures import PictureLimits


class Asked(BaseModel):
    """The body, of which nothing is checked but its fields."""

    image: str
    region: Any = None
    top_k: int = 10


def create_app(model: str, index: Path) -> FastAPI:
    """The application, with the model of the service and its index."""
    app, one_at_a_time = FastAPI(), threading.Lock()
    linker = Linker.open(model, index, limits=PictureLimits(), threads=cores(), device=Settings().device)

    @app.post("/link")
    def link(asked: Asked) -> list[dict[str, object]]:
        with one_at_a_time:
            question = linker.prepare(base64.b64decode(asked.image), [asked.region], top_k=asked.top_k)
            found = linker.answer(question)[0].candidates
        return [{"title": candidate.entity.title, "score": candidate.score} for candidate in found]

    return app


if __name__ == "__main__":
    uvicorn.run(create_app(sys.argv[1], Path(sys.argv[2])), port=int(sys.argv[3]), log_level="warning")
