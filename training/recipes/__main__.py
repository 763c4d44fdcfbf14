"""The recipes and what each would take: `python -m training.recipes`."""

from functools import cache
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from training.data.features.cache import GB
from training.data.source import DataOptions
from training.learn.config import TrainConfig
from training.options import made_of
from training.recipes.cost import PEAKS, UTILISATION, Cost, cost_of
from training.recipes.operations import operations_of
from training.recipes.recipe import packaged, read_recipe
from training.recipes.settings_file import CONFIG, open_settings
from wikiclip.base.command import run
from wikiclip.presets import PRESETS, PresetName

app = typer.Typer(add_completion=False)
TB = 10**12


@app.command()
def recipes(
    preset: Annotated[PresetName | None, typer.Option(help="Count for this preset, whatever the recipes have.")] = None,
    utilisation: Annotated[
        float, typer.Option(min=0.01, max=1.0, help="Share of a GPU's peak that is assumed.")
    ] = UTILISATION,
) -> None:
    """List the recipes with steps, hours on one GPU, its memory, and disk, from counted operations.

    Hours and disk are given twice: with the towers computing patches and tokens in each step, and with all of them
    kept on the disk.
    """
    table = Table(title=f"At {utilisation:.0%} of the peak of one GPU: counted operations, not measured times")
    for column in ("recipe", "preset"):
        table.add_column(column)
    for column in ("steps", "items a step", *(f"hours, {gpu}" for gpu in PEAKS), "GPU memory, GB", "disk, TB"):
        table.add_column(column, justify="right")
    count = cache(operations_of)
    for name, path in packaged().items():
        chosen, file = PRESETS[preset or preset_of(name)], open_settings(str(path))
        cost = cost_of(made_of(DataOptions, file, "source"), made_of(TrainConfig, file, CONFIG), count(chosen))
        table.add_row(name, chosen.name, *cells(cost, utilisation))
    Console(width=150).print(table)


def preset_of(name: str) -> PresetName:
    """Returns a packaged recipe's preset; one that goes on from another recipe's run has that one's."""
    recipe = read_recipe(packaged()[name])
    if recipe.preset is not None:
        return recipe.preset
    assert recipe.start is not None, "a packaged recipe has a preset, or goes on from another"
    return preset_of(recipe.start)


def cells(cost: Cost, utilisation: float) -> list[str]:
    """Returns what a run takes as a row's cells."""
    hours = ([cost.hours(utilisation * peak, kept=kept) for kept in (False, True)] for peak in PEAKS.values())
    return [
        f"{cost.steps:,}",
        f"{cost.items:,.0f}",
        *(f"{computed:.0f} / {kept:.0f}" for computed, kept in hours),
        f"{cost.memory / GB:.0f}",
        f"{cost.vectors_disk / TB:.2f} / {cost.disk / TB:.1f}",
    ]


if __name__ == "__main__":
    run(app)
