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
from training.options import read_settings, with_options
from wikiclip.base.errors import WikiClipError


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
def test_a_file_of_something_else_is_refused(tmp_path, content):
    path = tmp_path / "run.json"
    path.write_text(content)
    with pytest.raises(WikiClipError, match=r"run\.json"):
        read_settings(TrainConfig, path)


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
