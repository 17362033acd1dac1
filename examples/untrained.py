"""Conservation comes from the group, not from training: networks with random weights, one for each group.

Each is integrated with Yoshida-4 in float64. What its group promises stays at round-off, what it does not promise
drifts; the last row is the SE(2) network again, with rk4, which is not symplectic: it keeps P and loses L.
"""

import argparse

import torch

import lieham
import systems
from lieham.nn import PairSum


def random_weights(model: lieham.HLieConv, start: lieham.Trajectory, seed: int = 0) -> lieham.HLieConv:
    """Replace every weight by a random one; a fresh model has zeros in the last layer of its kernels.

    A random potential repels as often as it attracts, and then the bodies fly apart exponentially. So the weights of
    one function, |x_i - x_j|^2, are chosen: those with which it attracts every pair alike.
    """
    generator = torch.Generator().manual_seed(seed)
    network = model.potential.network
    squared = len(network.lift.others)  # its place among the coordinates, after those that are no lengths
    with torch.no_grad():
        for weight in model.parameters():
            weight.copy_(0.3 * torch.randn(weight.shape, generator=generator, dtype=weight.dtype))
        shares, _ = PairSum(network).shares(model.potential.seen(start.bodies), start.bodies.mask)
        shares = shares.flatten(0, -2)
        shares = shares[shares.abs().amax(-1) > 0]  # a body is no pair with itself
        pull = torch.linalg.lstsq(shares, torch.ones(len(shares), 1, dtype=shares.dtype), driver="gelsd").solution
        network.blocks[0].conv.kernel.skip.weight[:, squared] = pull[:, 0]
    return model


def main(steps: int = 500) -> dict[tuple[str, str], dict[str, float]]:
    start = systems.Springs(n_bodies=5, dim=2).generate(4, n_val=0, n_test=0, seed=3, points=2).train
    print(f"largest drift over {steps} steps of untrained networks: P of Σ|p_i|, L of Σ|q_i × p_i|, H of the mean K")
    print(f"{'group':<12} {'method':<10} {'P':>9} {'L':>9} {'L_cm':>9} {'H':>9}")
    found = {}
    runs = [(group, "yoshida4") for group in ("SE(2)", "T(2)", "SO(2)", "Trivial(2)")] + [("SE(2)", "rk4")]
    for group, method in runs:
        model = random_weights(lieham.HLieConv(group, features=1, width=16), start)
        report = lieham.conservation(lieham.forecast(model, start, steps, dt=0.02, method=method))
        drift = {name: report.largest(name) for name in ("P", "L_cm", "H")} | {"L": report["L"].drift.max().item()}
        print(f"{group:<12} {method:<10}", *(f"{drift[name]:>9.0e}" for name in ("P", "L", "L_cm", "H")))
        found[group, method] = drift
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true")
    main(steps=100 if parser.parse_args().small else 500)
