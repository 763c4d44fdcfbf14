"""Which models the presets name: `python -m wikiclip.towers`."""

import typer
from rich.console import Console
from rich.table import Table

from wikiclip.base.command import run
from wikiclip.presets import PRESETS, TOWER, Preset, VisionBackbone
from wikiclip.towers.hub import folder_here, is_here, is_repository
from wikiclip.towers.loading import counted_parameters
from wikiclip.towers.sentence.files import EMBEDDER, parameters_in
from wikiclip.towers.weights import PACKAGED, packaged_path

BYTES = 4  # of a parameter on a processor
# As the pages of the weights say; docs/towers.md says when they were looked at.
LICENCES = {
    "clip-small": "Apple's for research",
    "clip": "Apache-2.0",
    "clip-large": "Apache-2.0",
    "embedding": "Apache-2.0",
    "tiny": "Apache-2.0",
    "base": "MIT",
    "s": "MIT",
    "l": "MIT",
}
app = typer.Typer(add_completion=False)


@app.command()
def towers() -> None:
    """List the towers that presets name, how large they are, and whether their weights are here."""
    table = Table("preset", "tower", "knows text", "parameters", "memory", "licence", "weights", "here")
    for name, preset in PRESETS.items():
        counted = _counted(preset)
        table.add_row(
            name,
            preset.vision.architecture,
            "yes" if preset.text.model == TOWER else "",
            "" if counted is None else f"{counted / 1e6:,.0f} M",
            "" if counted is None else f"{BYTES * counted / 1e9:.1f} GB",
            LICENCES.get(name, ""),
            preset.vision.weights,
            {True: "yes", False: "no", None: ""}[_is_here(preset.vision)],
        )
    Console().print(table)


def _counted(preset: Preset) -> int | None:
    """Parameters of the tower and of what it reads text with; None where only files say that are not here."""
    if preset.is_joint:
        folder = folder_here(preset.vision.weights, preset.vision.revision, EMBEDDER)
        return None if folder is None else parameters_in(folder)
    vision, text = counted_parameters(preset.vision)
    return vision + (text if preset.text.model == TOWER else 0)


def _is_here(vision: VisionBackbone) -> bool | None:
    """None where it is not known without asking."""
    if vision.joint is not None:
        return is_here(vision.weights, vision.revision, EMBEDDER)
    if is_repository(vision.weights):
        return is_here(vision.weights, vision.revision)
    package = vision.weights.removeprefix("package:")
    return packaged_path(package).exists() if package in PACKAGED else None


if __name__ == "__main__":
    run(app)
