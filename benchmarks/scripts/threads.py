"""What a second thread does to `fit`: `python -m benchmarks threads --busy 0 1 2`.

Every fit runs in a process of its own, with OMP_NUM_THREADS=1 and with one thread a core, in turn; --repeats takes the
fastest of so many. --busy adds that many processes that keep a core each busy. Threads of one operation wait for each
other, so one that has no core of its own delays them all. Run it on a machine that does nothing else.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch

import lieham
import systems

LAWS = {
    "springs, 6 bodies": lambda: ("SE(2)", systems.Springs(6, 2)),
    "gravity in 3-D, 4 bodies": lambda: ("SE(3)", systems.Gravity(4, 3)),
    "Lennard-Jones, 4 bodies": lambda: ("SE(2)", systems.LennardJones(4, 2)),
}


def seconds(law: str, count: int) -> float:
    """Time of the second of two equal fits: the first loads what torch loads late."""
    group, system = LAWS[law]()
    data = system.benchmark(count, n_test=0)
    for _ in range(2):
        model = lieham.HLieConv(group, data.n_features)
        began = time.perf_counter()
        lieham.fit(model, data)
    return time.perf_counter() - began


def apart(law: str, count: int, threads: int) -> float:
    """The same in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.scripts.threads", "--law", law, "--n_train", str(count)]
    done = subprocess.run(
        command, env=os.environ | {"OMP_NUM_THREADS": str(threads)}, capture_output=True, text=True, check=True
    )
    return float(done.stdout)


@contextmanager
def busy(count: int) -> Iterator[None]:
    """Run a block beside processes that never rest."""
    others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--busy", type=int, nargs="*", default=[0, 1, 2])
    parser.add_argument("--laws", nargs="*", choices=list(LAWS), default=list(LAWS))
    parser.add_argument("--n_train", type=int, default=100, help="trajectories")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--law", choices=list(LAWS), help="time this one alone, with the threads there are")
    given = parser.parse_args()
    if given.law:
        print(seconds(given.law, given.n_train))
        return
    cores = os.cpu_count() or 1
    print(f"{cores} cores, torch {torch.__version__}")
    print(f"{'fit':<26} busy  s on one thread  s on {cores}  ratio")
    for count in given.busy:
        for law in given.laws:
            taken: dict[int, list[float]] = {1: [], cores: []}
            with busy(count):
                for _ in range(given.repeats):
                    for threads, found in taken.items():
                        found.append(apart(law, given.n_train, threads))
            one, all_of_them = (min(found) for found in taken.values())
            print(f"{law:<26} {count:>4} {one:>16.2f} {all_of_them:>7.2f} {all_of_them / one:>6.2f}", flush=True)


if __name__ == "__main__":
    main()
