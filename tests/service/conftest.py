"""A small real index, and a server on a loopback port that serves it with the real `tiny` model."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import torch
import uvicorn
from fastapi import FastAPI
from PIL import Image, ImageDraw

from indexer.assemble import assemble
from indexer.build import build
from indexer.embedding.plan import Plan, open_workshop
from indexer.embedding.reuse import unpack
from indexer.kb import KnowledgeBaseName
from indexer.kinds import kind_of
from indexer.kinds.milvus.server import MilvusServer
from indexer.linker import Linker
from indexer.version import publish, read_version
from service.engine.serving import open_linker
from service.examples import picture
from service.server import listen, make_server
from service.settings import Settings

MIB = 1024 * 1024
COLOURS = {"red": (210, 40, 30), "green": (40, 150, 60), "blue": (40, 70, 200), "orange": (235, 130, 20)}
ODD_ID = "path/to an?odd#id%2F"  # every character that a URL path has to encode


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def _draw(shape: str, colour: tuple[int, int, int]) -> Image.Image:
    image = Image.new("RGB", (96, 80), (230, 232, 235))
    draw = ImageDraw.Draw(image)
    if shape == "disc":
        draw.ellipse((18, 10, 78, 70), fill=colour)
    else:
        draw.rectangle((18, 10, 78, 70), fill=colour)
    return image


@pytest.fixture(scope="session")
def index_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index of coloured shapes with pictures, and a few entities of text alone."""
    folder = tmp_path_factory.mktemp("shapes")
    lines = []
    for shape in ("disc", "block"):
        for name, colour in COLOURS.items():
            _draw(shape, colour).save(folder / f"{name}-{shape}.png")
            line = {
                "entity_id": f"{name}-{shape}",
                "title": f"{name} {shape}",
                "text": f"A {shape} that is {name}. " * 20,
            }
            lines.append(
                {**line, "images": [f"{name}-{shape}.png"], "url": "https://example.org/", "attribution": "Tests"}
            )
    _draw("disc", (250, 220, 40)).save(folder / "yellow.jpg")
    lines += [
        {
            "entity_id": ODD_ID,
            "title": "two pictures",
            "text": "A yellow disc.",
            "images": ["yellow.jpg", "red-disc.png"],
        },
        {
            "entity_id": "no-picture",
            "title": "idea",
            "text": "The content of cognition. " * 200,
            "aliases": ["thought"],
            "tags": ["mind"],
            "lang": "en",
            "extra": {"rooms": [1, 2]},
            "shelf": None,
        },
        {"entity_id": "no-text", "title": "nothing", "text": ""},
    ]
    records = folder / "records.jsonl"
    records.write_text("".join(json.dumps(line) + "\n" for line in lines))
    home = folder / "index"
    build(kb=KnowledgeBaseName.JSONL, records=records, images=folder, model=Settings().model, out=home)
    # After the build, which would have refused it: what a browser must never be given as a picture.
    (folder / "blue-block.png").write_text("<script>alert(1)</script>")
    return home


@pytest.fixture(scope="session")
def settings(index_home: Path) -> Settings:
    """Limits small enough for a test to reach."""
    return Settings(
        index=index_home,
        threads=1,
        decoders=2,
        max_body_bytes=2 * MIB,
        max_image_bytes=MIB,
        max_pixels=4_000_000,
        max_regions=8,
        max_mask_pixels=8_000_000,
    )


@pytest.fixture(scope="session")
def linker(settings: Settings) -> Linker:
    return Linker.open(settings.model, settings.index, limits=settings.picture_limits)


@dataclass(frozen=True)
class Service:
    """A running server."""

    url: str
    port: int
    app: FastAPI


@contextmanager
def _servers() -> Iterator[Callable[[Settings], Service]]:
    """Starts servers that run until the end."""
    running: list[tuple[uvicorn.Server, threading.Thread]] = []

    def run(settings: Settings) -> Service:
        server, app = make_server(settings)
        listening = listen("127.0.0.1", 0)
        listening.listen()  # who connects before the server has started waits for it
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        running.append((server, thread))
        while thread.is_alive() and not server.started:  # until then it does not listen
            time.sleep(0.01)
        port = listening.getsockname()[1]
        return Service(f"http://127.0.0.1:{port}", port, app)

    try:
        yield run
    finally:
        for server, thread in running:
            server.should_exit = True
            thread.join()


@pytest.fixture
def start() -> Iterator[Callable[[Settings], Service]]:
    """Starts servers that run until the test has: each holds a model of its own."""
    with _servers() as run:
        yield run


@pytest.fixture(scope="module")
def start_for_module() -> Iterator[Callable[[Settings], Service]]:
    """Starts servers that run until the module's tests have."""
    with _servers() as run:
        yield run


@pytest.fixture(scope="session")
def service(settings: Settings) -> Iterator[Service]:
    """A server that is ready, the same for all tests."""
    with _servers() as run:
        yield ready(run(settings))


def ready(service: Service) -> Service:
    """The same, once it links."""
    deadline = time.monotonic() + 300
    while httpx.get(f"{service.url}/readyz").status_code != 200:
        assert time.monotonic() < deadline, "the server did not become ready"
        time.sleep(0.1)
    return service


@pytest.fixture(scope="session")
def in_milvus_at(index_home: Path) -> Callable[[MilvusServer, Path], Path]:
    """Publishes the same index, with its vectors in a server, in a folder that it returns."""

    def publish_there(server: MilvusServer, home: Path) -> Path:
        version = read_version(index_home)
        told = version.manifest
        plan = Plan(
            knowledge_base=told.knowledge_base,
            records="r",
            image_root=told.shards[0].image_root,
            model_name=told.model.name,
            model_fingerprint=told.model.fingerprint,
            dimension=told.dimension,
        )
        workshop = open_workshop(plan, home, fresh=True)
        kind = kind_of("milvus-flat", milvus=server)
        publish(*assemble(workshop, unpack(version, workshop), plan, kind), home)
        return home

    return publish_there


@pytest.fixture(scope="session")
def milvus_settings(
    settings: Settings,
    milvus: str,
    in_milvus_at: Callable[[MilvusServer, Path], Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Settings:
    """Those of a service whose index has the same vectors in Milvus."""
    home = in_milvus_at(MilvusServer(milvus), tmp_path_factory.mktemp("shapes-in-milvus"))
    return settings.model_copy(update={"index": home, "milvus_uri": milvus})


@pytest.fixture(scope="session")
def milvus_service(milvus_settings: Settings) -> Iterator[Service]:
    """A server whose index has its vectors in Milvus."""
    with _servers() as run:
        yield ready(run(milvus_settings))


@pytest.fixture(scope="session")
def milvus_linker(milvus_settings: Settings) -> Linker:
    return open_linker(milvus_settings)


def answer_as(knowledge_base: str, service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets the index of a server in this process be of another knowledge base."""
    index = service.app.state.runtime.serving.linker.index
    monkeypatch.setattr(index, "manifest", index.manifest.model_copy(update={"knowledge_base": knowledge_base}))


@pytest.fixture
def client(service: Service) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=service.url, timeout=60) as client:
        yield client


@pytest.fixture(scope="session")
def png() -> bytes:
    """The example picture of the OpenAPI document."""
    return picture()
