from pathlib import Path

import numpy as np
import pytest

import benchmarks.search.encoded
from benchmarks.search.contrast import contrast_of_own, relative_contrast
from benchmarks.search.encoded import encode_texts, read_held_out, read_texts
from benchmarks.search.truth import kept_truth, nearest
from benchmarks.search.vectors import ROWS_A_TEXT, VectorSet, write_rows
from wikiclip.model import WikiClip

ROWS, CHUNK = 2000, 128  # of the fixtures


def test_rows_are_unit_and_every_twelfth_is_a_real_text(vectors: VectorSet, encoded: Path):
    rows_NM = vectors.rows().astype(np.float32)
    assert rows_NM.shape == (ROWS, 256)
    assert np.linalg.norm(rows_NM, axis=1) == pytest.approx(1, abs=2e-3)
    real_TM = read_texts(encoded, -(-ROWS // ROWS_A_TEXT)).astype(np.float32)
    assert (rows_NM[::ROWS_A_TEXT] * real_TM).sum(axis=1).min() > 0.999
    assert len(np.unique(rows_NM, axis=0)) == ROWS


def test_no_query_is_a_row(vectors: VectorSet, encoded: Path):
    assert vectors.queries().shape == (CHUNK, 256)
    assert len(read_held_out(encoded)) == CHUNK
    assert (vectors.queries() @ vectors.rows().astype(np.float32).T).max() < 0.999


def test_encoding_goes_on_where_it_was(
    vectors: VectorSet, encoded: Path, model: WikiClip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    whole, cut = (encoded / "000001.npy").read_bytes(), encoded / "000001.npy"
    cut.unlink()
    (encoded / "000001.partial.npy").write_bytes(whole[:1000])
    encode_texts(model, encoded, texts=CHUNK, chunk=CHUNK)
    assert cut.read_bytes() == whole
    monkeypatch.setattr(benchmarks.search.encoded, "_encode", None)  # nothing is left to encode
    encode_texts(model, encoded, texts=CHUNK, chunk=CHUNK)


def test_mixing_goes_on_where_it_was(
    vectors: VectorSet, encoded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    texts_TM = read_texts(encoded, 100)
    write_rows(texts_TM, tmp_path / "whole.npy", rows=1000, block_rows=256)

    class StoppedError(Exception):
        pass

    def stop(path: Path, text: str) -> None:
        path.write_text(text)
        if text == "2":
            raise StoppedError

    with monkeypatch.context() as patch:
        patch.setattr("benchmarks.search.vectors.write_text", stop)
        with pytest.raises(StoppedError):
            write_rows(texts_TM, tmp_path / "cut.npy", rows=1000, block_rows=256)
    assert not (tmp_path / "cut.npy").exists()
    write_rows(texts_TM, tmp_path / "cut.npy", rows=1000, block_rows=256)
    assert (tmp_path / "cut.npy").read_bytes() == (tmp_path / "whole.npy").read_bytes()


def test_truth_is_what_comparing_all_gives(vectors: VectorSet, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("benchmarks.search.truth.BLOCK_ROWS", 300)
    truth = kept_truth(vectors.queries(), vectors.rows(), 10, vectors.folder)
    scores_QN = vectors.queries() @ vectors.rows().astype(np.float32).T
    best_QK = np.argsort(-scores_QN, axis=1, kind="stable")[:, :10]
    assert (truth.rows_QK == best_QK).mean() > 0.995  # rounding may turn a few about
    assert truth.scores_QK == pytest.approx(np.take_along_axis(scores_QN, best_QK, 1), abs=1e-5)
    again = kept_truth(vectors.queries(), vectors.rows(), 10, vectors.folder)
    assert np.array_equal(again.rows_QK, truth.rows_QK)


def test_contrast_is_the_mean_distance_over_the_nearest():
    rows_NM = np.eye(4, dtype=np.float16)
    query_QM = np.array([[0.8, 0.6, 0, 0]], dtype=np.float32)
    distances = np.sqrt(2 - 2 * np.array([0.8, 0.6, 0, 0]))
    score_Q = nearest(query_QM, rows_NM, 1).scores_QK[:, 0]
    assert relative_contrast(query_QM, rows_NM, score_Q) == pytest.approx(distances.mean() / distances.min(), rel=1e-3)


def test_a_set_is_measured_by_its_own_rows_too(vectors: VectorSet):
    assert 1 < contrast_of_own(vectors.rows(), queries=100) < 10
