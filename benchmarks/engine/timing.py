"""The tools of `speed`: seconds of the processor, operations of matrix products, and the steps that are timed."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from lieham import HLieConv
from lieham.integrate import make_integrator
from lieham.losses.shooting import ShootingLoss
from lieham.state import Trajectory


class Counted(TorchDispatchMode):
    """Counts the floating-point operations of matrix products."""

    operations = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        if func._overloadpacket in flop_registry:
            self.operations += flop_registry[func._overloadpacket](*args, **(kwargs or {}), out_val=out)
        return out


def fastest(f: Callable[[], object], repeats: int, clock: Callable[[], float] = time.process_time) -> float:
    """Seconds of the fastest of `repeats` calls, after one that warms up."""
    taken = []
    for _ in range(repeats + 1):
        began = clock()
        f()
        taken.append(clock() - began)
    return min(taken[1:])


def loss_of(method: str, windows: Trajectory, segment: int = 0, compiled: bool = False) -> ShootingLoss:
    """The training loss, in units measured on these windows."""
    loss = ShootingLoss(segment, method, 1, compiled).to(dtype=windows.q.dtype)
    loss.calibrate(windows)
    return loss


def stepped(model: HLieConv, loss: Callable[[], torch.Tensor]) -> Callable[[], None]:
    """Return a function that computes a loss and the gradients of the model's weights."""

    def step() -> None:
        model.zero_grad()
        loss().backward()

    return step


def work_of(step: Callable[[], None]) -> float:
    """GFLOP of its matrix products."""
    with Counted() as counted:
        step()
    return counted.operations / 1e9


def unrolled(model: HLieConv, start: Trajectory, times: torch.Tensor, method: str, compiled: bool = False) -> None:
    """A rollout from the first states along `times`."""
    field = model.field(start.bodies)
    field = field.compiled() if compiled else field
    make_integrator(method).integrate(field, start.state(0), times)
