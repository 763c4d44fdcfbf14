"""Tux Paint's stamps: photographs and drawings, each with a caption in a text file beside it."""

from pathlib import Path

from indexer.kb.pictures.match import MIRROR, Captioned, PicturesError

STAMPS = "usr/share/tuxpaint/stamps"  # below the folder that the Debian packages are unpacked in
DRAWN = ("cartoon", "outline")  # in the paths of drawings whose entity may have a photograph as well
# Stamps that were cut out of another: the same head.
CROPS = {"seasonal/easter/bunny-head.png": "seasonal/easter/bunny-egg.png"}


def read_stamps(folder: Path, *, prefix: str = "") -> list[Captioned]:
    """Every PNG stamp outside `symbols/` (letters, coins, chess men: not things of the world), in order of paths.

    Tux Paint shows `x_mirror.png` when a child mirrors `x.png`; it has no caption of its own.

    Args:
        prefix: what their paths begin with.

    Raises:
        PicturesError: there are no stamps.
    """
    stamps = []
    for path in sorted(folder.rglob("*.png")):
        relative = path.relative_to(folder)
        if relative.parts[0] != "symbols":
            text = path.with_name(path.stem.removesuffix(MIRROR) + ".txt")
            lines = text.read_text(encoding="utf-8").splitlines() if text.is_file() else []
            drawn = any(word in relative.as_posix() for word in DRAWN)
            stamps.append(
                Captioned(
                    path=prefix + relative.as_posix(),
                    caption=lines[0].strip() if lines else "",
                    topic=relative.parts[0],
                    drawn=drawn,
                    rank=int(drawn),
                )
            )
    if not stamps:
        raise PicturesError(f"There are no stamps at {folder}; `make demo-data` fetches them.")
    return stamps


def crops(prefix: str = "") -> dict[str, str]:
    """Path -> path of the stamp that it was cut out of."""
    return {prefix + crop: prefix + whole for crop, whole in CROPS.items()}
