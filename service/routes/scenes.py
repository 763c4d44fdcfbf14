"""Pictures to try the service on, with masks of what they show: the demo's, as `python -m training.demo` writes them.

A folder of `NAME.png` files; the JSON files beside them are RLEs, each of a thing in the pictures whose size it has.
"""

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi import Path as PathParameter

from indexer.kb import FETCHED
from service.engine.answering import Answering
from service.errors import Cause, Problem
from service.http.static import SHOWN_ONLY, WholeFile
from service.routes.dependencies import runtime_of
from service.routes.openapi import documented
from service.schemas import SceneOut, SceneRegionOut, ScenesResponse
from wikiclip.base.paths import home
from wikiclip.masks import RegionError, decode_region, encode_rle
from wikiclip.pictures import PictureError, read_picture

ATTRIBUTION = "Photographs and stamps of Tux Paint, GNU General Public License 2 or later"

logger = logging.getLogger(__name__)
router = APIRouter()


@router.get("/scenes", responses=documented(Cause.NOT_READY), summary="Pictures to try it on")
def scenes(runtime: Annotated[Answering, Depends(runtime_of)]) -> ScenesResponse:
    """The demo's scenes with the masks of what they show; none where the demo was not made, and none where the index
    is not of a knowledge base that comes with the demo, which would not know what they show."""
    return ScenesResponse(scenes=list(_scenes(_folder())) if _of_demo(runtime) else [])


@router.get(
    "/scenes/{name}",
    response_class=WholeFile,
    responses=documented(Cause.UNKNOWN_SCENE, Cause.NOT_READY),
    summary="A scene's picture",
)
def scene_image(
    name: Annotated[str, PathParameter(description="The last part of its path in `/scenes`.", examples=["scene.png"])],
    runtime: Annotated[Answering, Depends(runtime_of)],
) -> WholeFile:
    """The PNG file."""
    pictures = _pictures(_folder()) if _of_demo(runtime) else []
    path = next((path for path in pictures if path.name == name), None)
    if path is None:
        raise Problem(Cause.UNKNOWN_SCENE, "/scenes lists those there are.")
    return WholeFile(path, media_type="image/png", headers=SHOWN_ONLY)


def _of_demo(runtime: Answering) -> bool:
    """Whether what answers comes with the demo. Raises Problem where nothing is loaded."""
    return runtime.serving.records.manifest.knowledge_base in FETCHED


def _folder() -> Path:
    return home() / "demo"


def _pictures(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.png"))


def _scenes(folder: Path) -> Iterator[SceneOut]:
    for path in _pictures(folder):
        try:
            width, height = read_picture(path).rgb.size
        except PictureError as error:
            logger.warning("A scene is left out: %s", error)
            continue
        yield SceneOut(
            name=path.stem,
            image=f"/scenes/{path.name}",
            width=width,
            height=height,
            regions=list(_regions(folder, width, height)),
            attribution=ATTRIBUTION,
        )


def _regions(folder: Path, width: int, height: int) -> Iterator[SceneRegionOut]:
    for path in sorted(folder.glob("*.json")):
        try:
            rle = json.loads(path.read_bytes())
            if isinstance(rle, dict) and rle.get("size") != [height, width]:
                continue  # of another picture
            mask = decode_region(rle, height=height, width=width)
        except (RegionError, ValueError) as error:
            logger.warning("%s is no mask of the scene: %s", path, error)
            continue
        yield SceneRegionOut(rle=encode_rle(mask), title=path.stem)
