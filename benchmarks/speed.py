"""Speed, as ratios in one process: the paper's network against products of matrices, and the default against it.

Run it with `python -m benchmarks speed`. The paper's network is 384 wide, 4 blocks deep, T(2), in float32, on 200
systems of 6 bodies (Finzi et al. 2020, arXiv 2002.12880): 895,000 parameters there, 891,328 here.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from lieham import HLieConv, fit
from lieham.groups import make_group
from lieham.integrate import make_integrator
from lieham.lift import PointLift
from lieham.training.loss import ShootingLoss
from systems import Springs
from systems.floors import window_mse

PRODUCT = (1200, 96, 1536)
"""Rows, columns and inner size of the product that the paper's convolution makes for 200 systems of 6 bodies."""


class Counted(TorchDispatchMode):
    """Counts the floating-point operations of matrix products."""

    operations = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        if func._overloadpacket in flop_registry:
            self.operations += flop_registry[func._overloadpacket](*args, **(kwargs or {}), out_val=out)
        return out


def fastest(f: Callable[[], object], repeats: int) -> float:
    """Seconds of the fastest of `repeats` calls, after one that warms up."""
    taken = []
    for _ in range(repeats + 1):
        began = time.perf_counter()
        f()
        taken.append(time.perf_counter() - began)
    return min(taken[1:])


def main() -> None:
    """Print every figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--systems", type=int, default=200)
    parser.add_argument("--steps", type=int, default=100, help="of the rollout")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--width", type=int, default=384)
    given = parser.parse_args()
    torch.set_num_threads(1)
    n, k, m = PRODUCT
    a, b = torch.randn(n, k), torch.randn(k, m)
    rate = 2e-9 * n * k * m / fastest(lambda: a @ b, 20)
    print(f"product of {n} x {k} and {k} x {m}, float32: {rate:.0f} GFLOP/s")

    group, data = make_group("T(2)"), Springs().benchmark(given.systems, 0, n_test=0).train
    windows = data.to("cpu", torch.float32)
    shape = {"block": "paper", "width": given.width, "blocks": 4, "dtype": torch.float32}
    paper = HLieConv(group, 1, lift=PointLift(group, bases=0), **shape)
    paper.calibrate(windows)
    for method, segment in (("rk4", 0), ("rkn4", 0), ("rkn4", 1)):
        loss = ShootingLoss(segment, method, 1).to(dtype=torch.float32)
        loss.measure(windows)
        told = _training(paper, loss, windows, rate, given)
        print(f"training step of the paper's network, {method}, segment {segment}: {told}")

    default = HLieConv("SE(2)", 1)
    history = fit(default, Springs().benchmark(100, 0, n_test=0))
    test = Springs().benchmark(0, n_test=500).test
    with torch.no_grad():
        path = make_integrator("rkn4").integrate(default.field(test.bodies), test.state(0), test.times)
        error = window_mse(path, test).mean().item()
        print(f"default: 5-step MSE {error:.1e} after {history.seconds:.1f} s of training")
        paper.potential.energy.mul_(1e-3)  # untrained, it would fly apart
        times = Springs().times(given.steps + 1)
        slow = fastest(lambda: _rollout(paper, windows, times.float(), "rk4"), 1)
        quick = fastest(lambda: _rollout(default, data, times, "rkn4"), given.repeats)
    told = f"rollout, {given.systems} systems, {given.steps} steps: paper's (float32, rk4) {slow:.1f} s, "
    print(f"{told}default (float64, rkn4) {quick:.2f} s, {slow / quick:.0f} times as fast")


def _training(model: HLieConv, loss: ShootingLoss, windows, rate: float, given: argparse.Namespace) -> str:
    def step() -> None:
        model.zero_grad()
        loss(model, windows).backward()

    with Counted() as counted:
        step()
    seconds, work = fastest(step, given.repeats), counted.operations / 1e9
    share = work / seconds / rate
    return f"{seconds:.2f} s, {work:.0f} GFLOP, {work / seconds:.0f} GFLOP/s, {share:.0%} of the product's"


def _rollout(model: HLieConv, start, times: torch.Tensor, method: str) -> None:
    make_integrator(method).integrate(model.field(start.bodies), start.state(0), times)


if __name__ == "__main__":
    main()
