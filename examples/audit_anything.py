"""Audit a potential that is not ours: a softened Coulomb law, then the same with a neighbourhood cut off hard."""

import argparse

import torch

import lieham


def coulomb(q: torch.Tensor, charge: torch.Tensor) -> torch.Tensor:
    """V = Σ_{i<j} c_i c_j / √(r² + ε²) of positions (b, n, 3) and charges (b, n)."""
    pairs = charge[:, :, None] * charge[:, None] * (1 - torch.eye(q.shape[1]))
    return 0.5 * (pairs * (distances(q) + 0.01).rsqrt()).sum((1, 2))


def cut_off(q: torch.Tensor, charge: torch.Tensor) -> torch.Tensor:
    """The same, pairs beyond 2 left out."""
    pairs = charge[:, :, None] * charge[:, None] * (1 - torch.eye(q.shape[1])) * (distances(q) < 4)
    return 0.5 * (pairs * (distances(q) + 0.01).rsqrt()).sum((1, 2))


def distances(q: torch.Tensor) -> torch.Tensor:
    """|q_i − q_j|², (b, n, n)."""
    return (q[:, :, None] - q[:, None]).square().sum(-1)


def main(count: int = 1000) -> tuple[bool, bool]:
    """Whether each is sound under rotations, translations and mirror images."""
    charges = {"charge": torch.tensor([1.0, -1.0, 1.0, 2.0, -1.0], dtype=torch.float64)}
    reports = [lieham.audit(law, "E(3)", inputs=charges, count=count) for law in (coulomb, cut_off)]
    print(*reports, sep="\n\n")
    return reports[0].sound, reports[1].sound


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true")
    main(*((50,) if parser.parse_args().small else ()))
