"""What the shards of an inverted kind share: the lists that divide the space, and the code of a vector.

Axes: L list, M vector width, S sample row.
"""

import logging
import math
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

log = logging.getLogger(__name__)

ROUNDS = 10  # of k-means: what later rounds change is below one in a thousand of the objective
SAMPLE_ROWS = 40 * 8192  # of the whole index: forty for each list of the largest
MOST_A_LIST, LEAST_A_LIST = 64, 39  # sample rows; FAISS holds fewer than 39 to be too few
FEWEST = 1024  # sample rows that codes are trained on: 39 for each of 16 steps, and some to spare
LINKS, CARE = 32, 100  # of the graph over the lists: neighbours of a node, candidates looked at when it is built
MANY, CANDIDATES = 2048, 4  # lists, from which on a row's is found in two steps; those that the first step leaves
SEED = 20260311


def list_count(rows: int, sample: int) -> int:
    """How many lists: 3.3 times the root of the rows, as far as the sample reaches.

    8,126 at six million rows: then a list holds 750 rows, and finding the lists costs about what reading 16 does.
    """
    return max(1, min(round(3.3 * math.sqrt(rows)), sample // LEAST_A_LIST))


def enough(sample_SM: NDArray[np.float32]) -> NDArray[np.float32]:
    """The sample, or where it is small its rows over and over with noise, so that a single row can be trained on."""
    if len(sample_SM) >= FEWEST:
        return np.ascontiguousarray(sample_SM, dtype=np.float32)
    random = np.random.default_rng(SEED)
    repeated_SM = sample_SM[np.arange(FEWEST) % len(sample_SM)]
    length = np.linalg.norm(repeated_SM, axis=1, keepdims=True) / math.sqrt(sample_SM.shape[1])
    noise_SM: NDArray[np.float64] = random.normal(scale=0.3, size=repeated_SM.shape) * length
    noise_SM[: len(sample_SM)] = 0
    noisy_SM: NDArray[np.float32] = (repeated_SM + noise_SM).astype(np.float32)
    return noisy_SM


def centres(sample_SM: NDArray[np.float32], lists: int) -> NDArray[np.float32]:
    """Spherical k-means by FAISS, which spends its time in matrix products; unit vectors [L, M].

    Logs every round: at six million rows one takes 10 to 30 seconds.
    """
    width = sample_SM.shape[1]
    chosen = np.random.default_rng(SEED).permutation(len(sample_SM))[: lists * MOST_A_LIST]
    sample_SM = np.ascontiguousarray(sample_SM[np.sort(chosen)])
    means: Any = faiss.Clustering(width, lists)
    means.niter, means.seed, means.spherical = 1, SEED, True
    means.min_points_per_centroid = 1
    for done in range(1, ROUNDS + 1):
        means.train(sample_SM, faiss.IndexFlatIP(width))  # goes on from the centres that it has
        last = means.iteration_stats.at(means.iteration_stats.size() - 1)
        log.info(
            "k-means, %d lists from %d rows: round %d of %d, mean similarity %.4f",
            lists,
            len(sample_SM),
            done,
            ROUNDS,
            last.obj / len(sample_SM),
        )
    return faiss.vector_to_array(means.centroids).reshape(lists, width)


def graph(centres_LM: NDArray[np.float32]) -> Any:
    """An HNSW graph over the centres, built on one thread: several leave it to chance which links are made."""
    index = faiss.IndexHNSWFlat(centres_LM.shape[1], LINKS, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction = CARE
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    index.add(centres_LM)
    faiss.omp_set_num_threads(before)
    return index


def finder(graph: Any) -> Any:
    """FAISS's index that finds the list of a row, for blocks of rows.

    Of many centres it takes the nearest by half as many numbers, their principal components, and compares a row with
    these in full: at 8,126 lists in two thirds of the time that comparing with all takes, 997 of 1,000 rows get the
    nearest list, and the rest one about as near. The graph takes less than half, but sends 4 rows of 1,000 far away.
    """
    centres_LM = np.asarray(graph.reconstruct_n(0, graph.ntotal))
    lists, width = centres_LM.shape
    index: Any = faiss.IndexFlatIP(width)
    if lists < MANY:
        index.add(centres_LM)
        return index
    _, components_MM = np.linalg.eigh(np.cov(centres_LM, rowvar=False))  # the least first
    first_DM = components_MM.T[-(width // 2) :]
    # What a row shares with the centres' mean is the same for all of them, so that nothing need be taken off.
    projection = faiss.LinearTransform(width, len(first_DM), False)
    faiss.copy_array_to_vector(np.ascontiguousarray(first_DM, dtype=np.float32).ravel(), projection.A)
    projection.is_trained = True
    index = faiss.IndexRefineFlat(faiss.IndexPreTransform(projection, faiss.IndexFlatIP(len(first_DM))))
    index.k_factor = CANDIDATES
    index.add(centres_LM)
    return index
