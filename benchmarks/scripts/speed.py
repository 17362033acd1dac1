"""Speed, as ratios in one process: the paper's network against products of matrices, and the default against it.

Run it with `python -m benchmarks speed`. The paper's network is 384 wide, 4 blocks deep, T(2), in float32, on 200
systems of 6 bodies (Finzi et al. 2020, arXiv 2002.12880): 895,000 parameters there, 891,328 here. Its training step is
compared with two straightforward ones (`tests/helpers/straightforward.py`): the convolution as it is written, which
forms the matrix of every pair and so fits a small batch alone, and the PointConv trick as published. Seconds are those
of the processor (one thread), which other work on the machine disturbs least; --repeats takes the fastest of so many.
"""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path

import torch
from torch.profiler import ProfilerActivity, profile

from lieham import HLieConv, fit
from lieham.groups import make_group
from lieham.integrate import make_integrator
from lieham.lift import PointLift
from lieham.losses import ShootingLoss
from lieham.state import Trajectory
from systems import Springs
from systems.baselines import window_mse

sys.path.insert(0, str(Path(__file__).parents[2]))
from benchmarks.engine.timing import fastest, loss_of, stepped, unrolled, work_of
from tests.helpers import straightforward

PRODUCT = (1200, 96, 1536)
"""Rows, columns and inner size of the product that the paper's convolution makes for 200 systems of 6 bodies."""
GOAL = 1.1e-7
"""5-step MSE of LieTransformer-T(2) from 96,000 trajectories, as published; LieConv-T(2) has 6.1e-8."""


def main() -> None:
    """Print every figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--systems", type=int, default=200)
    parser.add_argument("--steps", type=int, default=100, help="of the rollout")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--width", type=int, default=384)
    parser.add_argument("--compile", action="store_true", help="measure compiled fields too; a minute or two more")
    parser.add_argument("--profile", action="store_true", help="time and bytes of a training step by operation")
    given = parser.parse_args()
    torch.set_num_threads(1)
    group, data = make_group("T(2)"), Springs().benchmark(given.systems, 0, n_test=0).train
    windows = data.to("cpu", torch.float32)
    shape = {"block": "paper", "width": given.width, "blocks": 4, "dtype": torch.float32}
    paper = HLieConv(group, 1, lift=PointLift(group, bases=0), **shape)
    paper.calibrate(windows)
    training(paper, windows, given)
    rollout(paper, data, given)


def training(paper: HLieConv, windows: Trajectory, given: argparse.Namespace) -> None:
    """A training step in every way, against products of matrices."""
    n, k, m = PRODUCT
    a, b = torch.randn(n, k), torch.randn(k, m)
    rate = 2e-9 * n * k * m / fastest(lambda: a @ b, 20)
    print(f"product of {n} x {k} and {k} x {m}, float32: {rate:.0f} GFLOP/s")
    few = windows[: max(1, given.systems // 20)]
    loss = loss_of("rk4", windows)
    slow = partial(_straightforward, paper, loss)
    step = stepped(paper, lambda: slow(few, straightforward.literal))
    matrices = fastest(step, given.repeats) * given.systems / len(few)
    told = f"straightforward, a matrix for each pair, rk4, batch {len(few)}"
    print(f"{told}: {matrices:.2f} s for {len(windows)} systems")
    step = stepped(paper, lambda: slow(windows, straightforward.gathered))
    nominal = work_of(step)
    plain = fastest(step, given.repeats)
    print(f"straightforward, PointConv trick, rk4: {plain:.2f} s, {nominal:.0f} GFLOP")
    ways = [("rk4", 0, False), ("rkn4", 0, False), ("rkn4", 1, False)] + [("rkn4", 0, True)] * given.compile
    for method, segment, compiled in ways:
        loss = loss_of(method, windows, segment, compiled)
        step = stepped(paper, lambda loss=loss: loss(paper, windows))
        work = work_of(stepped(paper, lambda m=method, s=segment: loss_of(m, windows, s)(paper, windows)))
        taken = fastest(step, given.repeats)
        name = f"{method}, {'single steps in parallel' if segment else 'whole windows'}{', compiled' * compiled}"
        shares = f"{work / taken / rate:.0%} of the product's rate, by the trick's GFLOP {nominal / taken / rate:.0%}"
        ratios = f"{plain / taken:.1f} times as fast as the trick, {matrices / taken:.0f} as the matrices"
        print(f"{name}: {taken:.2f} s, {work:.0f} GFLOP, {shares}; {ratios}")
        if given.profile and (method, segment, compiled) == ("rkn4", 0, False):
            with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as seen:
                step()
            print(seen.key_averages().table(sort_by="self_cpu_time_total", row_limit=12, max_name_column_width=32))


def rollout(paper: HLieConv, data: Trajectory, given: argparse.Namespace) -> None:
    """Rollouts of the default model, trained until it is far below `GOAL`, and of the paper's network."""
    default = HLieConv("SE(2)", 1)
    history = fit(default, Springs().benchmark(100, 0, n_test=0))
    test = Springs().benchmark(0, n_test=500).test
    with torch.no_grad():
        path = make_integrator("rkn4").integrate(default.field(test.bodies), test.state(0), test.times)
        error = window_mse(path, test).mean().item()
        print(f"default: 5-step MSE {error:.1e} after {history.seconds:.1f} s of training, the first below {GOAL:.1e}")
        paper.potential.energy.mul_(1e-3)  # untrained, it would fly apart
        times = Springs().times(given.steps + 1)
        slow = fastest(lambda: unrolled(paper, data.to("cpu", torch.float32), times.float(), "rk4"), 1)
        same = fastest(lambda: unrolled(paper, data.to("cpu", torch.float32), times.float(), "rkn4"), 1)
        told = f"rollout, {given.systems} systems, {given.steps} steps"
        print(f"{told}: paper's (float32) rk4 {slow:.1f} s, rkn4 {same:.1f} s")
        for compiled in [False] + [True] * given.compile:
            quick = fastest(lambda c=compiled: unrolled(default, data, times, "rkn4", c), given.repeats)
            name = f"default (float64, rkn4{', compiled' * compiled})"
            print(f"{name} {quick:.2f} s, {slow / quick:.0f} and {same / quick:.0f} times as fast")


def _straightforward(model: HLieConv, loss: ShootingLoss, windows: Trajectory, convolve) -> torch.Tensor:
    return straightforward.loss(model, windows, loss.scale_q, loss.scale_p, convolve)


if __name__ == "__main__":
    main()
