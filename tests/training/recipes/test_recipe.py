"""The packaged recipes say what they should, and one goes on from another's run."""

import re
from pathlib import Path

import pytest

from training.data.releases.release import Part
from training.data.source import DataName, DataOptions, Tasks
from training.learn.config import TrainConfig
from training.options import made_of
from training.recipes.recipe import checkpoint_of, packaged, read_recipe
from training.recipes.settings_file import CONFIG, open_settings
from wikiclip.base.errors import WikiClipError


def settings(name: str) -> tuple[DataOptions, TrainConfig]:
    file = open_settings(name)
    return made_of(DataOptions, file, "source"), made_of(TrainConfig, file, CONFIG)


def test_the_recipe_of_oven_is_the_paper_s() -> None:
    source, config = settings("oven")
    assert (source.data, source.part, source.tasks, source.per_entity) == (DataName.OVEN, Part.TRAIN, Tasks.ENTITY, 200)
    assert (config.epochs, config.synthesized, config.only_harder) == (1.0, 8, True)
    assert config.neighbours > 1
    assert read_recipe(packaged()["oven"]).preset == "s"


@pytest.mark.parametrize("name", packaged())
def test_a_recipe_counts_epochs_and_every_batch_holds_whole_groups(name: str) -> None:
    _, config = settings(name)
    assert config.epochs is not None
    assert config.annotated % config.neighbours == config.own % config.neighbours == 0


def test_what_is_not_published_is_said_to_be_chosen() -> None:
    lines = packaged()["oven"].read_text().splitlines()
    notes = {match[1]: match[2] for line in lines if (match := re.match(r"(\w+) = \S+ +# (.+)", line))}
    for key in ("annotated", "learning_rate", "scale"):
        assert notes[key].startswith("chosen"), key
    for key in ("tasks", "per_entity", "epochs", "synthesized"):
        assert notes[key].startswith("the paper"), key


def test_a_recipe_goes_on_from_the_run_of_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WIKICLIP_HOME", str(tmp_path))
    start = read_recipe(packaged()["maskoven-finetune"]).start
    assert start == "maskoven-wiki"
    with pytest.raises(WikiClipError, match=r"`python -m training\.train --config maskoven-wiki` trains it\.$"):
        checkpoint_of(start)
    checkpoint = open_settings(start).options["out"] / "checkpoint"
    checkpoint.mkdir(parents=True)
    assert checkpoint_of(start) == checkpoint
    assert checkpoint_of("tiny") == "tiny"
