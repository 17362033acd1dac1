"""Invariance of the exact lifts, to round-off: `python benchmarks/scripts/invariance.py`.

Random weights, 5 bodies, float64: the largest |H(g·x) − H(x)| over 10⁴ random motions relative to the spread of H, with
translations of about 1 and of up to 1,000, and the worst that the audit finds by search over 10⁴ more, relative to what
round-off enlarges (spread + |H| + |∇H||x|). Cutoffs end within the clouds.
"""

import argparse

import torch

import lieham

MODELS = {
    "T(2), cutoff": ("T(2)", {"radius": 1.5}),
    "SO(2), cutoff": ("SO(2)", {"radius": 1.5}),
    "SO(3), 2 blocks": ("SO(3)", {"blocks": 2}),
    "SO(2)xT(1), cutoff": ("SO(2)xT(1)", {"radius": 1.5}),
    "SE(2) coset": ("SE(2)", {"blocks": 2}),
    "SE(2) coset, cutoff": ("SE(2)", {"radius": 1.5}),
    "SE(2) tensor, cutoff": ("SE(2)", {"lift": "tensor", "radius": 1.5}),
    "SE(3) coset": ("SE(3)", {"blocks": 2}),
    "SE(3) coset, cutoff": ("SE(3)", {"radius": 2.0}),
    "SE(3) tensor, cutoff": ("SE(3)", {"lift": "tensor", "radius": 2.0}),
}


def random_model(group: str, settings: dict) -> lieham.HLieConv:
    """Every weight drawn from 0.3 N(0, 1)."""
    model = lieham.HLieConv(group, width=16, **settings)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in model.parameters():
            weight.copy_(0.3 * torch.randn(weight.shape, generator=generator, dtype=weight.dtype))
    return model


@torch.no_grad()
def worst(model: lieham.HLieConv, moves: int, far: float) -> float:
    """The largest change of V over random configurations and motions, translations scaled up to `far`."""
    generator, group = torch.Generator().manual_seed(1), model.group
    q = torch.randn(moves, 5, group.space_dim, generator=generator, dtype=torch.float64)
    bodies = lieham.Bodies.of(torch.ones(moves, 5, dtype=torch.float64))
    g = group.sample(moves, generator=generator)
    g[:, :-1, -1] *= far ** torch.rand(moves, 1, generator=generator, dtype=torch.float64)
    moved = q @ g[:, :-1, :-1].mT + g[:, None, :-1, -1]
    before = model.potential(q, bodies)
    return ((model.potential(moved, bodies) - before).abs().max() / before.std()).item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--moves", type=int, default=10_000)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    print("model                   |b| ~ 1  |b| to 1e3  searched")
    for name, (group, settings) in MODELS.items():
        model = random_model(group, settings)
        near, far = (worst(model, given.moves, x) for x in (1.0, 1e3))
        found = lieham.audit(model, count=given.moves)["invariance"].worst
        print(f"{name:<22} {near:9.1e}   {far:9.1e} {found:9.1e}", flush=True)


if __name__ == "__main__":
    main()
