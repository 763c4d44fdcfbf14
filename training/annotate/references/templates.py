"""The templates by which words become references, from `templates.toml`."""

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from wikiclip.base.files import sha256

FILE = Path(__file__).with_name("templates.toml")


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """A way to ask, and the phrase that it holds.

    Attributes:
        pattern: matches a whole question.
        phrase: with the pattern's groups in braces.
    """

    name: str
    pattern: re.Pattern[str]
    phrase: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Templates:
    """All that the file holds; what a field means is said there."""

    with_kind: str
    unnamed: str
    picture: re.Pattern[str]
    pointing: re.Pattern[str]
    empty: re.Pattern[str]
    rules: tuple[Rule, ...]


@cache
def packaged() -> Templates:
    """Reads the package's own templates."""
    found: dict[str, Any] = tomllib.loads(FILE.read_text(encoding="utf-8"))
    extension, parts = found["extension"], found["parts"]

    def compiled(pattern: str) -> re.Pattern[str]:
        for name, part in parts.items():
            pattern = pattern.replace(f"{{{name}}}", part)
        return re.compile(pattern, re.IGNORECASE)

    return Templates(
        with_kind=found["intension"]["with_kind"],
        unnamed=extension["unnamed"],
        picture=re.compile(rf"[\s,]+(?:{extension['picture']})$", re.IGNORECASE),
        pointing=re.compile(rf"\b{extension['pointing']}\b", re.IGNORECASE),
        empty=re.compile(rf"(?:the\s+)?{extension['empty']}", re.IGNORECASE),
        rules=tuple(
            Rule(name=rule["name"], pattern=compiled(rule["pattern"]), phrase=rule["phrase"]) for rule in found["rule"]
        ),
    )


def fingerprint() -> str:
    """Changes when a template does."""
    return sha256(FILE)
