"""Which cells of a picture belong together: what a tower's maps and the colours say, on a coarse grid.

Discriminative clustering with a normalised cut's smoothness, as in co-segmentation (Joulin, Bach and Ponce, CVPR 2010):
what is inside should be told from what is outside by a linear function of the features, and should end where
neighbours differ. The two are fitted in turns, a ridge regression and a linear system (random walker with priors,
Grady, CVPR 2005).

Axes: H, W cells; N cell in row-major order, E edge between neighbours, C feature, K direction that is kept of them.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix, diags
from scipy.sparse.linalg import splu

SIDE = 40  # cells along the longer side
EDGES = 8.0  # how fast an affinity falls with the mean of squared differences
LEAST = 1e-4  # the affinity of cells that have nothing in common
KEPT = 64  # directions of the features
RIDGE = 0.03
TRUST = 0.2  # of a cell in the regression, where neighbours count up to 8
SURE = 1e3
ROUNDS = 3
NEARBY = 0.1  # of a cell in lying near a point

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class Cells:
    """A picture's cells.

    Attributes:
        shape: H and W.
        features_NK: for the regression, the last one constant.
        laplacian_NN: of the affinities, sparse.
    """

    shape: tuple[int, int]
    features_NK: Floats
    laplacian_NN: Any

    @classmethod
    def of(cls, rgb_HWC: NDArray[np.uint8], maps: list[Floats]) -> "Cells":
        """Args: maps [h, w, C] that cover the picture, the finest first; their channels may differ."""
        shrink = SIDE / max(rgb_HWC.shape[:2])
        height, width = (max(1, round(side * shrink)) for side in rgb_HWC.shape[:2])
        small = cv2.resize(rgb_HWC, (width, height), interpolation=cv2.INTER_AREA) / np.float32(255)
        lab_HWC = _standardised(cv2.cvtColor(small, cv2.COLOR_RGB2LAB).astype(np.float32))
        maps = [_standardised(_resized(map_hwC, height, width)) for map_hwC in maps]
        parts = [*maps, lab_HWC, lab_HWC**2 - 1]
        all_NC = np.concatenate(parts, axis=-1).reshape(height * width, -1) / np.float32(len(maps) + 2) ** 0.5
        local_NC = np.concatenate([lab_HWC, *maps[:2]], axis=-1).reshape(height * width, -1)
        return cls((height, width), _principal(all_NC), _laplacian(local_NC, height, width))

    def within(self, outside_HW: NDArray[np.bool_]) -> Floats:
        """How likely each cell is inside [H, W], where it is known which surely are not, and that others are."""
        outside_N = outside_HW.ravel()
        inside_N = 1.0 - outside_N
        fixed_N = np.where(outside_N, SURE, TRUST)
        weights_N = _balanced(inside_N)
        for _ in range(ROUNDS):
            told_N = np.clip(self._regressed(inside_N, weights_N), 0, 1)
            inside_N = self._smooth(fixed_N, fixed_N * np.where(outside_N, 0.0, told_N))
            inside_N = _centred(inside_N, among=inside_N[~outside_N])
        return inside_N.reshape(self.shape)

    def around(self, x: float, y: float, radius: float) -> Floats:
        """How likely each cell belongs to a point [H, W], for a thing of about a radius; all in cells."""
        rows_HW, columns_HW = np.mgrid[: self.shape[0], : self.shape[1]] + 0.5
        away_N = ((columns_HW - x) ** 2 + (rows_HW - y) ** 2).ravel()
        sure_N = np.zeros(len(away_N))
        sure_N[away_N.argmin()] = SURE
        near_N = np.exp(-away_N / (2 * (1.5 * radius) ** 2))
        inside_N: Floats = (away_N <= max(radius**2, away_N.min())).astype(np.float64)
        for _ in range(ROUNDS):
            told_N = np.clip(self._regressed(inside_N, _balanced(inside_N)), 0, 1)
            inside_N = self._smooth(TRUST + NEARBY + sure_N, TRUST * told_N + NEARBY * near_N + sure_N)
            inside_N = _centred(inside_N, among=inside_N)
        return inside_N.reshape(self.shape)

    def _regressed(self, inside_N: Floats, weights_N: Floats) -> Floats:
        """What a linear function of the features makes of each cell, fitted to what is thought to be inside."""
        weighted_NK = self.features_NK * weights_N[:, None].astype(np.float32)
        gram_KK = weighted_NK.T @ self.features_NK
        gram_KK[np.diag_indices(gram_KK.shape[0] - 1)] += RIDGE
        fitted: Floats = self.features_NK @ np.linalg.solve(gram_KK, weighted_NK.T @ inside_N.astype(np.float32))
        return fitted

    def _smooth(self, weights_N: Floats, weighted_N: Floats) -> Floats:
        """What is near the wished values by their weights, and alike where neighbours are."""
        system_NN = (self.laplacian_NN + diags(weights_N)).tocsc()
        solver = splu(system_NN, permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True})
        solved: Floats = np.clip(solver.solve(weighted_N), 0, 1)
        return solved


def _balanced(inside_N: Floats) -> Floats:
    """Weights by which inside and outside count the same, whatever their size; their sum is 1."""
    outside_N = 1 - inside_N
    weights_N = inside_N / max(1e-3, float(inside_N.sum())) + outside_N / max(1e-3, float(outside_N.sum()))
    shares_N: Floats = weights_N / weights_N.sum()
    return shares_N


def _centred(inside_N: Floats, *, among: Floats) -> Floats:
    """Scaled so that Otsu's threshold among some cells becomes a half."""
    threshold, _ = cv2.threshold((255 * among).astype(np.uint8)[None], 0, 255, cv2.THRESH_OTSU)
    centred_N: Floats = np.clip(inside_N / (2 * min(max(threshold / 255, 0.1), 0.6)), 0, 1)
    return centred_N


def _standardised(map_HWC: Floats) -> Floats:
    """Centred, and scaled so that the mean of the squared norms is 1."""
    map_HWC = map_HWC - map_HWC.mean(axis=(0, 1))
    scaled: Floats = map_HWC / np.sqrt((map_HWC**2).sum(axis=-1).mean() + 1e-9)
    return scaled


def _resized(map_hwC: Floats, height: int, width: int) -> Floats:
    # OpenCV takes a limited number of channels at once.
    parts = [np.ascontiguousarray(map_hwC[..., start : start + 64]) for start in range(0, map_hwC.shape[-1], 64)]
    return np.concatenate([cv2.resize(part, (width, height)).reshape(height, width, -1) for part in parts], axis=-1)


def _principal(features_NC: Floats) -> Floats:
    """The directions in which the features vary most, nearly, by random projection with one power iteration (Halko,
    Martinsson and Tropp, SIAM Review 2011); with a constant."""
    kept = min(KEPT, *features_NC.shape)
    probes_CK = np.random.default_rng(0).standard_normal((features_NC.shape[1], kept)).astype(np.float32)
    basis_CK, _ = np.linalg.qr(features_NC.T @ (features_NC @ probes_CK))
    constant_N1 = np.ones((len(features_NC), 1), dtype=np.float32)
    return np.concatenate([features_NC @ basis_CK, constant_N1], axis=1)


def _laplacian(features_NC: Floats, height: int, width: int) -> Any:
    first_E, second_E, length_E = _neighbours(height, width)
    squared_E = ((features_NC[first_E] - features_NC[second_E]) ** 2).sum(axis=-1)
    affinity_E = (np.exp(-EDGES * squared_E / (squared_E.sum() / max(1, len(squared_E)) + 1e-9)) + LEAST) / length_E
    ends = (np.concatenate([first_E, second_E]), np.concatenate([second_E, first_E]))
    graph_NN = coo_matrix((np.concatenate([affinity_E, affinity_E]), ends), (height * width, height * width)).tocsc()
    return (diags(np.asarray(graph_NN.sum(axis=1)).ravel()) - graph_NN).tocsc()


@lru_cache(maxsize=16)
def _neighbours(height: int, width: int) -> tuple[NDArray[np.int64], NDArray[np.int64], Floats]:
    """Each cell with those to its right, below, and aslant below: their numbers, and how far they are apart."""
    numbers = np.arange(height * width).reshape(height, width)
    first, second, length = [], [], []
    for down, right in ((0, 1), (1, 0), (1, 1), (1, -1)):
        start, end = max(0, -right), width - max(0, right)
        one = numbers[: height - down, start:end].ravel()
        first.append(one)
        second.append(numbers[down:, start + right : end + right].ravel())
        length.append(np.full(len(one), np.hypot(down, right)))
    return np.concatenate(first), np.concatenate(second), np.concatenate(length)
