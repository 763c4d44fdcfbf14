"""Options made from a dataclass, given on a real command line."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner
from typing_extensions import Doc

from training.learn.config import TrainConfig
from training.options import with_options
from wikiclip.base.errors import WikiClipError
from wikiclip.presets import PresetName


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where."""

    folder: Annotated[Path | None, Doc("A folder.")] = None
    size: Annotated[int, Doc("How large.")] = 3


@pytest.fixture
def call():
    app, got = typer.Typer(), []

    @app.command()
    @with_options(place=Place, config=TrainConfig)
    def command(*, name: Annotated[str, typer.Option()] = "n", place: Place, config: TrainConfig) -> None:
        """Says what it got."""
        got.append((name, place, config))

    def invoke(*arguments):
        got.clear()
        result = CliRunner().invoke(app, arguments, env={"COLUMNS": "200"})
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return got[0] if got else result.output

    return invoke


def test_what_is_not_given_is_the_default(call):
    assert call() == ("n", Place(), TrainConfig())


def test_options_are_fields(call):
    name, place, config = call(
        "--name", "m", "--folder", "here", "--steps", "7", "--no-symmetric", "--learning-rate", "1e-3"
    )
    assert (name, place) == ("m", Place(folder=Path("here")))
    assert config == TrainConfig(steps=7, symmetric=False, learning_rate=1e-3)


def test_a_file_comes_before_options_and_after_defaults(call, tmp_path):
    path = tmp_path / "run.json"
    path.write_text(json.dumps({"preset": "tiny", "config": {"steps": 9, "seed": 4}}))
    assert call("--config", str(path), "--seed", "5")[2] == TrainConfig(steps=9, seed=5)
    path.write_text(json.dumps({"clip": 2.0}))
    assert call("--config", str(path))[2] == TrainConfig(clip=2.0)


@pytest.mark.parametrize("content", ["", "[]", "3", '{"step": 9}', '{"config": {"setps": 1}}'])
def test_a_file_of_something_else_is_refused(call, tmp_path, content):
    path = tmp_path / "run.json"
    path.write_text(content)
    with pytest.raises(WikiClipError, match=r"run\.json"):
        call("--config", str(path))


def test_an_option_takes_the_place_of_the_file_s_other_count(call, tmp_path):
    path = tmp_path / "run.json"
    path.write_text('{"epochs": 2.0, "steps": 70}')
    assert call("--config", str(path))[2] == TrainConfig(epochs=2.0, steps=70)
    assert call("--config", str(path), "--steps", "9")[2] == TrainConfig(steps=9)
    assert call("--config", str(path), "--epochs", "1")[2] == TrainConfig(epochs=1.0)


@pytest.fixture
def recipe(tmp_path):
    """Writes a recipe."""

    def write(content):
        path = tmp_path / "mine.toml"
        path.write_text(content)
        return str(path)

    return write


@pytest.fixture
def train_with():
    """A command that takes all that a recipe says."""
    app, got = typer.Typer(), []

    @app.command()
    @with_options(fixed={"folder": None}, source=Place, config=TrainConfig)
    def command(
        *,
        preset: Annotated[PresetName, typer.Option()] = PresetName.TINY,
        start: Annotated[str | None, typer.Option("--from")] = None,
        out: Annotated[Path | None, typer.Option()] = None,
        source: Place,
        config: TrainConfig,
    ) -> None:
        got.append((preset, start, out, source, config))

    def invoke(*arguments):
        got.clear()
        result = CliRunner().invoke(app, arguments)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert got, result.output
        return got[0]

    return invoke


def test_a_recipe_says_what_options_do_not(train_with, recipe, tmp_path, monkeypatch):
    monkeypatch.setenv("WIKICLIP_HOME", str(tmp_path))
    path = recipe('preset = "base"\n[source]\nsize = 7\n[config]\nepochs = 1\nclip = 2.0\n')
    out = tmp_path / "runs" / "mine"
    assert train_with("--config", path) == ("base", None, out, Place(size=7), TrainConfig(epochs=1, clip=2.0))
    given = ("--preset", "tiny", "--size", "8", "--steps", "5", "--out", "there", "--config", path)
    assert train_with(*given) == ("tiny", None, Path("there"), Place(size=8), TrainConfig(steps=5, clip=2.0))
    assert train_with("--config", path, "--from", "tiny")[:2] == ("tiny", "tiny"), "a checkpoint has its own preset"


def test_a_preset_takes_the_place_of_the_checkpoint_that_a_recipe_goes_on_from(train_with, recipe):
    path = recipe('from = "here"')
    assert train_with("--config", path)[:2] == ("tiny", "here")
    assert train_with("--config", path, "--preset", "base")[:2] == ("base", None)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("preset = ", "is not TOML: "),
        ('preset = "huge"', "preset: Input should be "),
        ('preset = "s"\nfrom = "tiny"', "must have a preset or a checkpoint that it starts from, and not both"),
        ('presett = "s"', "presett: Extra inputs are not permitted"),
        ("from = 3", "from: Input should be a valid string"),
        ("config = 3", "config: Input should be "),
        ("[configs]\nsteps = 3", "configs: Extra inputs are not permitted"),
        ("[config]\nstep = 3", "step is none of the keys "),
        ('[config]\nsteps = "3"', "steps: Input should be a valid integer"),
        ("[source]\nsize = 3.5", "size: Input should be a valid integer"),
        ('[source]\nfolder = "a"', "folder does not apply to this command"),
    ],
)
def test_a_recipe_that_says_something_else_is_one_line(train_with, recipe, content, message):
    path = recipe(content)
    with pytest.raises(WikiClipError) as error:
        train_with("--config", path)
    assert str(error.value).startswith(path)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_table_that_a_command_has_no_use_for_is_refused(call, recipe):
    with pytest.raises(WikiClipError, match=r"\[source\] does not apply to this command"):
        call("--config", recipe('[source]\ndata = "oven"\n'))


def test_a_packaged_recipe_is_named_without_its_file(train_with, call):
    with pytest.raises(WikiClipError, match=r"oven\.toml: data is none of the keys"):
        train_with("--config", "oven")  # its table is read, and this command's [source] has other keys
    with pytest.raises(WikiClipError, match=r"^There is no file ovne; the recipes are .*\boven\b"):
        call("--config", "ovne")


@pytest.mark.parametrize("value", ['{"steps": "9"}', '{"steps": 9.5}', '{"steps": null}', '{"symmetric": 1}'])
def test_a_value_of_another_type_is_refused(call, tmp_path, value):
    path = tmp_path / "run.json"
    path.write_text(value)
    with pytest.raises(WikiClipError, match=r"steps|symmetric"):
        call("--config", str(path))


def test_a_value_that_no_run_can_have_is_refused(call):
    with pytest.raises(WikiClipError, match="clip must be positive"):
        call("--clip", "0")


def test_the_help_names_every_field_and_its_default(call):
    text = call("--help")
    assert "Says what it got" in text
    for fragment in ("--folder", "How large. Default: 3.", "--only-harder", "--no-only-harder", "--config"):
        assert fragment in text
