"""A preset by its name, or out of a file: one of one's own, or the `config.json` of a checkpoint."""

import json
from pathlib import Path

from wikiclip.base.errors import WikiClipError
from wikiclip.base.text_files import read_text
from wikiclip.presets import PRESETS, Preset


def chosen_preset(choice: str) -> Preset:
    """The preset of a name, or the one that a JSON file holds.

    Raises:
        WikiClipError: there is neither such a preset nor such a file, or the file does not describe one.
    """
    if choice in PRESETS:
        return PRESETS[choice]
    path = Path(choice)
    if not path.is_file():
        raise WikiClipError(
            f"There is no preset {choice!r}: take one of {', '.join(PRESETS)}, or the path of a JSON file that holds"
            " one, such as a checkpoint's config.json."
        )
    try:
        values = json.loads(read_text(path))
    except ValueError as error:
        raise WikiClipError(f"{path} is not JSON: {error}.") from error
    if isinstance(values, dict) and isinstance(values.get("preset"), dict):
        values = values["preset"]
    if not isinstance(values, dict):
        raise WikiClipError(f"{path} does not describe a preset: it must be an object.")
    try:
        return Preset.from_json(values)
    except WikiClipError as error:
        raise WikiClipError(f"{path}: {error}") from error
