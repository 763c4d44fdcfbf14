"""A picture with masks to try the service on, made from the default data: `python -m training.demo`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from indexer.kb.pictures.tuxpaint import STAMPS
from training.data.scenes.compose import Scene, SceneConfig, compose
from wikiclip.base.command import run
from wikiclip.base.errors import WikiClipError
from wikiclip.base.files import appearing_folder, remove_folder
from wikiclip.base.paths import debian_root, home
from wikiclip.masks import encode_rle

SHOWN = {
    "giraffe": "animals/mammals/giraffe.png",
    "banana": "food/fruit/banana.png",
    "violin": "hobbies/music/string/violin.png",
}
SEED = (8,)
app = typer.Typer(add_completion=False)


def demo_scene() -> Scene:
    """Lays three stamps on a background; each is visible enough to be a mention.

    Raises:
        WikiClipError: the default data is missing.
    """
    paths = [debian_root() / STAMPS / path for path in SHOWN.values()]
    if missing := [path for path in paths if not path.is_file()]:
        raise WikiClipError(f"There is no stamp {missing[0]}; `make demo-data` fetches it.")
    return compose(paths, SEED, SceneConfig(stamp=(0.4, 0.55)))


@app.command()
def demo(out: Annotated[Path | None, typer.Option(help="The folder to write; var/demo if left out.")] = None) -> None:
    """Write `scene.png`, and beside it an RLE mask of each thing that it shows, as JSON."""
    folder = out or home() / "demo"
    scene = demo_scene()
    with appearing_folder(folder) as partial:
        scene.picture.save(partial / "scene.png")
        for name, placed in zip(SHOWN, scene.placed, strict=True):
            (partial / f"{name}.json").write_text(json.dumps(encode_rle(placed.mask)) + "\n", encoding="utf-8")
        remove_folder(folder)
    typer.echo(f"A scene to try, and a mask of each thing in it: {folder}")


if __name__ == "__main__":
    run(app)
