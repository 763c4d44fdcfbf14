"""Photographs of places, as Debian's packages of wallpapers carry them: what stands behind the things in a scene.

None of them shows a thing that could be asked about in the stamp's stead; of most packages that leaves a few.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image

from indexer.default_data.needs import PLACES as NEEDED
from indexer.default_data.needs import how_to_fetch
from wikiclip.base.errors import WikiClipError

PACKAGES: Mapping[str, tuple[str, ...]] = {
    "tuxpaint-data": tuple(
        f"usr/share/tuxpaint/templates/{name}.jpg"
        for name in (
            *("burnt_bark", "cliff", "corn_maze", "mossy_log", "mudstone", "ocean_splash", "ocean_waves"),
            *("redwoods_above", "rocks", "sun_behind_clouds"),
        )
    ),
    "lomiri-wallpapers-16.04": tuple(
        f"usr/share/backgrounds/{name}.jpg"
        for name in (
            *("Bridge_by_Sander_Klootwijk", "Wine_by_Jakkub_Mede", "aitzgorri_by_Aitzol_Berasategi"),
            *("life_by_Aitzol_Berasategi", "picosdeeuropa_by_Aitzol_Berasategi", "sunset_by_Aitzol_Berasategi"),
        )
    ),
    "lxqt-themes": tuple(
        f"usr/share/lxqt/wallpapers/{name}"
        for name in (
            *("Valendas.png", "after-the-rain.jpg", "beam.png", "cloud.png", "flowers.png", "fog.jpg"),
            "this-is-not-windows.jpg",
        )
    ),
    "mate-backgrounds": tuple(
        f"usr/share/backgrounds/mate/nature/{name}.jpg"
        for name in ("Blinds", "Dune", "GreenMeadow", "RainDrops", "Storm", "Wood")
    ),
}
PLACES = tuple(path for paths in PACKAGES.values() for path in paths)
SIDE = 1280  # pixels that are kept of a photograph's longer side: scenes are no larger
ZOOM = 0.5, 1.0  # a part's width, as a share of the largest that has the scene's shape


def cut_place(photographs: Sequence[Path], rng: np.random.Generator, width: int, height: int) -> Image.Image:
    """Returns a random part of one of the photographs in the shape of a scene, RGB, mirrored or not.

    Raises:
        WikiClipError: the photograph is not there.
    """
    place = _load(photographs[int(rng.integers(len(photographs)))])
    scale = rng.uniform(*ZOOM) * min(place.width / width, place.height / height)
    x, y = rng.uniform(0, place.width - scale * width), rng.uniform(0, place.height - scale * height)
    part = place.resize(
        (width, height), Image.Resampling.BICUBIC, box=(x, y, x + scale * width, y + scale * height), reducing_gap=3.0
    )
    return part.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if rng.random() < 0.5 else part


@lru_cache(maxsize=len(PLACES))
def _load(photograph: Path) -> Image.Image:
    try:
        with Image.open(photograph, formats=["JPEG", "PNG"]) as file:
            file.draft("RGB", (SIDE, SIDE))  # libjpeg's own scaling; a PNG is read whole
            place = file.convert("RGB")
    except FileNotFoundError as error:
        raise WikiClipError(f"There is no photograph {photograph}; {how_to_fetch(NEEDED)} fetches it.") from error
    place.thumbnail((SIDE, SIDE))
    return place
