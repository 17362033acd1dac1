"""The five-line use: springs, an SE(2)-invariant Hamiltonian, a forecast, and what it conserves.

`python examples/five_lines.py` takes some minutes; `--small` seconds. It prints the drift of every charge.
"""

import argparse

import lieham
import systems


def main(n_train: int = 100, training: dict | None = None, steps: int = 1000) -> lieham.Conservation:
    data = systems.Springs(n_bodies=6, dim=2).generate(n_train, n_val=10, n_test=10, seed=0)
    model = lieham.HLieConv(group="SE(2)", features=data.n_features)
    lieham.fit(model, data, **(training or {}))
    report = lieham.conservation(lieham.forecast(model, data.test, steps=steps))
    report.plot("runs/five_lines.png")
    return report


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true")
    if parser.parse_args().small:
        print(main(n_train=8, training={"steps": 10, "refine": 5}, steps=50))
    else:
        print(main())
