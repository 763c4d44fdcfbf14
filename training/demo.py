"""Pictures to try the service on, made from the default data: `python -m training.demo`."""

import json
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from PIL import Image

from indexer.default_data.debian import fetch_packages
from indexer.default_data.needs import DEMO_SCENE
from indexer.kb.pictures.tuxpaint import STAMPS
from training.data.scenes.compose import Scene, SceneConfig, compose
from training.data.scenes.places import cut_place
from wikiclip.base.command import run
from wikiclip.base.files import appearing_folder, remove_folder
from wikiclip.base.paths import debian_root, home
from wikiclip.masks import encode_rle

SHOWN = {
    "giraffe": "animals/mammals/giraffe.png",
    "banana": "food/fruit/banana.png",
    "violin": "hobbies/music/string/violin.png",
}
PLACE = "usr/share/tuxpaint/templates/rocks.jpg"
PHOTOGRAPH = "usr/share/tuxpaint/templates/jellyfish.jpg"
SEED = (24,)
app = typer.Typer(add_completion=False)


def demo_scene() -> Scene:
    """Lays three stamps on a photograph of a place; each is visible enough to be a mention.

    Raises:
        WikiClipError: what it is made of is missing and cannot be fetched.
    """
    fetch_packages(DEMO_SCENE)
    root = debian_root()
    paths = [root / STAMPS / path for path in SHOWN.values()]
    return compose(paths, SEED, SceneConfig(stamp=(0.45, 0.6)), partial(cut_place, [root / PLACE]))


def demo_photograph() -> Image.Image:
    """A photograph of one thing, whose name tells nothing of it.

    Raises:
        WikiClipError: the package that has it cannot be fetched.
    """
    fetch_packages(DEMO_SCENE)
    with Image.open(debian_root() / PHOTOGRAPH) as photograph:
        return photograph.convert("RGB")


@app.command()
def demo(out: Annotated[Path | None, typer.Option(help="The folder to write; var/demo if left out.")] = None) -> None:
    """Write `photograph.png`; and `scene.png`, and beside it an RLE mask of each thing that it shows, as JSON."""
    folder = out or home() / "demo"
    scene, photograph = demo_scene(), demo_photograph()
    with appearing_folder(folder) as partial:
        photograph.save(partial / "photograph.png")
        scene.picture.save(partial / "scene.png")
        for name, placed in zip(SHOWN, scene.placed, strict=True):
            (partial / f"{name}.json").write_text(json.dumps(encode_rle(placed.mask)) + "\n", encoding="utf-8")
        remove_folder(folder)
    typer.echo(f"A photograph and a scene to try, and a mask of each thing in it: {folder}")


if __name__ == "__main__":
    run(app)
