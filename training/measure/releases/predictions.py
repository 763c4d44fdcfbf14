"""Predictions in the rows that OVEN's scorer reads."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from indexer.kb.lines import expect_one_object_a_line, read_lines
from wikiclip.base.errors import WikiClipError
from wikiclip.base.files import write_text

Predictions = Mapping[str, str]  # data_id -> entity_id


class _Row(BaseModel):
    """Other keys are let through, as the scorer does."""

    model_config = ConfigDict(strict=True, frozen=True)

    data_id: Annotated[str, Field(min_length=1)]
    pred_entity_id: Annotated[str, Field(min_length=1)]


def write_predictions(path: Path, predictions: Predictions) -> None:
    """Writes or replaces a file of JSON lines in one step.

    Raises:
        WikiClipError: the file cannot be written.
    """
    rows = ({"data_id": data_id, "pred_entity_id": entity_id} for data_id, entity_id in predictions.items())
    try:
        write_text(path, "".join(json.dumps(row) + "\n" for row in rows))
    except OSError as error:
        raise WikiClipError(f"{path} cannot be written: {error.strerror}.") from error


def read_predictions(path: Path) -> dict[str, str]:
    """Reads data_id -> entity_id from a file of JSON lines, gzipped or not. A row that is there twice counts once.

    Raises:
        WikiClipError: the file cannot be read, a line is not a prediction, or two lines predict different entities
            for one data_id; names the line.
    """
    found: dict[str, str] = {}
    expect_one_object_a_line(path)
    for number, line in read_lines(path):
        if line is None:
            raise WikiClipError(f"{path}, line {number}, is too long to be a prediction: mend the line.")
        try:
            row = _Row.model_validate_json(line)
        except ValidationError as error:
            fault = error.errors(include_url=False, include_input=False)[0]
            place = "".join(f"{part}: " for part in fault["loc"])
            raise WikiClipError(
                f"{path}, line {number}, is not a prediction ({place}{fault['msg']}): mend the line."
            ) from error
        if found.setdefault(row.data_id, row.pred_entity_id) != row.pred_entity_id:
            raise WikiClipError(
                f"{path}, line {number}, predicts another entity for {row.data_id!r} than a line before it: keep one."
            )
    return found
