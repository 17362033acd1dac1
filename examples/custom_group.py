"""A group that the library does not ship: turns about a tilted axis that misses the origin.

Its infinitesimal motion is x ↦ n × (x − c). That is all it takes: the invariants of pairs that the network sees and
the charge n · Σ (q_i − c) × p_i both follow from it. Springs have that symmetry, and others that are not declared:
the declared charge stays at round-off, the other components of L and P move as the learned H has them move.
"""

import argparse

import torch

import lieham
import systems
from lieham.groups import CustomGroup


def turns_about(n: torch.Tensor, c: torch.Tensor) -> CustomGroup:
    """Turns about the axis through c along n."""
    n = n / n.norm()
    A = torch.linalg.cross(n.expand(3, 3), torch.eye(3, dtype=n.dtype)).mT
    return CustomGroup("turns about an axis", A[None], -(A @ c)[None], charges=["J"])


def main(steps: int = 500, training: int = 100) -> dict[str, float]:
    group = turns_about(torch.tensor([1.0, 2.0, 2.0]).double(), torch.tensor([0.5, 0.0, -0.3]).double())
    data = systems.Springs(n_bodies=4, dim=3).generate(20, 4, 4, points=50)
    model = lieham.HLieConv(group, data.n_features, width=32)
    history = lieham.fit(model, data, steps=training, refine=training)
    report = lieham.conservation(lieham.forecast(model, data.test, steps))
    print(f"best validation loss {history.best:.1e}")
    print(report)
    return {charge.name: charge.drift.max().item() for charge in report.charges}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true")
    main(*((50, 5) if parser.parse_args().small else ()))
