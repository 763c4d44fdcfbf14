"""Trains a checkpoint: `python -m training.train`, or under `torchrun` on several processes."""

from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from training import processes
from training.data.annotated import AnnotatedData
from training.data.features.sharing import expect_locks_to_reach
from training.data.scenes.dataset import ScenesData
from training.data.source import Data, DataName, DataOptions, open_data, training_set
from training.data.training_set import TrainingSet
from training.learn.centres import recentred
from training.learn.config import TrainConfig
from training.learn.fit import fit_encoder
from training.learn.run import Run
from training.measure.answers import Cell, RankedAnswers
from training.measure.coverage import RiskCoverage, risk_coverage
from training.measure.held_out import BEFORE, Tried, held_out
from training.measure.quality import table_rows
from training.measure.scenes_answers import answers_of_checkpoint
from training.options import with_options
from training.recipes.recipe import checkpoint_of
from training.report.examples import annotated_queries, examples, scene_queries
from training.report.page import write_report
from wikiclip.base.command import run
from wikiclip.base.devices import best_device
from wikiclip.base.errors import WikiClipError
from wikiclip.base.files import sha256
from wikiclip.base.paths import features_home, home
from wikiclip.entity import EntityEncoder
from wikiclip.model import WikiClip
from wikiclip.presets import Preset, PresetName
from wikiclip.presets.choice import chosen_preset
from wikiclip.towers.pinning import pinned_text

REPORT = "report.html"
CENTRED, TRAINED = "centred", "trained"  # beside what was before
NOTED = ("torch", "open_clip_torch", "timm", "sentence-transformers")  # packages that another version may differ in
app = typer.Typer(add_completion=False)


@app.command()
@with_options(source=DataOptions, config=TrainConfig)
def train(
    *,
    preset: Annotated[
        str, typer.Option(help="Which pair of backbones: a preset's name, or the path of a JSON file of one's own.")
    ] = PresetName.TINY,
    start: Annotated[
        str | None,
        typer.Option(
            "--from",
            help="A checkpoint to start from, whose preset counts then: its name, its folder, or its recipe's name.",
        ),
    ] = None,
    text: Annotated[
        str | None,
        typer.Option(
            help="Another text encoder for the preset's vision tower, such as one of many languages: hf-hub:OWNER/NAME"
            " or local-dir:PATH, files as sentence-transformers or transformers write them."
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="The run's folder; var/runs/PRESET-DATA, or var/runs/RECIPE, if left out.")
    ] = None,
    save_every: Annotated[int, typer.Option(min=1, help="Steps between two kept states.")] = 50,
    fresh: Annotated[bool, typer.Option("--fresh", help="Begin again where another run was.")] = False,
    report: Annotated[bool, typer.Option(help="Write report.html at the end.")] = True,
    source: DataOptions,
    config: TrainConfig,
) -> None:
    """Train an entity encoder on a data set, and write a checkpoint. A run that was stopped goes on where it was."""
    with processes.joined_processes():
        expect_locks_to_reach(features_home())
        if start is not None and text is not None:
            raise WikiClipError("--text makes a model anew, and --from goes on with one: give one of the two.")
        begun = WikiClip(_shape(preset, text)) if start is None else WikiClip.load(checkpoint_of(start))
        model = begun.to(best_device())
        data = open_data(model, source)
        seen = training_set(data, source)
        config = config.settled(len(seen.record_Q))
        if config.epochs is not None:
            processes.tell(f"{config.epochs:g} epochs of {len(seen.record_Q):,} mentions are {config.steps:,} steps.")
        settings = {
            "preset": model.name,
            **({} if text is None else {"text": text, "text_sha256": model.preset.text.sha256}),
            **({} if start is None else {"from": model.fingerprint}),
            "data": _plain(source),
            "records": data.records.fingerprint,
            # More labels are another run: a state that has seen the first ones would pass for one that has seen all.
            **({} if source.labels is None else {"labels_sha256": sha256(source.labels)}),
            "config": config.to_json(),
        }
        into = Run(out or home() / "runs" / f"{model.name}-{source.data}", settings, fresh=fresh)
        tried: dict[str, RankedAnswers] = {}  # on one's own labels alone: releases have parts to be measured on
        before, centred = model.entity, None
        if isinstance(data, AnnotatedData) and source.data == DataName.JSONL and start is not None:
            centred = _centred(data, model, seen, config.seed, tried)
            if not tried:
                processes.tell(
                    f"No label is of a thing of fold {source.fold or 0}, which is held out to be measured on. So"
                    f" nothing tells whether the checkpoint will find more than {start}: label more things, or"
                    " name another --fold."
                )
        model.entity = fit_encoder(model, seen, config, into, every=save_every, onward=start is not None)
        if processes.is_first():
            compared = _compared(data, model, tried) if tried else None
            best = TRAINED if compared is None else compared.best
            if best == CENTRED:
                assert centred is not None
                model.entity = centred
                typer.echo("The centres alone find most: the checkpoint has these, and the adaptor of before.")
            if best == BEFORE:
                model.entity = before
                typer.echo(
                    f"Nothing finds more of what was held out, so no checkpoint is written: {start} stays. Fit its"
                    " confidence to these labels (`python -m training.calibrate`), label more, or train for longer."
                )
                if into.checkpoint.exists():
                    typer.echo(f"{into.checkpoint} is of another run, before this one.")
            else:
                model.save(into.checkpoint, made_by={**settings, "versions": {name: version(name) for name in NOTED}})
                typer.echo(f"Wrote {into.checkpoint}")
                if source.data == DataName.JSONL:
                    typer.echo(
                        f"An index that it answers from is made with `python -m indexer.build --kb jsonl --model"
                        f" {into.checkpoint}` and the options of before; then `python -m training.calibrate --model"
                        f" {into.checkpoint}` tells how sure it may be there."
                    )
            if report:
                _report(into, settings, model, data, source.fold, compared)


def _shape(preset: str, text: str | None) -> Preset:
    """A preset, with another text encoder where one is named."""
    shape = chosen_preset(preset)
    if text is None:
        return shape
    if shape.adaptor is None:
        raise WikiClipError(f"--text is what an adaptor reads, and the preset {shape.name} has none: take another one.")
    encoder = replace(pinned_text(text), max_tokens=shape.text.max_tokens)
    return replace(shape, name=f"{shape.name}-{text.rpartition('/')[2]}", text=encoder, fusion=None)


def _centred(
    data: AnnotatedData, model: WikiClip, seen: TrainingSet, seed: int, tried: dict[str, RankedAnswers]
) -> EntityEncoder | None:
    """Tries the centres of the labels' own pictures, from which training then starts where they find more; notes what
    is found without them and with them. None where there is nothing to try, or nothing was held out to tell by."""
    before = held_out(data, model.entity)
    if before is None:
        return None
    tried[BEFORE] = before
    centred = recentred(model.entity, seen, seed=seed)
    if centred is None:
        return None
    found = held_out(data, centred)
    assert found is not None
    tried[CENTRED] = found
    if Tried(tried).best == CENTRED:
        model.entity = centred
    return centred


def _compared(data: Data, model: WikiClip, tried: dict[str, RankedAnswers]) -> Tried:
    """What was held out, by whatever was tried, which is printed."""
    assert isinstance(data, AnnotatedData)
    trained = held_out(data, model.entity)
    assert trained is not None
    compared = Tried({**tried, TRAINED: trained})
    Console(width=120).print(compared.table())
    return compared


def _plain(source: DataOptions) -> dict[str, str | float | None]:
    """Returns what of the options settles the run: neither where features are kept nor what is refused does."""
    given = {name: value for name, value in asdict(source).items() if name != "pictures" or value is not None}
    settling = {name: value for name, value in given.items() if name not in ("cache_gb", "strict")}
    return {name: str(value) if isinstance(value, Path) else value for name, value in settling.items()}


def _coverage(answers: RankedAnswers) -> RiskCoverage:
    """Takes the best candidates' scores, which need no fit."""
    return risk_coverage(answers.scores_QK[:, 0], answers.rank_Q == 0)


def _report(
    into: Run,
    settings: dict[str, Any],
    model: WikiClip,
    data: Data,
    fold: int | None,
    compared: Tried | None,
) -> None:
    if isinstance(data, ScenesData):
        results = {cell: [answers] for cell, answers in answers_of_checkpoint(data, fold)}
        rows, queries = list(table_rows(results, data.imagenet_rows)), scene_queries(data, fold)
        coverage = _coverage(results[Cell("model", "seen" if fold is None else "unseen", "other")][0])
        seen = "They were held out." if fold is not None else "They were trained on."
        note = f"The mentions below are scenes of the default data, in other photographs than the records'. {seen}"
    else:
        rows, queries, coverage = [], annotated_queries(data), None
        note = "The mentions below are of the set that was trained on; python -m training.evaluate measures on others."
        if compared is not None:
            rows, coverage = compared.rows(), _coverage(compared.answers[compared.best])
            note = (
                "The table is of labels that were held out, by the checkpoint of before, by new centres alone, and"
                f" trained; {compared.best} is what was kept. The mentions below it"
            )
            note += " are of all labels."
    path = into.folder / REPORT
    write_report(
        path,
        title=f"Training of {settings['preset']} on {settings['data']['data']}",
        settings=settings,
        metrics=into.metrics(),
        rows=rows,
        examples=list(examples(model, data.records, queries)),
        notes=[note],
        coverage=coverage,
    )
    typer.echo(f"Wrote {path}")


if __name__ == "__main__":
    run(app)
