"""Which layer and rank: every number known on paper, in a generator of two 1 × 1 convolutions over planted maps.

Red is the left half of the images whose z[0] is positive, blue a dot of 2 × 2 where z[1] is. The object is the dot, it
is pasted into the red. At rank 1 the only key that can change is that of red, so with the price λ the value becomes
f · blue + (1 − f) · red everywhere where there is red, f = 1 / (1 + λ p), p being the share of red in the sample.
"""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

RED, BLUE, NONE = [1.0, -1, 0.5, 0.5], [-1.0, 1, 0.5, 0.5], [-1.0, -1, 0.5, 0.5]
LAMBDA = 0.3

pytestmark = pytest.mark.filterwarnings("ignore:the second moment is singular")  # one planted unit is always 0


def region(rows, columns):
    area = torch.zeros(16, 16)
    area[slice(*rows), slice(*columns)] = 1
    return area


@pytest.fixture(scope="module")
def network():
    """Planted maps, their colours as a convolution, and one that leaves colours as they are."""
    from ganwidgets.models import TorchGenerator
    from ganwidgets.testing.planted import Colour, Paint

    first, second = nn.Conv2d(4, 3, 1, bias=False), nn.Conv2d(3, 3, 1, bias=False)
    first.weight.data = 2 * Colour(4, 3).weight[:, :, None, None]
    second.weight.data = torch.eye(3)[:, :, None, None]
    module = nn.Sequential()
    module.add_module("paint", Paint(4, 4, 16, 16))
    module.add_module("first", first)
    module.add_module("second", second)
    return TorchGenerator(module.eval(), z_shape=(4,), name="two convolutions")


@pytest.fixture(scope="module")
def z():
    """32 pictures: the first is red, the second blue; one in four has red, none has both."""
    return torch.tensor([RED, BLUE, NONE, NONE] * 8)


@pytest.fixture
def asked():
    """The dot of picture 1 goes into the red of picture 0."""
    from ganwidgets.rewrite.examples import Example

    return {"object": Example(1, region((8, 10), (12, 14))), "paste": Example(0, region((4, 6), (2, 4)))}


@pytest.fixture
def advise(network, z, asked):
    """Advice on that."""
    from ganwidgets.rewrite.advise import advise

    return lambda **options: advise(network, z, **({"layers": ["first"], "ranks": [1]} | asked | options))


def reached(p=1 / 8, kept=0.0):
    return 1 / (1 + kept + LAMBDA * p)


def red_share(network, n=16):
    from ganwidgets.rewrite.advise_scene import OTHERS_SEED

    return float((network.sample_z(n, OTHERS_SEED)[:, 0] > 0).float().mean()) / 2


def test_effect_and_side_effect_are_what_paper_says(advise, network, reader):
    found = advise(segmenter=reader)
    (trial,) = found.trials
    f, red = reached(), red_share(network)
    assert (trial.layer, trial.rank, found.n_pasted, found.n_others) == ("first", 1, 1, 16)
    assert trial.effect == pytest.approx(f, abs=1e-4) and trial.fit == pytest.approx(f, abs=1e-4)
    assert trial.elsewhere == pytest.approx(red) and trial.around == pytest.approx((128 - 4) / (256 - 4))
    assert trial.drift == pytest.approx(127.5 * red * 4 * f / 3, rel=1e-4)  # red and blue channel move by 2 f
    assert (trial.named, found.named_before) == (1.0, 0.0) and trial.renamed == pytest.approx(red)


def test_without_a_segmenter_names_are_not_known(advise):
    found = advise()
    assert np.isnan([found.named_before, found.trials[0].named, found.trials[0].renamed]).all()


def test_every_editable_layer_is_tried(advise, network, z):
    found = advise(layers=None, ranks=(1, 2))
    assert [(trial.layer, trial.rank) for trial in found.trials] == [("first", 1), ("second", 1)]
    assert [trial.effect for trial in found.trials] == pytest.approx([reached()] * 2, abs=1e-4)
    assert found.skipped == {f"{name}, rank 2": "the examples span 1 directions" for name in ("first", "second")}


def test_what_is_preserved_has_its_say(advise):
    """As many red places that must stay as places that must change: half of the way."""
    from ganwidgets.rewrite.examples import Example

    found = advise(preserve=[Example(0, region((12, 14), (2, 4)))])
    assert found.trials[0].effect == pytest.approx(reached(kept=1.0), abs=1e-4)


def test_several_places_are_solved_for_at_once_and_averaged(advise, asked):
    """In the second picture the object goes where nothing is: no key, so nothing changes there."""
    from ganwidgets.rewrite.examples import Example

    nowhere = Example(2, region((4, 6), (2, 4)))
    found = advise(paste=[asked["paste"], nowhere], examples=[asked["paste"]])
    f = 1 / (1 + 2 * LAMBDA / 8)  # two places are priced, one pays
    grey, red = 1.0, 4 / 3  # difference of such a pixel to blue, mean over channels
    assert found.n_pasted == 2
    assert found.trials[0].effect == pytest.approx(1 - ((1 - f) * red + grey) / (red + grey), abs=1e-4)


def test_a_soft_object_counts_by_its_area(advise, reader):
    from ganwidgets.rewrite.examples import Example

    half = Example(1, 0.6 * region((8, 10), (12, 14)))
    found = advise(object=half, segmenter=reader)
    assert found.trials[0].effect == pytest.approx(reached(), abs=1e-4)  # the goal itself is 0.6 blue, 0.4 red


def test_at_the_border_the_object_is_moved_inside(advise):
    from ganwidgets.rewrite.examples import Example

    found = advise(paste=Example(0, region((0, 1), (0, 1))))
    assert found.trials[0].effect == pytest.approx(reached(), abs=1e-4)


def test_statistics_that_are_known_are_not_collected_again(advise, network, z):
    from ganwidgets.rewrite.keys import collect_keys

    asked_for = []

    def known(editable):
        asked_for.append(editable.name)
        return collect_keys(editable, z)

    advise(statistics=known, layers=None)
    assert asked_for == ["first", "second"]


def test_it_can_be_watched_and_stopped(network, z, asked, advise):
    from ganwidgets.rewrite.advise import advising
    from ganwidgets.rewrite.advise_scene import Wish

    steps = advising(network, z, Wish(asked["object"], (asked["paste"],)), ranks=(1,))
    assert [len(next(steps).trials), len(next(steps).trials)] == [1, 2]
    told = []
    advise(layers=None, progress=told.append)
    assert told == sorted(told) and {0.0, 0.5, 1.0} == set(told) and len(told) > 6  # it can be stopped within a layer


def test_the_edits_are_solved_for_as_asked_and_others_drawn_like_the_sample(network, advise, monkeypatch):
    import importlib

    module = importlib.import_module("ganwidgets.rewrite.advise")  # the function has its name
    solved, found, drawn = [], [], []

    def recorded(kept, function):
        return lambda *given, **options: kept.append((given, options)) or function(*given, **options)

    monkeypatch.setattr(module, "solve_steps", recorded(solved, module.solve_steps))
    monkeypatch.setattr(module, "context_directions", recorded(found, module.context_directions))
    monkeypatch.setattr(type(network), "sample_z", recorded(drawn, type(network).sample_z))
    advise(norm="l1", objective="map", method="mean", damping=0.1, truncation=0.5)
    (_, how), (_, context) = solved[0], found[0]
    assert (how["norm"], how["objective"], how["smoothness"]) == ("l1", "map", 0.3)
    assert (context["method"], context["damping"]) == ("mean", 0.1)
    assert any(given[-1] == 0.5 for given, _ in drawn)
    skipped = advise(ranks=[1, 2], method="mean").skipped
    assert skipped == {"first, rank 2": "the examples span 1 directions"}


def test_a_rank_that_cannot_be_solved_for_is_skipped_with_its_reason(advise, monkeypatch):
    import importlib

    module = importlib.import_module("ganwidgets.rewrite.advise")
    solve_steps = module.solve_steps

    def refused(targets, context, **options):
        if targets[0].editable.name == "second":
            raise ValueError("there are too few places")
        return solve_steps(targets, context, **options)

    monkeypatch.setattr(module, "solve_steps", refused)
    found = advise(layers=None)
    assert [trial.layer for trial in found.trials] == ["first"]
    assert found.skipped == {"second, rank 1": "there are too few places"}
    with pytest.raises(ValueError, match="`norm` must be one of"):
        advise(norm="l3")
    with pytest.raises(ValueError, match="`method` must be one of"):
        advise(method="zcb")


def test_a_layer_that_cannot_hold_the_edit_is_skipped_with_its_reason(advise, z):
    """Nothing is known about the keys of the sample: the reason is kept, and the other layer is tried."""
    from ganwidgets.rewrite.keys import collect_keys

    def known(editable):
        if editable.name == "first":
            raise ValueError("no statistics today")
        return collect_keys(editable, z)

    found = advise(layers=None, statistics=known)
    assert found.skipped == {"first": "no statistics today"} and [t.layer for t in found.trials] == ["second"]


def test_on_a_trained_network_a_late_layer_can_do_what_an_early_one_cannot(progan):
    from ganwidgets.rewrite.advise import advise
    from ganwidgets.rewrite.request import load_request

    data = Path(__file__).parents[1] / "data/rewriting/request_cloud2sun.json"
    request, layers = load_request(data), ("layer2", "layer6")
    options = {"object": request.object, "paste": request.paste, "examples": request.examples}
    found = advise(progan, progan.sample_z(200), layers=layers, ranks=(1, 5), n_others=8, **options)
    effect = {(trial.layer, trial.rank): trial.effect for trial in found.trials}
    assert abs(effect["layer2.conv", 5]) < 0.1 and effect["layer6.conv", 5] > effect["layer6.conv", 1] > 0.4
    assert found.best.layer == "layer6.conv"


@pytest.fixture
def table():
    """Advice made by hand: (layer, rank, effect, elsewhere)."""
    from ganwidgets.rewrite.advise_result import Advice, Trial

    return lambda *rows, **about: Advice(
        tuple(Trial(layer, rank, effect, effect, 0.0, elsewhere, 0.0) for layer, rank, effect, elsewhere in rows),
        **about,
    )


def test_the_largest_effect_that_is_quiet_is_recommended(table):
    found = table(("a", 1, 0.9, 0.3), ("a", 2, 0.6, 0.049), ("b", 1, 0.5, 0.01))
    assert (found.best.layer, found.best.rank) == ("a", 2)
    assert table(("a", 1, 0.9, 0.3), ("b", 1, 0.5, 0.01), limit=0.3).best.layer == "a"


def test_of_effects_alike_the_lower_rank_then_the_fewest_pixels(table):
    assert table(("a", 5, 0.61, 0.01), ("b", 2, 0.6, 0.03), ("c", 2, 0.6, 0.02)).best.layer == "c"


def test_an_edit_that_does_nothing_is_not_recommended_for_its_quiet(table):
    found = table(("a", 1, 0.01, 0.0), ("b", 1, 0.8, 0.2), ("c", 1, 0.7, 0.05 + 0.01))
    assert found.best.layer == "c"  # 0.64 against 0.6: nothing that is quiet reaches half of 0.8
    assert "above the 5% that are fine" in repr(found)


def test_advice_in_words_and_as_a_table(advise, table):
    found = advise(layers=None)
    assert repr(found).startswith("<Advice: first, rank 1: effect 0.96, ") and "2 trials" in repr(found)
    frame = found.to_frame()
    assert frame["layer"].tolist() == ["first", "second"] and frame["best"].sum() == 1
    empty = table(skipped={"a": "why"})
    assert empty.best is None and repr(empty) == "<Advice: nothing tried; 1 skipped>" and len(empty.to_frame()) == 0
    assert "5%" in found.rule


def test_the_plot_has_a_line_for_each_layer_and_circles_the_best(table):
    found = table(("a$b", 1, 0.4, 0.02), ("a$b", 2, 0.6, 0.04), ("b", 1, 0.5, 0.2))
    figure = found.plot()
    assert figure._repr_png_().startswith(b"\x89PNG")
    (axes,) = figure.axes
    lines = {line.get_label(): line.get_xdata() for line in axes.lines if not line.get_label().startswith("_")}
    assert {name: list(x) for name, x in lines.items()} == {"a$b": [2.0, 4.0], "b": [20.0]}
    assert axes.get_title() == "circled: a$b, rank 2; numbers are ranks"
    assert table().plot()._repr_png_().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ranks": []}, "`ranks` must hold at least one rank"),
        ({"ranks": [0]}, "`ranks`"),
        ({"layers": []}, "`layers` must hold at least one layer"),
        ({"layers": ["paint"]}, "`layer` 'paint' is not a convolution"),
        ({"paste": []}, "`paste` must hold at least one place"),
        ({"n_others": 0}, "`n_others`"),
    ],
)
def test_bad_input_is_refused(advise, options, message):
    with pytest.raises(ValueError, match=message):
        advise(**options)


def test_places_that_cannot_be_meant_are_refused(advise):
    from ganwidgets.rewrite.examples import Example

    with pytest.raises(ValueError, match=r"picture 40, but the sample `z` holds 32.*sample_z\(41\)"):
        advise(object=Example(40, region((0, 2), (0, 2))))
    with pytest.raises(ValueError, match="`region` must be painted somewhere"):
        advise(paste=Example(0, torch.zeros(16, 16)))
