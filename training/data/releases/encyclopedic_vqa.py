"""Encyclopedic-VQA's questions (Mensink et al., ICCV 2023), each with the entity whose article answers it.

Published: the columns of `{train,val,test}.csv`; that `dataset_image_ids` has up to five pictures; that `wikipedia_url`
is the article's key and `wikipedia_title` no stable one; that a question of two hops has two addresses with "|" between
them; that `wikipedia_url_used_in_train` says whether training has seen the article. Inferred, from repositories that
measure on it: the "|" between ids, the names of the two sets of pictures, and that a question is asked once, with its
first picture. Here its other pictures are not looked at in training either. A question has no id in the file; it gets
one of the number of its row.
"""

from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path

from indexer.kb.encyclopedic_vqa import encyclopedic_vqa_home
from indexer.kb.fingerprint import of_files
from indexer.kb.record import BadRecord, KnowledgeBase
from indexer.picture_paths import NoPlace
from training.data.annotation import Annotation, Split
from training.data.releases.articles import articles_of, name_in, name_of
from training.data.releases.csv_rows import csv_rows
from training.data.releases.encyclopedic_vqa_pictures import INATURALIST, LANDMARKS, QuestionPictures
from training.data.releases.release import Part, find_files

QUESTION, PICTURES, DATASET, KIND = "question", "dataset_image_ids", "dataset_name", "question_type"
TITLE, ADDRESS = "wikipedia_title", "wikipedia_url"
PART, SEEN = "encyclopedic_vqa_split", "wikipedia_url_used_in_train"
COLUMNS = (QUESTION, PICTURES, DATASET, KIND, TITLE, ADDRESS, PART, SEEN)
TWO_HOPS = "2_hop"
PARTS = (Part.TRAIN, Part.VAL, Part.TEST)


class EncyclopedicVqaAnnotations:
    """One part of the set; each mention is a whole picture. Questions of two hops, which name no one article, are none.

    Args:
        folder: holds the CSV files, plain or gzipped; `encyclopedic_vqa_home()` if None.
        part: which file.
        kb: the knowledge base whose records an article is looked up in, by address, then by title.
        images: the folder that holds `inaturalist` and `landmarks`; `encyclopedic_vqa_home()` if None.

    Raises:
        WikiClipError: a file or both folders of pictures are missing.
    """

    def __init__(
        self, folder: Path | None = None, *, part: Part, kb: KnowledgeBase, images: Path | None = None
    ) -> None:
        self.name = f"encyclopedic-vqa-{part}"
        self._part, self._kb = part, kb
        folder, images = folder or encyclopedic_vqa_home(), images or encyclopedic_vqa_home()
        (self._path,) = find_files(
            "Encyclopedic-VQA",
            [(f"{part}.csv", f"{part}.csv.gz")],
            folder=folder,
            pictures=images / INATURALIST,
            elsewhere=(images / LANDMARKS).is_dir(),
            expected=encyclopedic_vqa_home(),
        )
        self._pictures = QuestionPictures(images, folder=folder, part=part)

    def __iter__(self) -> Iterator[Annotation | BadRecord]:
        rows = csv_rows(self._path, COLUMNS)  # first: a file that is no CSV is said before all records are looked at
        with articles_of(self._kb) as entity_of, self._pictures.look_up() as place_of:
            for number, (where, row) in enumerate(rows):
                if isinstance(row, str):
                    yield BadRecord(where=where, why=row)
                elif row[KIND] != TWO_HOPS:
                    yield self._annotation(where, f"{self.name}-{number:08}", row, entity_of, place_of)

    def __len__(self) -> int:
        return self._counts[0]

    @property
    def two_hops(self) -> int:
        """How many questions are not asked because they name two articles."""
        return self._counts[1]

    def fingerprint(self) -> str:
        """Hashes dates of files and folders; a picture that is rewritten in place goes unnoticed."""
        return of_files(self.name, [self._path, *self._pictures.files])

    @cached_property
    def _counts(self) -> tuple[int, int]:
        hops = [isinstance(row, dict) and row[KIND] == TWO_HOPS for _, row in csv_rows(self._path, COLUMNS)]
        return len(hops) - sum(hops), sum(hops)

    def _annotation(
        self,
        where: str,
        data_id: str,
        row: dict[str, str],
        entity_of: Callable[[str], str | None],
        place_of: Callable[[str, str], Path | NoPlace],
    ) -> Annotation | BadRecord:
        """An article that is no record's keeps its address for an entity_id, which no record has."""
        name = name_in(row[ADDRESS])
        if name is None:
            return BadRecord(where=where, why=f"{ADDRESS}: must be the address of an article of the English Wikipedia")
        split = self._split(row)
        if split is None:
            return BadRecord(where=where, why=f"{PART} and {SEEN}: must be {self._part}, and True or False")
        picture = place_of(row[DATASET], row[PICTURES].partition("|")[0].strip())
        if isinstance(picture, NoPlace):
            return BadRecord(where=where, why=str(picture))
        return Annotation(
            data_id=data_id,
            picture=picture,
            region=None,
            entity_id=entity_of(name) or entity_of(name_of(row[TITLE])) or row[ADDRESS],
            split=split,
            task=None,
            question=row[QUESTION],
        )

    def _split(self, row: dict[str, str]) -> Split | None:
        if row[PART] != self._part:
            return None
        splits: dict[str, Split] = {"true": "seen", "false": "unseen"}
        return "train" if self._part == Part.TRAIN else splits.get(row[SEEN].lower())
