"""What annotations say of a picture's size, held against the picture that is there."""

from wikiclip.regions.region import RegionError

Declared = tuple[float | None, float | None]  # width and height in pixels; None where nothing is said
UNDECLARED: Declared = (None, None)


def rests_on_declared(region: object) -> bool:
    """Whether a region means something only in a picture of the size that its annotation had in mind.

    A polygon and a box do. An RLE and a PNG say themselves what size they are for, and null is any picture as a whole.
    """
    return isinstance(region, dict) and not region.keys().isdisjoint({"polygon", "box"})


def expect_declared(declared: Declared, *, height: int, width: int) -> None:
    """A region in pixels means another part of the picture where the picture was turned or resized since.

    Args:
        height, width: of the upright picture.

    Raises:
        RegionError: mask-size-mismatch: the picture is not of the size that the annotations give it.
    """
    if any(said not in (None, real) for said, real in zip(declared, (width, height), strict=True)):
        said_width, said_height = ("?" if side is None else f"{side:g}" for side in declared)
        raise RegionError(
            "mask-size-mismatch",
            f"The annotations give the picture as {said_width} wide and {said_height} high; upright, the file is"
            f" {width} wide and {height} high.",
        )
