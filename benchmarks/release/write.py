"""The files of a release, one after the other."""

import json
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import Path

from tqdm import tqdm

from benchmarks.release.masks import write_masks
from benchmarks.release.picture_names import Picture, asked_picture
from benchmarks.release.pictures import write_pictures
from benchmarks.release.publishing import Plan, Publisher, expect_same_plan
from benchmarks.release.questions import SHEETS, AskedEntity, Questions, Sheet, asked_entities, own_pictures
from benchmarks.release.records import write_records
from indexer.kb.oven import RECORD_FILES
from training.data.releases.maskoven import SINGLE_FILES
from training.data.releases.oven_pictures import PATHS
from training.data.releases.release import Part
from wikiclip.base.files import appearing_file

LABELS = "test_data"
WITHHELD = (Part.TEST, Part.HUMAN)
DRAWINGS = ".drawn"
LARGEST = Sheet(part=Part.TRAIN, task="entity")
GB = 1e9


def write_release(folder: Path, plan: Plan) -> None:
    """Writes what is not there yet: a run that was stopped goes on, and the files are the same to the byte.

    Raises:
        WikiClipError: the folder holds something else.
    """
    expect_same_plan(folder, plan)
    publish = Publisher(folder, plan.faults)
    publish(RECORD_FILES[0], lambda path: write_records(path, records=plan.records, seed=plan.seed))
    entities = asked_entities(plan.records, seed=plan.seed)
    pictures = [*map(asked_picture, range(plan.pictures))]
    own = [entity.picture for entity in entities if entity.picture is not None]
    write_pictures(publish, folder / DRAWINGS, chain(pictures, own), total=len(pictures) + len(own))
    publish(PATHS, lambda path: _write_lines(path, _paths(pictures), total=1 + len(pictures)))
    questions = Questions(entities, each=plan.questions, pictures=plan.pictures)
    for sheet in SHEETS:
        _publish_questions(publish, sheet, questions, plan)
    for sheet in SHEETS:
        _publish_masks(publish, sheet, questions, entities, plan)
    publish(
        SINGLE_FILES[Part.WIKI],
        lambda path: write_masks(path, own_pictures(entities), own, entities, least=len(own)),
    )


def _publish_questions(publish: Publisher, sheet: Sheet, questions: Questions, plan: Plan) -> None:
    """As the release has them: where labels are withheld, the file is there a second time, with labels, in a folder."""

    def write(path: Path, *, labelled: bool) -> None:
        rows = (question.row(labelled=labelled) for question in islice(questions.of(sheet), plan.questions))
        _write_lines(path, (json.dumps(row) for row in rows), total=plan.questions)

    name, withheld = f"oven_{sheet.name}.jsonl", sheet.part in WITHHELD
    publish(name, lambda path: write(path, labelled=not withheld))
    if withheld:
        publish(f"{LABELS}/{name}", lambda path: write(path, labelled=True))


def _publish_masks(
    publish: Publisher, sheet: Sheet, questions: Questions, entities: list[AskedEntity], plan: Plan
) -> None:
    grows = sheet == LARGEST
    pictures = map(asked_picture, range(plan.pictures)) if grows else questions.pictures(sheet)
    publish(
        SINGLE_FILES.get(sheet.part, f"mask_oven_{sheet.name}.json"),
        lambda path: write_masks(
            path,
            questions.of(sheet),
            pictures,
            entities,
            least=plan.questions,
            least_bytes=int(plan.mask_gb * GB) if grows else 0,
        ),
    )


def _paths(pictures: Iterable[Picture]) -> Iterator[str]:
    """Where each picture was in the data set that it was taken from, which the release does not hold."""
    yield "oven_id,oven_filepath"
    for number, picture in enumerate(pictures):
        yield f"{picture.image_id},collection/{number % 100:02}/{number}.{picture.path.rpartition('.')[2]}"


def _write_lines(path: Path, lines: Iterable[str], *, total: int) -> None:
    with appearing_file(path) as partial, partial.open("w", encoding="ascii") as file:
        for line in tqdm(lines, total=total, unit=" lines", desc=path.name):
            file.write(f"{line}\n")
