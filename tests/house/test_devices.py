"""Devices: training and rollouts on the pretend GPU of `fakegpu`, which is as strict as CUDA, equal those on the CPU.

Each in a process of its own, since a device is registered once a process; on a machine with CUDA the same runs there.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.helpers.places import ROOT

HAS_FAKE = importlib.util.find_spec("torch.utils.backend_registration") is not None and hasattr(
    torch.utils.backend_registration, "_setup_privateuseone_for_python_backend"
)
needs_fake = pytest.mark.skipif(not HAS_FAKE, reason="this torch lacks the interface that the pretend GPU stands on")

PRELUDE = """
import sys
sys.path.insert(0, sys.argv[1])
import torch
import lieham, systems
from tests.helpers.cases import randomise
from tests.helpers.fakegpu import DEVICE, FakeGPU
from lieham.integrate import INTEGRATORS

data = systems.Springs(3).generate(6, 3, 3, points=8)

LIFTS = {"samples": {"lift": "sampled", "radius": 2.0}}

def model(group="SE(2)", **settings):
    return lieham.HLieConv("SE(2)" if settings else group, 1, width=8, **settings)
"""

TRAINING = """
def train(group, device, **settings):
    own = model(group, **LIFTS.get(group, {}))
    if device is not None:
        settings["device"] = str(device)
    history = lieham.fit(own, data, ridge=False, evaluate_every=2, batch=4, refine_windows=6, window=3, **settings)
    return [x.to("cpu") for x in own.state_dict().values()], history.best

GROUPS = "SE(2)", "SO(2)", "T(2)", "samples"
ADAM, BOTH, RK4 = {"steps": 4, "refine": 0}, {"steps": 2, "refine": 3}, {"steps": 2, "refine": 0, "method": "rk4"}
PAIRED = list(zip(GROUPS, (BOTH, ADAM, RK4, ADAM)))
for group, settings in [(group, x) for group in GROUPS for x in (ADAM, BOTH, RK4)] if EVERY else PAIRED:
    want, best = train(group, None, **settings)
    with FakeGPU():
        got, on_gpu = train(group, DEVICE, **settings)
    # With several lifted points a body, gradients are summed in another order.
    few = {"rtol": 1e-7, "atol": 1e-9} if group in LIFTS else {"rtol": 0, "atol": 0}
    torch.testing.assert_close((got, on_gpu), (want, best), **few, equal_nan=True)
print("equal")
"""

ROLLOUT = """
for group in ("SE(2)", "T(2)", "SO(2)", "Trivial(2)"):
    own = randomise(model(group))
    own.calibrate(data.train)
    methods = ["yoshida4"] if group != "SE(2)" else INTEGRATORS if EVERY else ["leapfrog", "rkn4", "gauss4", "dopri5"]
    want = {name: lieham.forecast(own, data.test, 3, method=name) for name in methods}
    tables = {name: lieham.conservation(x).as_dict()["charges"] for name, x in want.items()}
    with FakeGPU():
        own.to(DEVICE)
        for name in methods:
            got = lieham.forecast(own, data.test, 3, method=name, out=sys.argv[2] + f"/{group}{name}.h5")
            assert got.trajectory.q.device.type == "fakegpu"
            assert torch.equal(got.trajectory.q.to("cpu"), want[name].trajectory.q), (group, name)
            assert torch.equal(got.trajectory.p.to("cpu"), want[name].trajectory.p), (group, name)
            report = lieham.conservation(got)
            assert report.as_dict()["charges"] == tables[name], (group, name)
        assert report.plot(sys.argv[2] + "/drift.png").exists()
        lieham.save_model(own, sys.argv[2] + "/m.safetensors")
    back = lieham.load_model(sys.argv[2] + "/m.safetensors")
    assert all(x.device.type == "cpu" for x in back.parameters())
print("equal")
"""

MAGNETIC = """
data = systems.MagneticSprings(3).generate(6, 3, 3, points=8)

def run(device):
    own = lieham.VectorPotentialLieConv("SO(2)xT(1)", 1, width=8)
    history = lieham.fit(own, data, ridge=False, steps=3, refine=0, batch=4, window=3, device=device)
    rollout = lieham.forecast(own, data.test, 3)
    return history.best, rollout.trajectory.q.to("cpu"), lieham.conservation(rollout).as_dict()["charges"]

want = run("")
with FakeGPU():
    got = run(str(DEVICE))
assert want[0] == got[0] and torch.equal(want[1], got[1]) and want[2] == got[2]
print("equal")
"""

CLOUDS = """
from tests.helpers.cases import clouds
from lieham.data import CloudDataset, PointClouds
from lieham.models import LieConvClassifier, LieConvRegressor
from lieham.evaluate import predict

def grid(seed):
    x = clouds(2, k=8, n=9)
    features = torch.randn(8, 9, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return PointClouds.of(x.points[:1], features, x.targets)

def plane(seed):
    return clouds(2, k=8, seed=seed)

def space(seed):
    return clouds(3, k=8, seed=seed)

NEAR = {"most": 4, "fill": 0.6, "keep": 0.5}
CASES = {
    "grid": (grid, lambda: LieConvClassifier("T(2)", 2, 3, growth=2.0, **NEAR, **SHAPE)),
    "ragged": (space, lambda: LieConvRegressor("SE(3)", 2, **NEAR, **SHAPE)),
    "nearest": (plane, lambda: LieConvClassifier("T(2)", 2, 3, most=4, nearest=True, **SHAPE)),
    "all pairs": (space, lambda: LieConvRegressor("SO(3)", 2, mean=False, **SHAPE)),
    "sampled": (plane, lambda: LieConvClassifier("SE(2)", 2, 3, lift="sampled", **SHAPE)),
}
SHAPE = {"width": 8, "blocks": 2, "kernel_dim": 4, "dtype": torch.float64}

def run(name, device):
    made, build = CASES[name]
    own, data = build(), CloudDataset(made(0), made(1), made(2))
    history = lieham.fit(own, data, steps=3, batch=4, evaluate_every=2, device=device)
    said = predict(own, data.test.to(device or None))
    return [history.best, *(x.to("cpu") for x in [said, *own.state_dict().values()])]

for name in CASES:
    want = run(name, "")
    with FakeGPU():
        got = run(name, str(DEVICE))
    for a, b in zip(got, want):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-9)
print("equal")
"""

CAUGHT = """
own = model()
with FakeGPU():
    own.to(DEVICE)
    x = data.test
    try:
        own.field(x.bodies).force(torch.zeros(()), x.q[:, 0].to(DEVICE))
    except RuntimeError as error:
        assert "same device" in str(error), error
        print("caught")
"""


def run(code: str, folder: Path) -> str:
    command = [sys.executable, "-c", PRELUDE + code, str(ROOT), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@needs_fake
@pytest.mark.parametrize(
    "code",
    [
        "EVERY = False" + TRAINING,
        pytest.param("EVERY = True" + TRAINING, marks=pytest.mark.slow),
        "EVERY = False" + ROLLOUT,
        pytest.param("EVERY = True" + ROLLOUT, marks=pytest.mark.slow),
        MAGNETIC,
        CLOUDS,
    ],
    ids=["training", "all of training", "rollout", "all rollouts", "magnetic", "clouds"],
)
def test_a_gpu_gives_what_the_cpu_gives(code, tmp_path):
    assert run(code, tmp_path) == "equal"


@needs_fake
def test_the_pretend_gpu_refuses_what_a_gpu_refuses(tmp_path):
    """The negative control: bodies left on the CPU."""
    assert run(CAUGHT, tmp_path) == "caught"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU on this machine")
def test_a_real_gpu_gives_what_the_cpu_gives():
    import lieham
    import systems

    data = systems.Springs(3).generate(6, 3, 3, points=8)
    found = []
    for device in ("cpu", "cuda"):
        model = lieham.HLieConv("SE(2)", 1, width=8)
        lieham.fit(model, data, steps=5, refine=0, device=device)
        found.append(lieham.forecast(model, data.test, 20).trajectory.q.cpu())
    # Sums in another order, through 5 steps of Adam.
    torch.testing.assert_close(found[1], found[0], rtol=1e-6, atol=1e-6)
