"""Expressiveness of the lifts on a law of angles: `python benchmarks/scripts/lifts.py`.

An angular law of three bodies (`systems.Bending`), learned by CosetLift with one to three blocks and by TensorLift. All
have the same data and steps of Adam and L-BFGS. Printed are the mean squared error of the force on unseen states,
relative to its mean square, and that of a rollout at step 39. `lift_costs.py` says what the lifts cost.
"""

import argparse
import time

import torch

import lieham
import systems

MODELS = {
    "CosetLift, 1 block": {"lift": "coset"},
    "CosetLift, 2 blocks": {"lift": "coset", "blocks": 2},
    "CosetLift, 3 blocks": {"lift": "coset", "blocks": 3},
    "TensorLift, 3 bodies": {"lift": "tensor"},
}


def angular(name: str, settings: dict, seed: int, steps: int) -> str:
    """One line of the first table."""
    law = systems.Bending(4, 2)
    data = law.generate(40, 10, 40, seed=seed, points=40)
    model = lieham.HLieConv("SE(2)", width=32, seed=seed, **settings)
    began = time.perf_counter()
    lieham.fit(model, data, steps=steps, refine=steps, lr=3e-3, batch=50, refine_windows=100, seed=seed)
    seconds = time.perf_counter() - began
    q, bodies = data.test.q[:, ::7].detach(), data.test.bodies.over_time()
    truth, learned = law.force(bodies)(q), model.field(bodies).force(torch.zeros(()), q).detach()
    error = ((learned - truth).square().mean() / truth.square().mean()).item()
    rollout = lieham.forecast(model, data.test, 39, progress=lambda *_: None)
    mse = rollout.errors(data.test)[:, -1]
    count = sum(p.numel() for p in model.parameters())
    return (
        f"{name:<22} {seed:>4} {count:>10,} {seconds:>8.0f} {error:>10.1e} {mse.mean().item():>12.1e} "
        f"{mse.median().item():>10.1e}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=200, help="of Adam, and as many of L-BFGS")
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    print("model                  seed parameters  seconds  force MSE  MSE at 39    median")
    for name, settings in MODELS.items():
        for seed in range(given.seeds):
            print(angular(name, settings, seed, given.steps), flush=True)


if __name__ == "__main__":
    main()
