"""Training: a loss that a plain loop confirms, a run that resumes bit for bit, and input refused by name."""

from __future__ import annotations

import json
import math
import os
import pickle
import random
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from cases import trainer_of

import lieham
from lieham.data import Dataset, Windows, save
from lieham.dynamics import Kinetic
from lieham.dynamics.hamiltonian import GeneralHamiltonian
from lieham.errors import FileError, InputError, IntegrationError, Interrupted, LiehamError
from lieham.integrate import make_integrator
from lieham.losses import ShootingLoss
from lieham.models import HLieConv, load_model
from lieham.models.config import ModelConfig
from lieham.optim import lbfgs
from lieham.optim.adam import AdamStage
from lieham.optim.lbfgs import LBFGSStage
from lieham.state import Bodies, PhaseState, Trajectory
from lieham.training import RunFolder, fit
from lieham.training.config import TrainConfig
from systems import Springs
from systems.baselines import free_flight

LAW = Springs(3, 2)
QUICK = TrainConfig(ridge=False, steps=8, refine=12, evaluate_every=2, batch=6, refine_windows=8, window=3)
"""8 Adam steps with 4 validations, then two chunks of 6 L-BFGS iterations (see `short_chunks`)."""


@pytest.fixture(autouse=True, scope="module")
def short_chunks():
    """Runs of few iterations have several chunks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lbfgs, "REFINE_CHUNK", 8)
        yield


@pytest.fixture
def full_chunks(monkeypatch):
    """What everybody else has."""
    monkeypatch.setattr(lbfgs, "REFINE_CHUNK", 50)


@cache
def data(points: int = 5) -> Dataset:
    return LAW.generate(20, 4, 4, points=points)


def small_model(dtype: torch.dtype = torch.float64, seed: int = 0, width: int = 8) -> HLieConv:
    return HLieConv("SE(2)", 1, width=width, seed=seed, dtype=dtype)


def says(kind: type[LiehamError], call, *parts: str) -> None:
    """The call is refused in one sentence that holds every part, in order."""
    with pytest.raises(kind) as caught:
        call()
    sentence = str(caught.value)
    places = [sentence.find(part) for part in parts]
    assert -1 not in places and places == sorted(places), f"{parts} are not in order in {sentence!r}"


def equal(a: object, b: object) -> bool:
    """Bit for bit, through dicts and lists; `seconds` may differ."""
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(equal(a[k], b[k]) for k in a if k != "seconds")
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(equal(x, y) for x, y in zip(a, b, strict=True))
    return torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b


def same_weights(a: torch.nn.Module, b: torch.nn.Module) -> bool:
    return equal(a.state_dict(), b.state_dict())


# Learning


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_fit_learns_springs(dtype, full_chunks):
    """From 20 windows to a loss 1,000 times below free flight's."""
    model = small_model(dtype, width=16)
    history = fit(model, data(), ridge=False, steps=60, refine=30, evaluate_every=20, batch=20)
    trainer = trainer_of(model, data().train.to(dtype=dtype), data().val.to(dtype=dtype), TrainConfig())
    flight = free_flight(trainer.task.validation)
    loss, windows = trainer.task.loss, trainer.task.validation
    drift = ((flight.q - windows.q) / loss.scale_q).square() + ((flight.p - windows.p) / loss.scale_p).square()
    assert history.best < 1e-3 * drift[:, 1:].mean().item()
    assert {x.dtype for x in model.state_dict().values()} == {dtype, torch.bool}
    assert [row["stage"] for row in history.rows] == ["adam"] * 3 + ["lbfgs"]
    assert history.rows[-1]["loss"] < history.rows[0]["loss"]


def test_the_weights_kept_are_the_best_on_validation():
    """A learning rate of 0.3 is far too large, so that the last validation is not the best."""
    model = small_model()
    config = replace(QUICK, refine=0, steps=20, lr=0.3, ema=0.0, evaluate_every=1)
    history = fit(model, data(), config=config)
    scores = [row["validation"] for row in history.rows]
    assert history.best == min(scores) < scores[-1]
    trainer = trainer_of(model, data().train, data().val, config)
    with torch.no_grad():
        assert trainer.task.loss(model, trainer.task.validation).item() == min(scores)


def test_patience_ends_a_stage_early():
    config = replace(QUICK, refine=0, steps=100, lr=0.3, ema=0.0, evaluate_every=1)
    rows = fit(small_model(), data(), config=config, patience=3).rows
    scores = [row["validation"] for row in rows]
    assert 3 < len(rows) < 100
    assert min(scores) == scores[-4] and min(scores[:-4], default=math.inf) > scores[-4]
    steady = fit(small_model(), data(), config=config, steps=len(rows) + 1).rows
    assert len(steady) == len(rows) + 1, "patience=0 stops for nothing"


def test_patience_of_adam_leaves_refinement_alone():
    rows = fit(small_model(), data(), config=replace(QUICK, lr=0.3, ema=0.0, steps=100), patience=1).rows
    assert [row["stage"] for row in rows][-1] == "lbfgs"
    assert rows[-1]["validation"] < min(row["validation"] for row in rows if row["stage"] == "adam")


def test_without_a_validation_split_the_training_loss_decides():
    model, alone = small_model(), Dataset(train=data().train)
    history = fit(model, alone, config=QUICK)
    trainer = trainer_of(model, alone.train, None, QUICK)
    with torch.no_grad():
        assert trainer.task.loss(model, trainer.task.fixed).item() == history.best


def test_training_draws_nothing_from_global_generators(tmp_path):
    before = torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate()
    fit(small_model(), data(), config=QUICK, refine=4, run=tmp_path / "run")
    after = torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate()
    assert equal(before, after)


def test_the_seed_decides_and_nothing_else():
    a, b, c = small_model(), small_model(), small_model()
    torch.manual_seed(5)
    fit(a, data(), config=QUICK, refine=0)
    torch.manual_seed(6)
    fit(b, data(), config=QUICK, refine=0)
    fit(c, data(), config=QUICK, refine=0, seed=1)
    assert same_weights(a, b) and not same_weights(a, c)


def test_a_second_fit_keeps_the_units_of_the_first():
    model = small_model()
    fit(model, data(), config=QUICK, refine=0)
    units = [model.potential.length.clone(), model.potential.energy.clone(), model.potential.scale.clone()]
    far = replace(data().train, q=3 * data().train.q, p=3 * data().train.p)
    fit(model, Dataset(train=far), config=QUICK, refine=0)
    assert equal(units, [model.potential.length, model.potential.energy, model.potential.scale])
    fresh = small_model()
    fit(fresh, Dataset(train=far), config=QUICK, refine=0)
    assert not equal(units[0], fresh.potential.length)


def test_fit_writes_to_no_argument_but_the_model():
    dataset = LAW.generate(4, 2, 0, points=5)
    copies = [x.clone() for split in dataset.splits.values() for x in (split.times, split.q, split.p)]
    fit(small_model(), dataset, config=QUICK, refine=0)
    assert equal(copies, [x for split in dataset.splits.values() for x in (split.times, split.q, split.p)])


def test_progress_counts_to_the_end():
    seen = []
    fit(small_model(), data(), config=QUICK, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(done, 20) for done in (*range(1, 9), 14, 20)]


# The loss, against a plain loop over windows, segments and bodies


def irregular(padding: tuple[int, ...] = ()) -> Trajectory:
    """Exact windows of 5 points, each on its own uneven grid, with padded bodies inserted at these places."""
    generator = torch.Generator().manual_seed(3)
    state, bodies = LAW.sample(6, generator)
    widths = 0.005 + 0.02 * torch.rand(6, 5, generator=generator, dtype=torch.float64)
    times = widths.cumsum(-1)
    path = LAW.solve(state, bodies, times)
    real = [k for k in range(3 + len(padding)) if k not in padding]
    q, p = (x.new_zeros(6, 5, 3 + len(padding), 2) for x in path)
    mass, spring = (torch.ones(6, 3 + len(padding), dtype=torch.float64) for _ in range(2))
    mask = torch.zeros(6, 3 + len(padding), dtype=torch.bool)
    q[..., real, :], p[..., real, :], mass[:, real] = path.q, path.p, bodies.mass
    spring[:, real], mask[:, real] = bodies.features[..., 0], True
    return Trajectory.of(times, q, p, Bodies.of(mass, spring[..., None], mask))


def pieces(windows: Trajectory, segment: int):
    """(window, first point, steps) of every segment."""
    k = segment or windows.n_steps
    return [(w, s, k) for w in range(len(windows)) for s in range(0, windows.n_steps, k)]


def slow_scales(windows: Trajectory, segment: int) -> tuple[float, float]:
    squares, count = [0.0, 0.0], 0
    for w, s, k in pieces(windows, segment):
        for body in windows.bodies.mask[w].nonzero().flatten().tolist():
            count += k * windows.dim
            for i, x in enumerate((windows.q, windows.p)):
                squares[i] += sum((x[w, s + j, body] - x[w, s, body]).square().sum().item() for j in range(1, k + 1))
    return math.sqrt(squares[0] / count), math.sqrt(squares[1] / count)


def slow_loss(model: HLieConv, windows: Trajectory, segment: int, method: str, substeps: int) -> float:
    s_q, s_p = slow_scales(windows, segment)
    total, count = 0.0, 0
    for w, s, k in pieces(windows, segment):
        bodies = windows.bodies.map(lambda x, w=w: x[w])
        start, times = PhaseState(windows.q[w, s], windows.p[w, s]), windows.times[w, s : s + k + 1]
        path = make_integrator(method, substeps=substeps).integrate(model.field(bodies), start, times)
        for body in bodies.mask.nonzero().flatten().tolist():
            for j in range(1, k + 1):
                total += ((path.q[j, body] - windows.q[w, s + j, body]) / s_q).square().sum().item()
                total += ((path.p[j, body] - windows.p[w, s + j, body]) / s_p).square().sum().item()
                count += windows.dim
    return total / count


def measured_loss(windows: Trajectory, segment: int, method: str = "rkn4", substeps: int = 1) -> ShootingLoss:
    loss = ShootingLoss(segment, method, substeps).double()
    loss.calibrate(windows)
    return loss


@pytest.mark.parametrize("padding", [(), (1, 4)], ids=["full", "padded"])
@pytest.mark.parametrize("segment", [1, 2, 4, 0])
@pytest.mark.parametrize("method, substeps", [("rkn4", 1), ("leapfrog", 2)])
def test_the_loss_is_that_of_a_plain_loop(segment, method, substeps, padding):
    windows, model = irregular(padding), small_model()
    loss = measured_loss(windows, segment, method, substeps)
    # Both sum about 100 terms of order 1 in float64; the integrations differ by rounding alone.
    assert (loss.scale_q.item(), loss.scale_p.item()) == pytest.approx(slow_scales(windows, segment), rel=1e-12)
    expected = slow_loss(model, windows, segment, method, substeps)
    assert loss(model, windows).item() == pytest.approx(expected, rel=1e-10)


def test_a_full_window_is_one_segment_and_single_steps_are_not():
    windows, model = irregular(), small_model()
    full, four, one = (measured_loss(windows, k)(model, windows).item() for k in (0, 4, 1))
    assert full == four != one


class Frozen(Kinetic):
    """K = 0: nothing moves."""

    linear_velocity = True

    def forward(self, p, bodies):
        return p.new_zeros(p.shape[:-2])

    def velocity(self, p, bodies):
        return torch.zeros_like(p)


@pytest.mark.parametrize("padding", [(), (0, 2)], ids=["full", "padded"])
@pytest.mark.parametrize("segment", [1, 2, 0])
def test_the_loss_of_a_constant_state_is_2(segment, padding):
    windows = irregular(padding)
    still = lieham.SeparableHamiltonian(lambda q, bodies: 0.0 * q.sum((-1, -2)), Frozen())
    # Each of q and p gives its own mean square over itself; rounding of two sums in float64.
    assert measured_loss(windows, segment)(still, windows).item() == pytest.approx(2, rel=1e-12)
    assert measured_loss(windows, segment)(LAW.hamiltonian(), windows).item() < 1e-6


@pytest.mark.parametrize("padding", [(3,), (0, 2), (1, 3, 4)])
def test_padding_changes_neither_units_nor_loss(padding):
    plain, padded, model = irregular(), irregular(padding), small_model()
    a, b = measured_loss(plain, 2), measured_loss(padded, 2)
    torch.testing.assert_close((a.scale_q, a.scale_p), (b.scale_q, b.scale_p), rtol=1e-13, atol=0)
    torch.testing.assert_close(a(model, plain), b(model, padded), rtol=1e-12, atol=0)
    bodies = padded.bodies
    unmasked = replace(padded, bodies=Bodies(bodies.mass, bodies.features, torch.ones_like(bodies.mask)))
    assert abs(b(model, unmasked) / a(model, plain) - 1) > 1e-3, "a mask that is ignored is seen"


@pytest.mark.parametrize("name", ["q", "p"])
def test_what_does_not_move_has_no_unit(name):
    still = getattr(irregular(), name)[:, :1].expand(-1, 5, -1, -1)
    says(
        InputError, lambda: measured_loss(replace(irregular(), **{name: still}), 1),
        f"{name} of the training windows must change in time, got constant values",
    )  # fmt: skip


def test_padded_and_irregular_systems_can_be_learned(full_chunks):
    history = fit(small_model(width=16), Dataset(train=irregular((1,))), steps=60, refine=60, evaluate_every=20)
    assert history.best < 1e-4, "the loss of a constant state is 2; 1e-6 was measured"


# Stages


def square_loss(module: torch.nn.Linear, scale: float = 1.0):
    return lambda: scale * (module.weight - 1).square().sum()


def linear() -> torch.nn.Linear:
    module = torch.nn.Linear(3, 2, bias=False, dtype=torch.float64)
    torch.nn.init.zeros_(module.weight)
    return module


@pytest.mark.parametrize("clip, bound", [(1e-3, True), (1e3, False)])
def test_the_gradient_is_clipped(clip, bound):
    module = linear()
    AdamStage(module, TrainConfig(clip=clip)).step(square_loss(module))
    norm = module.weight.grad.norm().item()
    # The gradient is −2 in each of 6 places; torch divides by the norm + 1e-6.
    assert norm == pytest.approx(clip if bound else math.sqrt(24), rel=1e-6)


@pytest.mark.parametrize("ema", [0.0, 0.6])
def test_the_average_and_the_schedule(ema):
    module = linear()
    stage = AdamStage(module, TrainConfig(steps=10, lr=0.1, ema=ema))
    expected = None
    for k in range(5):
        # Adam's step in torch is lr · m̂ / (√v̂ + ε); the cosine takes lr from 0.1 to 0.
        assert stage.optimizer.param_groups[0]["lr"] == pytest.approx(0.05 * (1 + math.cos(math.pi * k / 10)))
        stage.step(square_loss(module))
        weight = module.weight.detach()
        expected = weight.clone() if expected is None else ema * expected + (1 - ema) * weight
    torch.testing.assert_close(stage.model.weight.detach(), expected, rtol=1e-14, atol=0)
    assert torch.equal(stage.model.weight, module.weight) == (ema == 0)


@pytest.mark.parametrize("make, settings", [(AdamStage, QUICK), (LBFGSStage, QUICK.refine)])
@pytest.mark.parametrize("scale", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_ends_training(scale, make, settings):
    module = linear()
    step = make(module, settings).step
    says(IntegrationError, lambda: step(square_loss(module, scale)), "the training loss became", "lower lr")
    assert torch.equal(module.weight, linear().weight), "the weights are those before the step"


@pytest.mark.parametrize("how", ["inf", "nan", "raised"])
def test_refinement_steps_back_from_where_the_flow_diverges(how, full_chunks):
    """−w − 0.1 log(1.2 − w) is least at 1.1; L-BFGS overshoots beyond 1.2, where it has no value."""
    module, outside = linear(), []

    def loss():
        if module.weight.detach().max() >= 1.2:
            outside.append(1)
            if how == "raised":
                raise IntegrationError("the state left the finite numbers")
            return module.weight.sum() * getattr(math, how)
        return (-module.weight - 0.1 * torch.log(1.2 - module.weight)).sum()

    LBFGSStage(module, 50).step(loss)
    assert outside, "the line search met the edge"
    # The minimum is flat: w is known to the root of the 1e-16 that the loss is known to.
    torch.testing.assert_close(module.weight.detach(), torch.full((2, 3), 1.1, dtype=torch.float64), rtol=1e-6, atol=0)


@pytest.mark.parametrize("refine, chunks", [(1, 1), (50, 1), (51, 2), (70, 2), (110, 3), (200, 4)])
def test_refinement_does_the_iterations_asked_for(refine, chunks, full_chunks):
    stage = LBFGSStage(linear(), refine)
    assert math.ceil(refine / stage.stride) == chunks
    assert refine <= chunks * stage.stride < refine + chunks, "no more than the rounding of equal chunks"
    assert stage.stride <= lbfgs.REFINE_CHUNK


class Explosive(torch.nn.Module):
    """H = e^{w |q|²}: its gradient overflows where w does."""

    def __init__(self):
        super().__init__()
        self.w = torch.nn.Parameter(torch.tensor(1e4, dtype=torch.float64))

    def forward(self, state, bodies):
        return torch.exp(self.w * state.q.square().sum((-1, -2))) + state.p.square().sum((-1, -2))


@pytest.mark.parametrize("stage", [{"steps": 3, "refine": 0}, {"steps": 0, "refine": 3}], ids=["adam", "refine"])
def test_a_flow_that_diverges_is_named(stage):
    model = GeneralHamiltonian(Explosive())
    with pytest.raises(IntegrationError):
        fit(model, data(), config=QUICK, method="rk4", **stage)
    assert model.function.w.item() == 1e4


# Runs: written, interrupted, resumed


def asked_at(*counts: int):
    """`interruptible`, with a Ctrl-C at these evaluations of the loss."""

    @contextmanager
    def interruptible():
        seen = iter(range(10**9))
        yield lambda: next(seen) in counts

    return interruptible


def evaluations(config: TrainConfig = QUICK) -> int:
    seen = []
    trainer = trainer_of(small_model(), data().train, data().val, config, stop=lambda: bool(seen.append(1)))
    list(trainer.run())
    return len(seen)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """An uninterrupted run: (folder, model, history)."""
    folder, model = tmp_path_factory.mktemp("training") / "whole", small_model()
    return folder, model, fit(model, data(), config=QUICK, run=folder)


def test_a_run_folder_holds_what_it_says(whole):
    folder, model, history = whole
    assert sorted(f.name for f in folder.iterdir()) == [
        "checkpoint.pt",
        "config.yaml",
        "log.jsonl",
        "model.safetensors",
    ]
    content = RunFolder(folder).config()
    assert TrainConfig(**content["train"]) == replace(QUICK, observed="exact")
    assert content["data"]["law"] == "springs"
    ModelConfig(**content["model"])
    assert [json.loads(x) for x in (folder / "log.jsonl").read_text().splitlines()] == history.rows
    assert same_weights(load_model(folder), model)
    assert [(row["stage"], row["step"]) for row in history.rows] == [
        *(("adam", k) for k in (2, 4, 6, 8)), ("lbfgs", 6), ("lbfgs", 12)
    ]  # fmt: skip


def test_a_run_folder_changes_no_weight(whole):
    model = small_model()
    fit(model, data(), config=QUICK)
    assert same_weights(model, whole[1])


@pytest.mark.parametrize("place", [0, 3, 4, 8, 11, -3])
def test_an_interrupted_run_resumes_bit_for_bit(place, whole, tmp_path, monkeypatch):
    """Ctrl-C at the first evaluation, inside Adam (between and at validations), at the start of refinement,
    inside its first chunk and inside its last one."""
    folder, at = tmp_path / "run", place if place >= 0 else evaluations() + place
    monkeypatch.setattr(sys.modules[fit.__module__], "interruptible", asked_at(at))
    with pytest.raises(Interrupted) as caught:
        fit(small_model(), data(), config=QUICK, run=folder)
    assert caught.value.run == folder and str(folder) in str(caught.value)
    assert not (folder / "model.safetensors").exists()
    monkeypatch.undo()
    model = small_model(seed=9)  # its own weights must not matter
    history = fit(model, data(), config=QUICK, run=folder, resume=True)
    assert same_weights(model, whole[1])
    assert equal(history.rows, whole[2].rows) and history.best == whole[2].best
    assert equal(RunFolder(folder).checkpoint(), RunFolder(whole[0]).checkpoint())
    assert same_weights(load_model(folder), whole[1])


def test_a_run_interrupted_many_times_resumes_bit_for_bit(whole, tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules[fit.__module__], "interruptible", asked_at(3))
    folder, resume = tmp_path / "run", False
    for _ in range(3):
        with pytest.raises(Interrupted):
            fit(small_model(), data(), config=QUICK, run=folder, resume=resume)
        resume = True
    monkeypatch.undo()
    model = small_model()
    fit(model, data(), config=QUICK, run=folder, resume=True)
    assert same_weights(model, whole[1])


def state_after(steps: int, trainer: Trainer) -> dict:
    """The state after so many evaluations of the loss."""
    seen = iter(range(10**9))
    trainer.stop = lambda: next(seen) == steps
    with pytest.raises(Interrupted):
        list(trainer.run())
    return trainer.state_dict()


def new_trainer(config: TrainConfig = QUICK) -> Trainer:
    return trainer_of(small_model(), data().train, data().val, config)


def test_optimiser_average_and_draws_come_back():
    """In the middle of Adam, every part of the state: a resumed run that had forgotten one would differ."""
    straight = state_after(7, new_trainer())
    halfway, second = state_after(3, new_trainer()), new_trainer()
    second.load_state_dict(halfway)
    resumed = state_after(4, second)
    assert equal(straight, resumed)
    for part in ("stage", "generator"):
        third = new_trainer()
        third.load_state_dict({**halfway, part: new_trainer().state_dict()[part]})
        assert not equal(straight, state_after(4, third)), f"{part} matters"


def test_the_drawn_frames_of_a_sampled_lift_come_back():
    def trainer():
        return trainer_of(HLieConv("SE(2)", 1, width=8, lift="sampled"), data().train, data().val, QUICK)

    straight, halfway, second = state_after(7, trainer()), state_after(3, trainer()), trainer()
    second.load_state_dict(halfway)
    assert equal(straight, state_after(4, second))


def test_a_finished_run_resumes_to_itself(whole):
    model = small_model(seed=3)
    history = fit(model, data(), config=QUICK, run=whole[0], resume=True)
    assert same_weights(model, whole[1]) and equal(history.rows, whole[2].rows)
    assert same_weights(load_model(whole[0]), model)


def python(code: str, *arguments: object, **options) -> subprocess.Popen:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


KILLED = """
import os, signal, sys
sys.path.insert(0, sys.argv[1])
import test_training as here

here.lbfgs.REFINE_CHUNK = int(sys.argv[3])
import torch._dynamo  # what torch.func imports on first use, once for all children

def kill_at(step):
    return lambda done, total: done == step and os.kill(os.getpid(), signal.SIGKILL)

for step in (1, 5, 14):
    child = os.fork()
    if child == 0:
        run = sys.argv[2] + f"/{step}"
        here.fit(here.small_model(), here.data(), config=here.QUICK, run=run, progress=kill_at(step))
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_killed_run_resumes_bit_for_bit(whole, tmp_path):
    """SIGKILL before the first validation, between two of Adam, and after a chunk of refinement that was not
    saved; each in a process of its own, forked before torch has threads."""
    process = python(KILLED, Path(__file__).parent, tmp_path, lbfgs.REFINE_CHUNK)
    out, err = process.communicate()
    assert out.split() == [str(-signal.SIGKILL)] * 3, err
    for step, (stage, place) in {1: (0, 0), 5: (0, 4), 14: (0, 8)}.items():
        run, model = tmp_path / str(step), small_model()
        assert RunFolder(run).checkpoint()["place"][:2] == [stage, place]
        history = fit(model, data(), config=QUICK, run=run, resume=True)
        assert same_weights(model, whole[1]) and equal(history.rows, whole[2].rows), step


def test_ctrl_c_leaves_a_resumable_run(tmp_path):
    """`lieham train` in a process of its own, interrupted after its first validation, at any step."""
    save(data(), tmp_path / "springs.h5")
    run = tmp_path / "run"
    settings = {"steps": 100_000, "evaluate_every": 5, "batch": 6, "window": 3, "refine_windows": 8, "ridge": False}
    command = ["train", "--data", tmp_path / "springs.h5", "--run", run, "--model.width", "8"]
    command += [x for k, v in settings.items() for x in (f"--train.{k}", str(v))]
    process = python("import sys; from lieham.cli import main; sys.exit(main(sys.argv[1:]))", *command)
    while not (run / "log.jsonl").exists() and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate()
    assert process.returncode == 130, err
    assert err.strip().splitlines()[-1].endswith(f": lieham train --resume true --run {run}")
    assert "Traceback" not in err and out == ""
    state = RunFolder(run).checkpoint()
    stage, done, _ = state["place"]
    assert stage == 0 and done >= 5
    config = TrainConfig(**settings, observed="exact")  # as `fit` reads it off the data
    assert equal(state, state_after(done, new_trainer(config)))
    resumed = new_trainer(config)
    resumed.load_state_dict(state)
    assert equal(state_after(7, resumed), state_after(done + 7, new_trainer(config)))


def test_a_real_signal_stops_and_gives_the_handlers_back(tmp_path):
    def progress(done: int, total: int) -> None:
        if done == 3:
            signal.raise_signal(signal.SIGINT)

    before = [signal.getsignal(x) for x in (signal.SIGINT, signal.SIGTERM)]
    with pytest.raises(Interrupted):
        fit(small_model(), data(), config=QUICK, run=tmp_path / "run", progress=progress)
    assert [signal.getsignal(x) for x in (signal.SIGINT, signal.SIGTERM)] == before
    assert RunFolder(tmp_path / "run").checkpoint()["place"][:2] == [0, 3]


# What is refused


@pytest.mark.parametrize(
    "settings, parts",
    [
        ({"steps": -1}, ("steps must be at least 0", "got -1")),
        ({"refine": -1}, ("refine must be at least 0", "got -1")),
        ({"batch": 0}, ("batch must be at least 1", "got 0")),
        ({"refine_windows": 0}, ("refine_windows must be at least 1", "got 0")),
        ({"window": 1}, ("window must be at least 2", "got 1")),
        ({"window": 6}, ("window must be between 2 and the 5 points", "got 6")),
        ({"segment": -1}, ("segment must be at least 0", "got -1")),
        ({"segment": 3}, ("segment must be 0 or a divisor of window - 1 = 2", "got 3")),
        ({"substeps": 0}, ("substeps must be at least 1", "got 0")),
        ({"substeps": 2, "method": "dopri5"}, ("dopri5 has no setting substeps",)),
        ({"evaluate_every": 0}, ("evaluate_every must be at least 1", "got 0")),
        ({"patience": -1}, ("patience must be at least 0", "got -1")),
        ({"lr": 0.0}, ("lr must be positive", "got 0.0")),
        ({"lr": math.nan}, ("lr must be positive", "got nan")),
        ({"clip": -1.0}, ("clip must be positive", "got -1.0")),
        ({"ema": 1.0}, ("ema must be in [0, 1)", "got 1.0")),
        ({"steps": 0, "refine": 0}, ("steps and refine must not both be 0",)),
        ({"method": "magic"}, ("method must be one of", "rkn4", "got 'magic'")),
        ({"device": "abacus"}, ("device must be", "got 'abacus'")),
        ({"learning_rate": 1}, ("setting must be one of", "lr", "got 'learning_rate'")),
        ({"tensorboard": True}, ("run must", "tensorboard", "got None")),
    ],
    ids=lambda x: "-".join(x) if isinstance(x, dict) else "",
)
def test_bad_settings_are_named(settings, parts):
    model = small_model()
    says(InputError, lambda: fit(model, data(), config=QUICK, **settings), *parts)
    assert same_weights(model, small_model())


@pytest.mark.parametrize(
    "model, dataset, parts",
    [
        (lambda: HLieConv("SE(2)", 0, width=8), data, ("features of the model must be 1", "got 0")),
        (lambda: HLieConv("SE(3)", 1, width=8), data, ("group must act on 2 dimensions", "got SE(3)")),
        (small_model, lambda: Dataset(val=data().val), ("data must have a train split", "got none")),
    ],
)
def test_data_that_do_not_fit_are_named(model, dataset, parts, tmp_path):
    says(InputError, lambda: fit(model(), dataset(), config=QUICK, run=tmp_path / "run"), *parts)
    assert not (tmp_path / "run").exists()


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(x.relative_to(folder)): x.read_bytes() for x in folder.rglob("*") if x.is_file()}


def test_resuming_needs_a_run(tmp_path):
    says(
        InputError,
        lambda: fit(small_model(), data(), resume=True),
        "run must name the folder to resume",
        "got None",
    )
    missing = tmp_path / "none"
    says(
        FileError,
        lambda: fit(small_model(), data(), run=missing, resume=True),
        "checkpoint must be",
        str(missing),
    )
    assert not missing.exists()


@pytest.mark.parametrize("left", ["config.yaml", "checkpoint.pt", "model.safetensors", "log.jsonl"])
def test_a_run_is_not_overwritten(left, whole, tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    (run / left).write_bytes((whole[0] / left).read_bytes())
    before = snapshot(run)
    says(
        FileError,
        lambda: fit(small_model(), data(), config=QUICK, run=run),
        "run must be a new folder",
        str(run),
    )
    assert snapshot(run) == before


def test_a_folder_with_other_files_can_become_a_run(tmp_path):
    (tmp_path / "data.h5").write_text("mine")
    fit(small_model(), data(), config=QUICK, refine=0, run=tmp_path)
    assert (tmp_path / "data.h5").read_text() == "mine" and (tmp_path / "model.safetensors").exists()


def copied(whole, tmp_path: Path) -> Path:
    run = tmp_path / "copy"
    run.mkdir()
    for name, content in snapshot(whole[0]).items():
        (run / name).write_bytes(content)
    return run


@pytest.mark.parametrize(
    "kind, model, settings, parts",
    [
        (
            InputError,
            lambda: small_model(width=12),
            {},
            ("of the model's architecture", "must be (", "got ("),
        ),
        (InputError, lambda: HLieConv("SE(2)", 1, width=8, blocks=2), {}, ("architecture", "got absent")),
        (InputError, lambda: small_model(torch.float32), {}, ("must be", "float32", "got", "float64")),
        (InputError, small_model, {"lr": 0.5}, ("lr must be as in", "0.01, got 0.5")),
        (InputError, small_model, {"seed": 1}, ("seed must be as in", "0, got 1")),
    ],
    ids=["width", "blocks", "dtype", "lr", "seed"],
)
def test_a_checkpoint_of_another_run_is_refused(kind, model, settings, parts, whole, tmp_path):
    run = copied(whole, tmp_path)
    before = snapshot(run)
    says(kind, lambda: fit(model(), data(), config=QUICK, run=run, resume=True, **settings), *parts)
    assert snapshot(run) == before


def test_other_data_are_refused(whole, tmp_path):
    run, other = copied(whole, tmp_path), LAW.generate(20, 4, 4, seed=1, points=5)
    before = snapshot(run)
    says(
        InputError, lambda: fit(small_model(), other, config=QUICK, run=run, resume=True),
        "data must be those of", str(run),
    )  # fmt: skip
    assert snapshot(run) == before


class Evil:
    """Its pickle makes a folder when it is loaded."""

    def __init__(self, target: Path):
        self.target = target

    def __reduce__(self):
        return os.mkdir, (str(self.target),)


def spoil(kind: str, checkpoint: Path, target: Path) -> None:
    good = checkpoint.read_bytes()
    if kind == "malicious":
        torch.save({"model": Evil(target)}, checkpoint)
    elif kind == "pickle":
        checkpoint.write_bytes(pickle.dumps(Evil(target), protocol=2))
    elif kind in ("foreign", "list"):
        torch.save({"weights": torch.ones(2)} if kind == "foreign" else [1], checkpoint)
    else:
        cuts = {
            "empty": b"",
            "short": good[:10],
            "truncated": good[: len(good) // 2],
            "text": b"not a checkpoint",
        }
        checkpoint.write_bytes(cuts[kind])


@pytest.mark.parametrize("kind", ["malicious", "pickle", "foreign", "list", "empty", "short", "truncated", "text"])
def test_a_spoiled_checkpoint_is_refused_and_never_run(kind, whole, tmp_path):
    run = copied(whole, tmp_path)
    spoil(kind, run / "checkpoint.pt", tmp_path / "executed")
    before = snapshot(run)
    with pytest.raises(FileError, match="checkpoint must be one written by lieham") as caught:
        fit(small_model(), data(), config=QUICK, run=run, resume=True)
    assert str(run) in str(caught.value) and "\n" not in str(caught.value)
    assert not (tmp_path / "executed").exists()
    assert snapshot(run) == before


def test_the_malicious_pickle_would_run(tmp_path):
    """Without `weights_only` it does what it wants: the test above can fail."""
    torch.save({"model": Evil(tmp_path / "executed")}, tmp_path / "evil.pt")
    torch.load(tmp_path / "evil.pt", weights_only=False)
    assert (tmp_path / "executed").exists()


# TensorBoard


def test_tensorboard_is_written_on_request(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    history = fit(small_model(), data(), config=QUICK, refine=0, run=tmp_path / "with", tensorboard=True)
    events = EventAccumulator(str(tmp_path / "with" / "tensorboard"))
    events.Reload()
    for name in ("loss", "validation"):
        # TensorBoard stores float32.
        assert [x.value for x in events.Scalars(name)] == pytest.approx([r[name] for r in history.rows], rel=1e-6)
    fit(small_model(), data(), config=QUICK, refine=0, run=tmp_path / "without")
    assert not (tmp_path / "without" / "tensorboard").exists()


def test_absent_tensorboard_is_named_before_anything_is_done(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    run = tmp_path / "run"
    says(
        InputError, lambda: fit(small_model(), data(), config=QUICK, run=run, tensorboard=True),
        "tensorboard must be installed", "pip install 'lieham[tensorboard]'",
    )  # fmt: skip
    assert not run.exists()


def test_windows_of_training_come_from_the_training_split_alone():
    trainer = new_trainer()
    assert len(trainer.task.windows) == 20 * 3 and trainer.task.fixed.q.shape == (8, 3, 3, 2)
    assert len(trainer.task.validation) == 4 * 3
    rows = Windows(data().train, 3).all().q.flatten(1)
    assert all(bool((rows == x).all(1).any()) for x in trainer.task.fixed.q.flatten(1))
    assert asdict(trainer.config) == asdict(QUICK)
