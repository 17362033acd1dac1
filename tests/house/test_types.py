"""The shapes in the signatures are true: jaxtyping and beartype check every call of a whole run, in a process apart."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.helpers.places import ROOT

RUN = """
import sys, tempfile
sys.path.insert(0, sys.argv[1])
from jaxtyping import install_import_hook
hook = install_import_hook(["lieham", "systems"], "beartype.beartype")
import torch
import lieham, systems
from tests.helpers.cases import CLOUD_MODELS, CLOUD_SAMPLED, GROUPS, INTEGRATORS, MODELS, SAMPLED, SYSTEMS
from tests.helpers.cases import cloud, clouds, make_cloud_model, make_model
from lieham.state import Bodies, PhaseState
from lieham.conservation import charge_scale, momentum_map

for group in GROUPS:
    a = torch.randn(4, group.lie_dim, dtype=torch.float64)
    group.log(group.inverse(group.exp(a)))
    q, p, bodies = cloud(group.space_dim)
    momentum_map(group, PhaseState(q, p), bodies, "centre_of_mass"), charge_scale(group, PhaseState(q, p), bodies)
for name in MODELS | SAMPLED:
    model = make_model(name)
    q, p, bodies = cloud(model.group.space_dim)
    model.field(bodies)(torch.zeros(()), PhaseState(q, p))
    model.energy(PhaseState(q[:, None], p[:, None]), bodies.over_time())
for law in SYSTEMS.values():
    law.generate(2, 1, 1, points=4)
from systems.images import baselines as digits_floors, pixels as images
pixels = images.as_clouds(torch.rand(4, 28, 28), torch.arange(4))
images.as_images(images.random_turns(pixels, torch.Generator()))
digits = lieham.data.CloudDataset(pixels, pixels, pixels)
digits_floors.nearest_neighbour_error(digits), digits_floors.linear_error(digits)
from systems.molecules import qm9 as molecules
molecules.random_rotations(molecules.clouds_of([[6, 1]], [[[0, 0, 0], [1, 0, 0]]], [0.0]), torch.Generator())
from lieham.evaluate import scores
for group in GROUPS:
    group.distances(torch.rand(4, 1, group.space_dim), torch.rand(3, group.space_dim))
for name in CLOUD_MODELS | CLOUD_SAMPLED:
    model = make_cloud_model(name)
    x = clouds(model.group.space_dim)
    lieham.fit(model, lieham.data.CloudDataset(x, x), steps=2, batch=3)
    scores(model, x), scores(model, x[:1])
    grid = lieham.data.PointClouds.of(x.points[:1], x.features, x.targets)
    scores(model.train(), grid), model.loss(grid).backward()
data = systems.Springs(3).generate(6, 3, 3, points=8)
model = lieham.HLieConv("SE(2)", 1, width=8)
with tempfile.TemporaryDirectory() as folder:
    lieham.fit(model, data, ridge=False, steps=3, refine=2, window=3, run=folder + "/run")
    model = lieham.load_model(folder + "/run")
for integrator in INTEGRATORS:
    lieham.conservation(lieham.forecast(model, data.test, 3, method=integrator))
    field = model.field(data.test.bodies)
    integrator.integrate(field, data.test.state(0), data.test.times)
lieham.forecast(model, data.test, 3).errors(data.test.window(0, 4))
lieham.audit(model, count=10)
lieham.audit(lambda q: q, "SO(2)", kind="force", count=10)
few = systems.Springs(3).benchmark(5, n_test=0)
for observed in ("noisy", "positions"):
    lieham.fit(lieham.HLieConv("SE(2)", 1, width=8), few, observed=observed)
x = few.train
lieham.Trajectory.from_positions(x.times, x.q, x.bodies)
lieham.infer_masses(x.times, x.q, x.p / x.bodies.mass[:, None, :, None], group="SE(2)", shared=False)
data = systems.MagneticSprings(3).generate(4, 2, 2, points=5)
model = lieham.VectorPotentialLieConv("SO(2)xT(1)", 1, width=8)
lieham.fit(model, data, steps=2, refine=0, window=3)
str(lieham.conservation(lieham.forecast(model, data.test, 3)))
print("typed")
"""

WRONG = """
from jaxtyping import install_import_hook
hook = install_import_hook("lieham", "beartype.beartype")
import torch
from lieham.groups import make_group
group = make_group("SO(3)")
try:
    group.matrix(torch.zeros(4, 2))
except Exception as error:
    print(type(error).__name__)
"""


@pytest.mark.parametrize("code, says", [(RUN, "typed"), (WRONG, "TypeCheckError")], ids=["a run", "a wrong shape"])
def test_shapes_are_those_of_the_signatures(code, says):
    command = [sys.executable, "-c", code, str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.stdout.strip() == says, done.stderr[-3000:]
