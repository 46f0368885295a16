"""What everything costs, and who gets how much: prices, penalties and limits whose answers are known on paper."""

import math
from importlib import import_module
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from ganwidgets.testing import planted_linear_generator

pytestmark = pytest.mark.usefixtures("own_cache")


@pytest.fixture(scope="module")
def linear():
    return planted_linear_generator()


@pytest.fixture(scope="module")
def late():
    from ganwidgets.testing.planted_late import planted_late_generator

    return planted_late_generator()


@pytest.fixture(scope="module")
def redder(late):
    """A photo that a change of one weight explains: all of its red is stronger."""
    from ganwidgets.testing.planted_late import planted_late_photo

    return planted_late_photo(late, rows=16)


# The latent


def searched(network, images, start, steps, losses):
    """Every step of a search for these images."""
    from ganwidgets.invert.drawing import Drawing
    from ganwidgets.invert.losses import Target
    from ganwidgets.invert.refine import Settings, refining
    from ganwidgets.invert.start import Start
    from ganwidgets.invert.statistics import scales

    own, settings = scales(network, "z", ()), Settings(steps, patience=1.0)
    return list(refining(Drawing(network, "z"), Target(images, losses), Start(start, None), own, settings))


def test_where_only_its_distance_counts_a_latent_ends_at_the_mean_of_the_sampled_ones(linear):
    from ganwidgets.invert.losses import Losses
    from ganwidgets.invert.statistics import scales

    own, start = scales(linear, "z", ()), linear.sample_z(2, 5)
    losses = Losses(pixels=1e-9, mahalanobis=0.7)
    steps = searched(linear, linear.images(start), start, 200, losses)
    paper = 0.7 * ((start - own.mean) / own.deviation).square().flatten(1).mean(1)
    assert torch.allclose(steps[0].loss, paper, rtol=1e-4)
    assert torch.allclose(steps[-1].variables.latent, own.mean.expand(2, *own.mean.shape), atol=0.02)


def test_the_higher_its_price_the_nearer_a_latent_stays(linear):
    from ganwidgets.invert.losses import Losses
    from ganwidgets.invert.statistics import scales

    own, z = scales(linear, "z", ()), 2 * linear.sample_z(1, 5)
    images, away = linear.images(z), []
    for price in (0.0, 0.05, 1.0):
        found = searched(linear, images, torch.zeros_like(z), 150, Losses(mahalanobis=price))[-1].variables.latent
        away.append(float(((found - own.mean) / own.deviation).square().mean()))
    assert away[0] > 1.1 * away[1] > 1.2 * away[2]


# Weights and edits


@pytest.mark.parametrize("price", [0.0, 1e-4, 1e-3])
def test_each_weight_pays_for_its_change_in_its_own_standard_deviations(late, redder, price, monkeypatch):
    """The loss is L1 of the pixels and the price of Σ|ΔW|/σ, whatever was found."""
    from ganwidgets.invert import pivotal
    from ganwidgets.invert.photo_problem import PhotoProblem

    monkeypatch.setattr(pivotal, "DRIFT_PRICE", price)
    problem = PhotoProblem.of(late, redder)
    tuning = pivotal.Tuning(problem)
    *_, last = tuning.steps(30, 0.01, 2, 1, math.inf)
    weights, paid = dict(late.module.named_parameters()), 0.0
    for name, change in tuning.changes(last.state).items():
        paid += float((change.u @ change.v).abs().sum() / weights[name].std())
    off = float((last.image - redder.image).abs().mean())
    assert paid > 0 and last.loss == pytest.approx(off + price * paid, rel=1e-4)


def test_weights_that_cost_more_than_they_gain_do_not_move(late, redder, monkeypatch):
    from ganwidgets.invert import adapt, pivotal

    moved = []
    for price in (0.0, 1e-3, 10.0):
        monkeypatch.setattr(pivotal, "DRIFT_PRICE", price)
        moved.append(sum(adapt(late, redder, form="weights", steps=40).drift.values()))
    assert moved[0] > moved[1] > moved[2] == 0


def test_the_higher_its_price_the_less_a_refinement_changes(late):
    from ganwidgets.invert import refining_edit
    from ganwidgets.models import zero_units
    from ganwidgets.testing.planted import BLUE
    from ganwidgets.testing.planted_late import planted_late_photo

    region = torch.zeros(32, 32)
    region[14:24, 20:32] = 1
    edits, changed = [("layer1", zero_units([BLUE], region=region))], []
    for price in (0.0, 10.0, 1e9):
        frames = list(refining_edit(late, planted_late_photo(late), edits, region, steps=40, rate=0.02, price=price))
        changed.append(float((frames[-1].image - frames[0].image).abs().mean()))
    assert changed[0] > 1.1 * changed[1] > changed[2] == 0


# Time


@pytest.mark.parametrize("form, ends", [("weights+maps", {"weights": 5, "maps": 10}), ("weights", {"weights": 10})])
def test_weights_and_maps_share_the_time_and_either_alone_has_all_of_it(late, redder, form, ends, monkeypatch):
    from ganwidgets.invert import adapting, late_descent

    now = [0.0]

    def monotonic():  # every look at the clock takes a tenth of a second
        now[0] += 0.1
        return now[0]

    clock = SimpleNamespace(monotonic=monotonic)
    monkeypatch.setattr(import_module("ganwidgets.invert.adapt"), "time", clock)
    monkeypatch.setattr(late_descent, "time", clock)
    frames = list(adapting(late, redder, form=form, steps=1000, time_limit=10))
    assert {frame.part: frame.seconds for frame in frames} == pytest.approx(ends, abs=0.5)
    assert frames[-1].stopped == "time"


# What competes, and what may not any more


def test_where_a_network_is_linear_the_latents_own_regression_wins_before_any_search(linear, monkeypatch):
    from ganwidgets.invert import start
    from ganwidgets.invert.sample import own_sample

    monkeypatch.setattr(start, "STEPS", 1)
    monkeypatch.setattr(start, "RATE", 1e-4)
    z = linear.sample_z(3, 5)
    found = start.started(linear, linear.images(z), "ridge", "z", "1").latent
    nearest = torch.cdist(z.flatten(1), own_sample(linear).z.flatten(1)).min()
    assert nearest > 0.3  # no picture of the sample is as near as that
    assert torch.allclose(found, z, atol=0.05)


def test_a_picture_that_is_finished_keeps_its_state_though_a_better_one_comes():
    from ganwidgets.invert.search_state import Best, Point

    def point(value):
        return Point(torch.full((3, 2), value), torch.full((3, 4), value), {"a": torch.full((3, 1, 2, 2), value)})

    best = Best(point(0.0))
    for value, loss, may in ((1.0, 5.0, [True] * 3), (2.0, 4.0, [True, False, True]), (3.0, 3.0, [False, False, True])):
        images = torch.full((3, 3, 2, 2), value)
        best.take(torch.full((3,), loss), images, point(value), torch.tensor(may))
    assert best.loss.tolist() == [4.0, 5.0, 3.0]
    kept = (best.images, best.point.latent, best.point.logits, best.point.residuals["a"])
    assert all(part.flatten(1).mean(1).tolist() == [2.0, 1.0, 3.0] for part in kept)


def test_the_mean_counts_as_fitted_when_the_strength_of_a_ridge_is_chosen():
    """Cross-validation by hand: |y − Hy|² / (1 − trace H / n)², where H fits an offset without a price."""
    from ganwidgets.invert.ridge import STRENGTHS, ridge

    random = torch.Generator().manual_seed(3)
    x = torch.randn(10, 4, generator=random).double()
    y = x @ torch.randn(4, 2, generator=random).double() + torch.randn(10, 2, generator=random)
    top = torch.linalg.svdvals(x - x.mean(0))[0] ** 2
    columns, scores = torch.cat([torch.ones(10, 1).double(), x - x.mean(0)], 1), []
    for strength in STRENGTHS:
        price = torch.diag(torch.tensor([0.0, *[float(strength * top)] * 4]).double())
        hat = columns @ torch.linalg.solve(columns.T @ columns + price, columns.T)
        scores.append(float((y - hat @ y).square().sum() / (1 - hat.trace() / 10) ** 2))
    total = float((y - y.mean(0)).square().sum())
    found = ridge(x, y)
    assert found.strength == float(STRENGTHS[scores.index(min(scores))])
    assert found.explained == pytest.approx(1 - min(scores) / total, abs=1e-6)


@pytest.mark.parametrize("before, after, moved", [(0.5, 0.7, 0.1), (1.02, 1.04, 0.0), (0.9, 1.04, 0.05)])
def test_how_far_pictures_move_is_said_of_what_can_be_seen(before, after, moved):
    from ganwidgets.invert.locality import locality
    from ganwidgets.models.generator import TorchGenerator

    class Even(nn.Module):
        """Draws one colour."""

        def __init__(self, value):
            super().__init__()
            self.paint = nn.Conv2d(1, 3, 1)
            nn.init.zeros_(self.paint.weight)
            nn.init.constant_(self.paint.bias, value)

        def forward(self, z):
            return self.paint(z)

    networks = (TorchGenerator(Even(value).eval(), z_shape=(1, 8, 8), name="even") for value in (before, after))
    assert locality(*networks).change == pytest.approx((moved,) * 8, abs=1e-6)
