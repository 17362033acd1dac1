"""The figures of benchmarks: scores computed by hand, rollouts that diverge, and plots."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch

import lieham
from benchmarks.__main__ import main
from benchmarks.engine import runs
from benchmarks.engine.figures import over_seeds, summary
from benchmarks.engine.models import Entry
from benchmarks.engine.parts import PARTS
from benchmarks.engine.scoring import Trial, score
from benchmarks.registry import ALL, report_of
from benchmarks.studies.egnn import simulate
from lieham import GeneralHamiltonian
from lieham.errors import InputError, IntegrationError
from lieham.integrate import integrate
from lieham.training.config import TrainConfig
from systems import Bending, ChargedParticles, Springs
from tests.benchmarks.helpers import tiny


@pytest.mark.parametrize("where", ["training", "rollout"])
def test_what_diverges_is_recorded_as_such(where, tmp_path, monkeypatch, capsys):
    class Explosive(GeneralHamiltonian):
        def __init__(self):
            super().__init__(lambda z, bodies: self.rate * (z.q * z.p).sum((-1, -2)).pow(3))
            self.rate = torch.nn.Parameter(torch.tensor(1e8, dtype=torch.float64))

    def fit(*_, **__):
        if where == "training":
            raise IntegrationError("the training loss became nan")
        return type("History", (), {"seconds": 1.0})()

    monkeypatch.setattr(runs, "fit", fit)
    monkeypatch.setattr(runs, "models", lambda: {"lieham": Entry(lambda *_: Explosive(), lambda *_: TrainConfig())})
    result = tiny("springs", tmp_path / "results.json", "--only", "lieham")["results"][-1]
    if where == "training":
        assert result["failed"] == "the training loss became nan" and result["seconds"] is None
    else:
        assert result["mse_5step_mean"] is None and result["mse_5step_diverged"] > 0
        assert result["mse_rollout"]["5"] is None and result["diverged"]["5"] == 2
    assert "diverged" in capsys.readouterr().out


def test_one_system_that_diverges_leaves_the_others_their_figures():
    """H = |p|²/2m − k |q|⁴ with k > 0 of the second system alone: it flies off in finite time."""
    law = Springs(2)
    windows = law.benchmark(0, n_test=3).test
    windows.bodies.features[...] = torch.tensor([0.0, 1e6, 0.0], dtype=torch.float64)[:, None, None]

    def energy(z, bodies):
        quartic = bodies.features[..., 0] * z.q.square().sum(-1).square()
        return (z.p.square().sum(-1) / (2 * bodies.mass) - quartic).sum(-1)

    far = law.unseen(3, 15)
    far.bodies.features[...] = windows.bodies.features
    found = score(GeneralHamiltonian(energy), Trial(law, windows, far, (5, 15)))
    assert found["mse_5step_diverged"] == 1 and found["mse_5step_mean"] is None
    assert found["diverged"]["15"] == 1 and found["mse_rollout_median"]["15"] is not None
    assert found["drift"]["P"] < 1e-12, "of the two that fly freely"


def test_scores_are_those_of_a_hand_computation():
    law = Springs(3)
    x = law.benchmark(0, n_test=4).test
    found = score(law.hamiltonian(), Trial.of(law, x, 2, (3,)))
    path = integrate(law.field(x.bodies), x.state(0), x.times, "rkn4")
    truth = law.solve(x.state(0), x.bodies, x.times)
    for name, of in (("", x), ("exact_", truth)):
        both = torch.cat([path.q - of.q, path.p - of.p], -1)
        by_window = both.square().flatten(1).mean(1)
        assert found[f"mse_5step_{name}mean"] == pytest.approx(by_window.mean().item(), rel=1e-6)
        assert found[f"mse_5step_{name}median"] == pytest.approx(by_window.quantile(0.5).item(), rel=1e-6)
    far = law.unseen(2, 3)
    path = integrate(law.field(far.bodies), far.state(0), far.times, "yoshida4", substeps=4)
    error = torch.cat([path.q - far.q, path.p - far.p], -1)[:, 3].square().mean()
    assert found["mse_rollout"]["3"] == pytest.approx(error.item(), rel=1e-3)
    assert found["drift"]["L"] < 1e-13 and found["drift"]["H_law"] == found["drift"]["H_model"]


def test_figures_of_errors_that_are_not_finite():
    found = summary(torch.tensor([1.0, 2.0, 3.0, torch.nan, torch.inf]))
    assert found == {"mean": None, "q25": 2.0, "median": 3.0, "q75": None, "diverged": 2}
    assert over_seeds([1.0, None, 3.0])["median"] == 3.0
    assert summary(torch.tensor([1.0, 3.0])) == {"mean": 2.0, "q25": 1.5, "median": 2.0, "q75": 2.5, "diverged": 0}


def test_figures_are_png(springs, tmp_path):
    path = tmp_path / "springs.json"
    path.write_text(json.dumps(springs))
    assert main(["plot", str(path)]) == 0
    images = sorted(tmp_path.glob("*.png"))
    assert [x.name for x in images] == ["springs-springs-efficiency.png", "springs-springs-rollout.png"]
    assert all(x.read_bytes().startswith(b"\x89PNG") for x in images)


def test_a_report_is_text_data_and_figures(springs, tmp_path):
    report = report_of(springs)
    assert json.loads(json.dumps(report.as_dict())) == springs
    assert str(report).startswith("| model") and "commit" in str(report).splitlines()[-1]
    first = report.plot(tmp_path / "first.png")
    assert first.read_bytes().startswith(b"\x89PNG") and list(tmp_path.iterdir()) == [first]
    with pytest.raises(InputError, match="name must be one of springs-efficiency"):
        report.plot(tmp_path / "no.png", "histogram")
    with pytest.raises(InputError, match="a study with figures, got springs"):
        replace(report, figures={}).plot(tmp_path / "no.png")


def test_the_list_names_everything_and_wrong_names_are_refused(capsys):
    assert main(["list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [x.split()[0] for x in lines] == [x.name for x in ALL]
    assert main(["nothing"]) == 2
    assert "name must be one of" in capsys.readouterr().err


def test_charged_bodies_are_simulated_as_published():
    """Leapfrog by hand on one system: positions at frames, momenta half a step before them, forces clipped."""
    frames, closest = simulate(2, 3, until=1)
    law = ChargedParticles()
    (q, p), bodies = law.sample(2, torch.Generator().manual_seed(3))
    force = law.force(bodies)
    path = []
    p = p + 1e-3 * force(q).clamp(-100, 100)
    for step in range(1, 201):
        q = q + 1e-3 * p
        if step in (100, 200):
            path.append((q, p))
        p = p + 1e-3 * force(q).clamp(-100, 100)
    for k, (at, momentum) in enumerate(path):
        assert torch.equal(frames.q[:, k], at) and torch.equal(frames.p[:, k], momentum)
    torch.testing.assert_close(frames.times[0], torch.tensor([0.1, 0.2], dtype=torch.float64))
    assert (closest == torch.inf).all(), "nobody was watched before frame 30"


@pytest.fixture(scope="module")
def bent():
    """Windows of three bodies with a law of angles, on which `fit` tries every lift."""
    return Bending(3, 2).benchmark(12, 0, n_test=0)


def reaches(path: str, bent) -> bool:
    """Whether training reads the attribute with this full name: without it, it must fail."""
    name = path.rsplit(".", 1)[1]
    with pytest.MonkeyPatch.context() as patched:
        patched.delattr(path)
        try:
            lieham.fit(lieham.HLieConv("SE(2)"), bent, steps=1, refine=0)
        except (NameError, AttributeError, TypeError, InputError) as error:
            return {"__defaults__": "missing"}.get(name, name) in str(error)
    return False


@pytest.mark.parametrize("path", sorted({path for part in PARTS.values() for path in part.instead}))
def test_what_the_ablation_replaces_is_read_in_training(path, bent):
    assert reaches(path, bent)


def test_what_training_does_not_read_would_be_seen(bent, monkeypatch):
    monkeypatch.setattr("lieham.regression.ridge_stage.NEVER_READ", 1, raising=False)
    assert not reaches("lieham.regression.ridge_stage.NEVER_READ", bent)
    with pytest.raises(AttributeError):
        reaches("lieham.regression.ridge_stage.NO_SUCH_NAME", bent)


@pytest.mark.parametrize("lift", ["coset", "tensor"])
def test_four_scales_are_four(lift):
    def scales():
        return lieham.HLieConv("SE(2)", lift=lift).potential.network.lift.scales.numel()

    with PARTS["4 scales"].away():
        assert scales() == 4
    assert scales() == 12
