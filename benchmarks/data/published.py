"""Published figures to stand beside ours, with their sources."""

from __future__ import annotations

N_TRAIN = (10, 25, 50, 100, 400, 1_000, 3_000, 10_000, 30_000, 96_000)

SPRINGS: dict[str, tuple[float, ...]] = {
    "weakest, probably FC": (1.3e-1, 1.0e-1, 6.9e-2, 4.2e-2, 9.2e-3, 2.0e-3, 5.1e-4, 8.8e-5, 3.2e-5, 2.9e-5),
    "probably HOGN": (2.3e-2, 9.7e-3, 5.0e-3, 2.1e-3, 6.1e-4, 3.9e-4, 5.8e-5, 1.3e-5, 1.5e-6, 2.8e-6),
    "LieConv-T(2)": (3.5e-3, 9.2e-4, 2.6e-4, 1.6e-4, 2.4e-5, 3.3e-5, 5.0e-6, 2.1e-6, 2e-7, 6.1e-8),
    "LieTransformer-T(2)": (7.5e-4, 1.5e-4, 5.9e-5, 2.5e-5, 8.5e-6, 5.7e-6, 1.1e-6, 4.6e-7, 2.9e-7, 1.1e-7),
}
"""Mean 5-step test MSE after training on each of `N_TRAIN` trajectories, three seeds: read off the figure of the
LieTransformer repository (Hutchinson et al. 2021, arXiv 2012.10885) to ±5 %. LieConv has 895,000 parameters (Finzi et
al. 2020, arXiv 2002.12880), LieTransformer 842,000. The legend does not name the first two for certain."""

SPRINGS_ROLLOUT: dict[str, dict[int, float]] = {
    "LieConv-T(2)": {10: 8.1e-5, 50: 1.4e-3, 99: 3.5e-3},
    "LieTransformer-T(2)": {10: 1.5e-5, 50: 2.3e-4, 99: 7.4e-4},
}
"""Rollout MSE by step after training on 10,000 trajectories, from the same figure."""

SPRINGS_REPEATED: dict[int, dict[str, float]] = {
    10: {"mean": 7.0e-3, "median": 4.2e-4, "seconds": 670.0},
    100: {"mean": 3.4e-4, "median": 4.9e-5, "seconds": 834.0},
}
"""LieConv-T(2) trained here as its authors do (k = 384, 4 layers, Adam 1e-3), one seed, 500 windows, 2 cores: within a
factor of 2 of the published figure."""

EGNN: dict[str, float] = {
    "SE(3)-Transformer": 0.0244,
    "TFN": 0.0155,
    "EGNN": 0.0071,
    "SEGNN": 0.0043,
    "PONITA": 0.0043,
}
"""Position MSE on 5 charged bodies in space from frame 30 to 40 after 3,000 training trajectories: Satorras et al. 2021
(arXiv 2102.09844), Brandstetter et al. 2022 (arXiv 2110.02905), Bekkers et al. 2024 (arXiv 2310.02970). The last two
were not checked against their papers."""

EGNN_PHYSICS: dict[str, float] = {"true law, 100 Verlet steps": 0.0120, "true law, 1000 Verlet steps": 2.6e-4}
"""The law itself, integrated so from what the data show, measured here: its error is that of the data and the step."""
