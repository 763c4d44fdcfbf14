"""Which language a cell means: its tag, or its name as `language_names.toml` has it."""

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from indexer.records.titles import fold

NAMES = Path(__file__).with_name("language_names.toml")
TAG = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*")  # longer ones are words such as "Deutsch"


def language_tag(cell: str) -> str | None:
    """The tag that a cell is, or that of the language that it names; None where it is neither."""
    return cell if TAG.fullmatch(cell) else language_names().get(fold(cell).strip())


@cache
def language_names() -> Mapping[str, str]:
    """Tags by the names of languages, which are folded."""
    with NAMES.open("rb") as file:
        return {fold(name): tag for tag, names in tomllib.load(file).items() for name in names}
