"""Plots touch no global state."""

from __future__ import annotations

import subprocess
import sys

PLOTS = """
import sys, matplotlib
before = matplotlib.rcParams.copy()  # dict() would look for a backend, and import pyplot
sys.path.insert(0, sys.argv[1])
import torch
from lieham import plotting

times = torch.arange(5.0)
check = {"name": "padding", "worst": 0.0, "tolerance": 1e-12, "verdict": "exact", "declared": True}
drift = torch.rand(3, 5, generator=torch.Generator().manual_seed(0))
path = torch.rand(5, 4, 2, generator=torch.Generator().manual_seed(0))
made = [
    plotting.plot_drift(-times.expand(3, 5), {"P": drift, "L": 0 * drift}, sys.argv[2] + "/drift.png", 2e-16),
    plotting.plot_errors(times, {"model": drift + 1e-9}, sys.argv[2] + "/errors.png"),
    plotting.plot_trajectories(path, path + 0.1, sys.argv[2] + "/paths.png", times),
    plotting.plot_trajectories(path[..., :1], path[..., :1], sys.argv[2] + "/line.png", times),
    plotting.plot_confusion(torch.tensor([[3, 1], [0, 0]]), sys.argv[2] + "/confusion.png", ["a", "b"]),
    plotting.plot_digits(torch.rand(9, 4, 4), 9 * ["4, not 9"], sys.argv[2] + "/digits.png"),
    plotting.plot_parity(times, times + 0.1, sys.argv[2] + "/parity.png", "eV"),
    plotting.plot_checks([check], sys.argv[2] + "/checks.png", "an audit"),
    plotting.plot_curves([{"step": 0, "validation": 1.0}, {"step": 5, "loss": 0.5}], sys.argv[2] + "/curves.png"),
]
assert all(x.read_bytes()[:8] == b"\\x89PNG\\r\\n\\x1a\\n" for x in made)
assert "matplotlib.pyplot" not in sys.modules
assert matplotlib.rcParams.copy() == before
"""


def test_plots_touch_no_global_state(tmp_path):
    """In a process of its own, where nobody else has imported pyplot."""
    command = [sys.executable, "-W", "error", "-c", PLOTS, ".", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
