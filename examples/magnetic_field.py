"""Springs in a magnetic field: SE(3) broken to SO(2) × T(1), a learned H(q, p) that is not separable, Gauss-4.

The model is told the group alone. Canonical L_z and P_z stay at round-off, and nothing else is kept: the certificate
says of each charge whether model, integrator or precision is to blame for its drift.
"""

import argparse

import lieham
import systems


def main(training: int = 150, steps: int = 200) -> dict[str, float]:
    """The largest drift of each charge."""
    law = systems.MagneticSprings(n_bodies=4, B=1.0)
    data = law.generate(20, 4, 4, points=50)
    model = lieham.VectorPotentialLieConv(law.symmetry, data.n_features)
    history = lieham.fit(model, data, steps=training, refine=training // 3)
    report = lieham.conservation(lieham.forecast(model, data.test, steps, substeps=1))
    print(f"best validation loss {history.best:.1e}, of a constant state 2")
    print(report)
    return {charge.name: charge.drift.max().item() for charge in report.charges}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true")
    main(*((5, 10) if parser.parse_args().small else ()))
