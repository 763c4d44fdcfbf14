"""What `--config` names: a recipe, packaged or a user's own, or the settings of a run as JSON."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from training.recipes.recipe import SUFFIX, packaged, read_recipe, run_folder
from wikiclip.base.errors import WikiClipError
from wikiclip.base.text_files import read_text

CONFIG = "config"


@dataclass(frozen=True, kw_only=True)
class SettingsFile:
    """Settings to start from.

    Attributes:
        path: the file.
        options: values of single options, by the names of a command's parameters.
        tables: values of dataclasses' fields, by the names of these parameters.
    """

    path: Path | None = None
    options: dict[str, Any] = field(default_factory=dict)
    tables: dict[str, dict[str, Any]] = field(default_factory=dict)


def open_settings(named: str) -> SettingsFile:
    """Reads the packaged recipe of that name, a recipe's TOML file, or a JSON file.

    A recipe says where its run is kept as well, unless a command's --out does: under the recipe's own name.

    Raises:
        WikiClipError: there is no such file, or something else is in it.
    """
    path = packaged().get(named, Path(named))
    if not path.is_file():
        raise WikiClipError(f"There is no file {named}; the recipes are {', '.join(packaged())}.")
    if path.suffix != SUFFIX:
        return SettingsFile(path=path, tables={CONFIG: _read_json(path)})
    recipe = read_recipe(path)
    options = {"preset": recipe.preset, "start": recipe.start, "out": run_folder(path.stem)}
    tables = {name: table for name, table in (("source", recipe.source), (CONFIG, recipe.config)) if table}
    return SettingsFile(path=path, options={k: v for k, v in options.items() if v is not None}, tables=tables)


def _read_json(path: Path) -> dict[str, Any]:
    """The settings in a JSON file; what a run wrote has them under "config"."""
    try:
        values = json.loads(read_text(path))
    except ValueError as error:
        raise WikiClipError(f"{path} is not JSON: {error}.") from error
    if isinstance(values, dict) and isinstance(values.get(CONFIG), dict):
        values = values[CONFIG]
    if not isinstance(values, dict):
        raise WikiClipError(f"{path} must be a JSON object of settings.")
    return values
