"""Each problem is counted once and listed, and what is left is what a slow and obvious filter leaves."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.kb.record import BadRecord
from training.data.annotation import Annotation
from training.data.problems import PROBLEM_CODES, Problems, checked
from wikiclip.base.errors import WikiClipError


def annotation(data_id: str, entity_id: str = "Q1") -> Annotation:
    return Annotation(
        data_id=data_id,
        picture=Path("/nowhere/none.jpg"),
        region=None,
        entity_id=entity_id,
        split="train",
        task="entity",
        question=None,
    )


BAD = BadRecord(where="file:3", why="entity_id: Field required")


def listed(report: Path) -> list[tuple[str, str, str]]:
    rows = [json.loads(line) for line in report.read_text().splitlines()]
    return [(row["code"], row["where"], row["why"]) for row in rows]


def test_what_is_wrong_is_left_out_counted_and_listed(tmp_path: Path):
    found = [annotation("a"), annotation("b", "Q9"), BAD, annotation("a", "Q2"), annotation("c", "Q2")]
    with Problems(tmp_path / "deep" / "report.jsonl") as problems:
        kept = list(checked(found, {"Q1", "Q2"}, problems))
        problems.add("missing-picture", "a", "There is no picture /nowhere/none.jpg.")
    assert kept == [found[0], found[4]]
    assert problems.read == 5
    assert listed(tmp_path / "deep" / "report.jsonl") == [
        ("unknown-entity", "b", "Q9 is not in the knowledge base."),
        ("unreadable-record", "file:3", "entity_id: Field required"),
        ("duplicate-id", "a", "The data_id was given before."),
        ("missing-picture", "a", "There is no picture /nowhere/none.jpg."),
    ]


@settings(deadline=None)
@given(
    st.lists(
        st.builds(annotation, st.text(max_size=2), st.sampled_from(["Q1", "Q2", "Q3"])) | st.just(BAD), max_size=30
    )
)
def test_agrees_with_a_filter_anyone_can_follow(tmp_path_factory: pytest.TempPathFactory, found):
    with Problems(tmp_path_factory.mktemp("report") / "report.jsonl") as problems:
        kept = list(checked(found, {"Q1", "Q2"}, problems))
    good = [one for one in found if one is not BAD]
    first = [one for place, one in enumerate(good) if one.data_id not in {other.data_id for other in good[:place]}]
    assert kept == [one for one in first if one.entity_id != "Q3"]
    assert problems.counts.total() == len(found) - len(kept)
    assert problems.read == len(found)


def test_the_summary_is_a_sentence(tmp_path: Path):
    report = tmp_path / "report.jsonl"
    with Problems(report) as problems:
        problems.read = 3_000
        assert problems.summary() == "None of 3,000 annotations was left out."
        problems.add("bad-region", "a", "empty-mask: No pixel of the picture is inside the region.")
        assert problems.summary() == f"1 of 3,000 annotations was left out: 1 bad-region; {report} lists it."
        for number in range(1_200):
            problems.add("missing-picture", str(number), "There is no picture.")
    assert problems.summary() == (
        f"1,201 of 3,000 annotations were left out: 1,200 missing-picture, 1 bad-region; {report} lists them."
    )


def test_the_report_is_added_to_and_holds_any_text(tmp_path: Path):
    report = tmp_path / "report.jsonl"
    for why in ("one\ntwo", "白鷺 \udcff"):
        with Problems(report) as problems:
            problems.add("unreadable-record", "w", why)
            assert listed(report)[-1] == ("unreadable-record", "w", why), "it is on the disk before the next begins"
    assert len(listed(report)) == 2


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (BAD, "file:3: unreadable-record: entity_id: Field required. Mend it, or run without --strict."),
        (
            annotation("b", "Q9"),
            "b: unknown-entity: Q9 is not in the knowledge base. Mend it, or run without --strict.",
        ),
        (annotation("a"), "a: duplicate-id: The data_id was given before. Mend it, or run without --strict."),
    ],
)
def test_strict_ends_with_the_first_and_names_it(tmp_path: Path, found: Annotation | BadRecord, message: str):
    report = tmp_path / "report.jsonl"
    with Problems(report, strict=True) as problems:
        kept = checked([annotation("a"), found, BAD], {"Q1"}, problems)
        assert next(kept) == annotation("a")
        with pytest.raises(WikiClipError) as error:
            next(kept)
    assert str(error.value) == message
    assert len(listed(report)) == 1


def test_several_threads_may_add(tmp_path: Path):
    with Problems(tmp_path / "report.jsonl") as problems, ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: problems.add(PROBLEM_CODES[number % 6], str(number), "why"), range(1_200)))
    assert problems.counts == dict.fromkeys(PROBLEM_CODES, 200)
    assert {int(where) for _, where, _ in listed(tmp_path / "report.jsonl")} == set(range(1_200))


MOST_BYTES = """
import sys, tracemalloc
from pathlib import Path
from training.data.annotation import Annotation
from training.data.problems import Problems, checked

def annotations():
    for number in range(5_000):
        yield Annotation(
            data_id=f"{number:0200}", picture=Path("none.jpg"), region=None, entity_id="Q1",
            split="train", task="entity", question=None,
        )

tracemalloc.start()
with Problems(Path(sys.argv[1])) as problems:
    assert sum(1 for _ in checked(annotations(), {"Q1"}, problems)) == 5_000
print(tracemalloc.get_traced_memory()[1])
"""


def test_ids_are_remembered_in_little_memory(tmp_path: Path):
    # A process of its own, since what the threads of other tests allocate is counted, too.
    alone = [sys.executable, "-c", MOST_BYTES, str(tmp_path / "report.jsonl")]
    most = int(subprocess.run(alone, check=True, capture_output=True, text=True).stdout)
    assert most < 200 * 5_000, "an id here is 249 bytes as a text"
