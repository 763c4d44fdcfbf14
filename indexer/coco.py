"""Files in the shape of COCO: a JSON object with lists of `images` and `annotations`.

The largest do not fit in memory, so a list is read as a stream.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import ijson
from tqdm import tqdm

from wikiclip.base.errors import WikiClipError


def items(path: Path, key: str, *, bar: bool = True) -> Iterator[object]:
    """What a top-level list of the file holds; nothing where there is no list of that name.

    Args:
        bar: shows progress.

    Raises:
        WikiClipError: the file is not JSON, at the place where that shows.
    """
    size = path.stat().st_size
    try:
        with (
            path.open("rb") as file,
            tqdm.wrapattr(file, "read", total=size, desc=key, unit="B", unit_scale=True, disable=not bar) as stream,
        ):
            yield from ijson.items(stream, f"{key}.item", use_float=True)
    except (ijson.JSONError, UnicodeDecodeError) as error:
        raise WikiClipError(f"{path} is not JSON, or is cut off ({str(error).splitlines()[0]}).") from error


def region_of(annotation: Mapping[str, Any]) -> object:
    """The region of an annotation for `wikiclip.regions.decode`: its segmentation, else its box, else None.

    A flat `bbox` is COCO's [x, y, width, height]; a list of boxes is MaskOVEN's, each [left, top, right, bottom].
    """
    segmentation, bbox = annotation.get("segmentation"), annotation.get("bbox")
    if segmentation:
        has_polygons = isinstance(segmentation, list) and isinstance(segmentation[0], list)
        return {"polygon": segmentation} if has_polygons else segmentation
    if not bbox:
        return None
    if isinstance(bbox, list) and all(isinstance(box, list) and len(box) == 4 for box in bbox):
        return {"polygon": [[x0, y0, x1, y0, x1, y1, x0, y1] for x0, y0, x1, y1 in bbox]}
    return {"box": bbox}
