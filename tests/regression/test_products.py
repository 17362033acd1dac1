"""One or two products weigh a law's functions where that predicts held-out windows as well as all combinations."""

from __future__ import annotations

import pytest
import torch

from lieham import HLieConv
from lieham.dynamics.dictionary import Products
from lieham.regression import cross_validation
from lieham.regression.cross_validation import SLACK, chosen
from lieham.regression.dictionary import Columns
from lieham.regression.problem import posed
from lieham.regression.selection import select
from lieham.training import TrainConfig
from systems import Gravity, Springs
from tests.helpers.cases import trainer_of
from tests.regression.helpers import few, generator
from tests.regression.planet_helpers import shares_of_free_flight

FUNCTIONS, OUTPUTS = 4, 5


class Ranked:
    """A dictionary of four functions, of which only the rank is asked."""

    functions, singles = FUNCTIONS, 1
    rank = torch.tensor([0.0, 0.0, 1.0, 2.0], dtype=torch.float64)
    width = torch.full((FUNCTIONS,), torch.inf, dtype=torch.float64)


def law(weighing: list[int], noise: float = 1e-6):
    """Rows of a law whose functions are weighed by some of five outputs, and what is chosen from them."""
    A = torch.randn(60, 6, FUNCTIONS, OUTPUTS, generator=generator(), dtype=torch.float64)
    single = torch.randn(60, 6, 1, generator=generator(1), dtype=torch.float64)
    z = torch.randn(3, len(weighing), generator=generator(2), dtype=torch.float64)
    y = torch.einsum("wrfs,fs->wr", A[..., :3, weighing], z) + 0.5 * single[..., 0]
    y = y + noise * torch.randn(y.shape, generator=generator(3), dtype=torch.float64)
    turn = torch.linalg.qr(torch.randn(OUTPUTS, OUTPUTS, generator=generator(4), dtype=torch.float64))[0]
    outputs = torch.einsum("wrfs,ks->wrfk", A, turn)  # products are combinations of outputs, found by turn

    def assemble(columns: Columns):
        values = torch.einsum("wrfk,ks->wrfs", outputs[..., columns.chosen, :], columns.mixing).flatten(2)
        return posed(torch.cat([values, single], -1), y, columns, y.numel())

    every = Columns(torch.arange(FUNCTIONS), torch.eye(OUTPUTS, dtype=torch.float64), 1)
    products = Products(turn, torch.arange(OUTPUTS))
    return chosen(assemble, Ranked(), every, products, ([0.0, 1.0, 2.0], SLACK))


@pytest.mark.parametrize("products", [[0], [3], [1, 4], [4, 2]])
def test_few_products_are_found(products):
    problem, choice = law(products)
    of = torch.arange(FUNCTIONS * OUTPUTS) % OUTPUTS
    assert sorted(of[choice.columns[:-1]].unique().tolist()) == sorted(products)
    assert int(choice.columns.sum()) == 3 * len(products) + 1, "the functions of the law, and the single one"
    assert torch.equal(problem.used, choice.columns)


def test_three_products_leave_all_combinations():
    problem, choice = law([0, 2, 3])
    assert torch.equal(problem.columns.mixing, torch.eye(OUTPUTS, dtype=torch.float64))
    assert int(choice.columns.sum()) == 3 * OUTPUTS + 1


@pytest.mark.parametrize("law, group", [(Springs(4, 2), "SE(2)"), (Gravity(3, 3), "SE(3)")], ids=["k", "m"])
def test_laws_of_one_product_keep_one(law, group):
    """k_i k_j r² and m_i m_j/r: one of six or three combinations weighs all functions."""
    x = few(law, 20).train
    model = HLieConv(group, x.bodies.features.shape[-1])
    trainer = trainer_of(model, x, None, TrainConfig())
    problem, _ = select(model, model.dictionary(), x, trainer.task.loss)
    count = problem.columns.mixing.shape[1]
    of = torch.arange(len(problem.used)) % count
    assert model.dictionary().products(x.bodies).mixing.shape[1] > 1 and len(of[problem.used].unique()) == 1


def test_what_one_pair_shows_holds_for_others(monkeypatch):
    """Two planets of 1e-6 and 2e-6 of their star: their pull on it, m_i m_j φ, is all that ties one to the other.

    With all three combinations, φ is learned three times from bodies that differ by 1e-6.
    """
    assert max(shares_of_free_flight(closed=True, sized=True, push=0.0)) < 1e-5
    monkeypatch.setattr(cross_validation, "MOST_PRODUCTS", 0)
    assert max(shares_of_free_flight.__wrapped__(closed=True, sized=True, push=0.0)) > 1e-3
