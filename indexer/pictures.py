"""Where an entity's picture is, and nothing outside the folder it is named from."""

from pathlib import Path


def picture_file(image_root: Path, name: str) -> Path | None:
    """The file that `name` means below `image_root`; None where there is none, or where it leads out of the folder."""
    try:
        root = image_root.resolve(strict=True)
        path = (root / name).resolve(strict=True)
    except (OSError, ValueError, RuntimeError):  # missing; a zero byte in the name; a loop of links
        return None
    return path if path.is_relative_to(root) and path.is_file() else None
