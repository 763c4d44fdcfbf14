"""A recipe: a TOML file that says what a run starts from, on which data, and by which settings.

preset, or from   a preset; or a checkpoint, by its name or folder or by the recipe whose run made it
[source]          options of the data set, under the names that `training.train --help` has, with _ for -
[config]          settings of the training
"""

import importlib.resources
import json
import tomllib
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from indexer.kb.jsonl import first_fault
from wikiclip.base.errors import WikiClipError
from wikiclip.base.paths import home
from wikiclip.base.text_files import read_text
from wikiclip.presets import PresetName

SUFFIX = ".toml"


class Recipe(BaseModel):
    """A recipe as its file has it; what is in its tables is checked by whoever takes them."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    preset: PresetName | None = None
    start: str | None = Field(default=None, alias="from", min_length=1)
    source: dict[str, Any] = {}
    config: dict[str, Any] = {}


def packaged() -> dict[str, Path]:
    """Returns the recipes that the package carries: name -> file."""
    folder = Path(str(importlib.resources.files("training.recipes")))
    return {path.stem: path for path in sorted(folder.glob(f"*{SUFFIX}"))}


def read_recipe(path: Path) -> Recipe:
    """Reads a recipe.

    Raises:
        WikiClipError: the file cannot be read, has an unknown key, or a value of another type.
    """
    try:
        recipe = Recipe.model_validate_json(json.dumps(tomllib.loads(read_text(path)), default=str))
    except tomllib.TOMLDecodeError as error:
        raise WikiClipError(f"{path} is not TOML: {error}.") from error
    except ValidationError as error:
        raise WikiClipError(f"{path}: {first_fault(error)}.") from error
    if recipe.preset is not None and recipe.start is not None:
        raise WikiClipError(f"{path} must have a preset or a checkpoint that it starts from, and not both.")
    return recipe


def run_folder(name: str) -> Path:
    """Returns where the run of a recipe is kept."""
    return home() / "runs" / name


def checkpoint_of(start: str) -> str | Path:
    """Returns the checkpoint that a run starts from: of a recipe's name that of its run, else what was given.

    Raises:
        WikiClipError: the recipe's run has made none.
    """
    if start not in packaged():
        return start
    checkpoint = run_folder(start) / "checkpoint"
    if not checkpoint.is_dir():
        raise WikiClipError(
            f"There is no checkpoint in {checkpoint} yet: `python -m training.train --config {start}` trains it."
        )
    return checkpoint
