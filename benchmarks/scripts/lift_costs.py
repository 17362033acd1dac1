"""Cost of exact lifts, and error of the sampled one: `python benchmarks/scripts/lift_costs.py`.

First how far the paper's sampled lift is from invariant, by the number of samples, with random weights: root mean
square of H(g·x) − H(x) over draws and motions, relative to that with one sample, and its size there relative to the
spread of H. Then the time of one evaluation of the field beside PointLift's, as ratios within one process.
"""

import argparse
import time
from statistics import median

import torch

import lieham
from lieham.lift import SampledLift

SAMPLES = (1, 4, 16)
COSTS = {
    "T(3) PointLift": ("T(3)", {}),
    "SE(3) CosetLift": ("SE(3)", {}),
    "SE(3) CosetLift, cutoff": ("SE(3)", {"radius": 1.5}),
    "SE(3) TensorLift, 3 bodies": ("SE(3)", {"lift": "tensor"}),
    "SE(3) SampledLift, 4 samples": ("SE(3)", {"lift": "sampled"}),
}


def inexactness(group: str, samples: int, draws: int = 30) -> tuple[float, float]:
    """√⟨(H(g·x) − H(x))²⟩ and the standard deviation of H."""
    generator = torch.Generator().manual_seed(0)
    declared = lieham.make_group(group)
    model = lieham.HLieConv(group, width=16, lift=SampledLift(declared, samples=samples, bodies=4))
    with torch.no_grad():
        for weight in model.parameters():
            weight.copy_(0.3 * torch.randn(weight.shape, generator=generator, dtype=weight.dtype))
        q = torch.randn(10, 4, declared.space_dim, generator=generator, dtype=torch.float64)
        bodies = lieham.Bodies.of(torch.ones(10, 4, dtype=torch.float64))
        errors = []
        for g in declared.sample(draws, generator=generator):
            model.potential.network.lift.redraw(generator)
            moved = q @ g[:-1, :-1].mT + g[:-1, -1]
            errors.append(model.potential(moved, bodies) - model.potential(q, bodies))
        return torch.stack(errors).square().mean().sqrt().item(), model.potential(q, bodies).std().item()


def seconds_of(call, repeats: int) -> float:
    """Median over repeats, after one call to warm up."""
    call()
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        call()
        times.append(time.perf_counter() - began)
    return median(times)


def costs(n: int, batch: int, repeats: int) -> list[str]:
    """Lines of the second table, all lifts in turn in one process."""
    generator = torch.Generator().manual_seed(0)
    q = torch.randn(batch, n, 3, generator=generator, dtype=torch.float64)
    bodies = lieham.Bodies.of(1 + torch.rand(batch, n, generator=generator, dtype=torch.float64))
    fields = {name: lieham.HLieConv(group, width=32, **own).field(bodies) for name, (group, own) in COSTS.items()}
    zero = torch.zeros(())
    with torch.no_grad():
        taken = {name: seconds_of(lambda f=f: f.force(zero, q), repeats) for name, f in fields.items()}
    base = taken["T(3) PointLift"]
    return [f"{name:<30} {n:>4} {batch:>6} {1e3 * s:>9.2f} {s / base:>7.2f}" for name, s in taken.items()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    torch.set_num_threads(parser.parse_args().threads)
    print("group     samples: " + " ".join(f"{s:>9}" for s in SAMPLES))
    for group in ("SE(2)", "SO(3)", "SE(3)"):
        found = [inexactness(group, s) for s in SAMPLES]
        ratios = " ".join(f"{error / found[0][0]:9.2f}" for error, _ in found)
        print(f"{group:<18} {ratios}   of {found[0][0] / found[0][1]:.2f} of the spread", flush=True)
    print("lift                              n  batch  ms/field   ratio")
    for n, batch, repeats in ((6, 20, 30), (50, 2, 5)):
        print("\n".join(costs(n, batch, repeats)), flush=True)


if __name__ == "__main__":
    main()
