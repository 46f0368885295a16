"""Strokes composite as pictures do, on paper: order counts, alpha stays, and the sum is what the network sees."""

import numpy as np
import pytest
import torch

EVERYWHERE = np.ones((2, 3), np.float32)
SIZE = (1, 2, 3)  # units of a layer, and its cells


@pytest.fixture
def stroke():
    from ganwidgets.paint import Stroke

    def make(units=(0,), region=EVERYWHERE, value=1.0, **options):
        return Stroke("layer1", units, region, value, **options)

    return make


def composite(*strokes, shape=SIZE):
    from ganwidgets.paint import PaintEdit

    edit = PaintEdit.blank(shape)
    for one in strokes:
        edit = edit.under(one)
    return edit


def test_one_stroke_is_alpha_over_what_was_there(stroke):
    region = np.array([[0, 0.25, 1.0], [0, 0, 0]], np.float32)
    edit = composite(stroke(region=region, value=8.0, strength=0.5))
    acts = torch.full((2, *SIZE), 4.0)
    assert edit.apply(acts)[0, 0].tolist() == [[4.0, 4.5, 6.0], [4.0, 4.0, 4.0]]
    assert acts.unique().tolist() == [4.0]  # out of place


def test_two_strokes_by_hand_and_the_order_matters(stroke):
    """x = 10; 4 at a half gives 7; 2 at a half over it gives 4.5; the other way round 6 and then 5."""
    first, second = stroke(value=4.0, strength=0.5), stroke(value=2.0, strength=0.5)
    x = torch.full((1, *SIZE), 10.0)
    edit = composite(first, second)
    assert edit.apply(x).unique().tolist() == [4.5]
    assert edit.alpha.unique().tolist() == [0.75] and edit.paint.unique().tolist() == [2.0]
    assert composite(second, first).apply(x).unique().tolist() == [5.0]


def test_an_opaque_stroke_hides_what_is_below_it(stroke):
    over = composite(stroke(value=99.0), stroke(value=3.0))
    assert over.apply(torch.full((1, *SIZE), 7.0)).unique().tolist() == [3.0]


def test_remove_is_draw_with_zero_and_add_leaves_what_is_there(stroke):
    x = torch.full((1, *SIZE), 8.0)
    assert composite(stroke(value=5.0, sign="remove", strength=0.75)).apply(x).unique().tolist() == [2.0]
    assert composite(stroke(value=5.0, sign="add", strength=0.5)).apply(x).unique().tolist() == [10.5]
    assert composite(stroke(value=2.0, sign="add"), stroke(sign="remove", strength=0.5)).apply(x).unique().tolist() == [
        5
    ]
    assert composite(stroke(sign="remove", strength=0.5), stroke(value=2.0, sign="add")).apply(x).unique().tolist() == [
        6
    ]


def test_every_unit_has_its_own_planes(stroke):
    edit = composite(
        stroke(units=(2, 0), value=[1.0, 2.0]), stroke(units=(0, 3), value=[4.0, 6.0], strength=0.5), shape=(5, 2, 3)
    )
    x = torch.arange(5.0)[None, :, None, None].expand(1, 5, 2, 3)
    y = edit.apply(x)
    assert y[0, :, 0, 0].tolist() == [3.0, 1.0, 1.0, 4.5, 4.0] and edit.units == (2, 0, 3)
    assert (y == y[:, :, :1, :1]).all()


def test_compositing_is_applying_one_after_the_other(stroke):
    from ganwidgets.models import compose, set_units

    random = np.random.RandomState(0)
    strokes, plain = [], []
    for k in range(12):
        units = random.choice(6, 3, replace=False).tolist()
        region, value, strength = random.rand(7, 5).astype(np.float32), random.randn(3), float(random.rand())
        strokes.append(stroke(units, region, value, strength=strength, sign="remove" if k % 4 == 3 else "draw"))
        value = torch.zeros(3) if k % 4 == 3 else torch.tensor(value).float()
        plain.append(set_units(units, value, torch.tensor(region), strength))
    acts = torch.randn(2, 6, 4, 3)
    torch.testing.assert_close(composite(*strokes, shape=(6, 4, 3)).apply(acts), compose(*plain).apply(acts))


def test_alpha_is_kept_and_a_thin_line_is_not_widened_by_area(stroke):
    """The original lost the alpha of a mask and dilated it by a pixel."""
    line = np.zeros((8, 12), np.float32)
    line[:, 4] = 0.5  # an antialiased column in the second of three cells
    area = composite(stroke(region=line)).alpha[0]
    assert area.tolist() == [[0, 0.125, 0]] * 2
    assert composite(stroke(region=line, resize="max")).alpha[0].tolist() == [[0, 0.5, 0]] * 2


def test_height_and_width_differ_from_region_to_picture(planted):
    from ganwidgets.paint import Stroke, apply_to_many
    from ganwidgets.testing import planted_generator

    network = planted_generator(resolution=(8, 24))
    region = np.zeros((4, 6), np.float32)
    region[3, 0] = 1  # the lower left corner: rows 6 and 7, columns 0 to 3
    z = -network.sample_z(1).abs()  # no paint of the network's own
    painted = apply_to_many(network, [Stroke("layer1", [0], region, 1.0)], z)[0, 0] > 0.5
    expected = torch.zeros(8, 24, dtype=torch.bool)
    expected[6:, :4] = True
    assert torch.equal(painted, expected)


def test_strokes_on_several_layers_are_one_pass_in_the_network_s_order(planted):
    from ganwidgets.paint import Stroke, apply_to_many, edits

    upper = Stroke("layer2", [0], EVERYWHERE, 0.0, strength=0.5)
    lower = Stroke("layer1", [0], EVERYWHERE, 1.0)
    assert list(edits([upper, lower], planted)) == ["layer1", "layer2"]
    z = planted.sample_z(3)
    expected = ((2.0 * 0.5) / 2) * torch.ones(16, 16)  # unit 0 is 1 everywhere, doubled, halved, coloured by a half
    torch.testing.assert_close(apply_to_many(planted, [upper, lower], z)[:, 0], expected.expand(3, -1, -1))


def test_muted_strokes_and_those_without_strength_do_nothing(planted):
    from ganwidgets.paint import Stroke, apply_to_many, edits

    strokes = [
        Stroke("layer1", [0], EVERYWHERE, 1.0, muted=True),
        Stroke("layer1", [0], EVERYWHERE, 1.0, strength=0),
    ]
    z = planted.sample_z(2)
    assert edits(strokes, planted) == {} and torch.equal(apply_to_many(planted, strokes, z), planted.images(z))


def test_one_more_stroke_costs_one_stroke(planted, stroke, monkeypatch):
    from ganwidgets.paint import PaintEdit, edits

    composited, under = [], PaintEdit.under
    monkeypatch.setattr(PaintEdit, "under", lambda self, one: composited.append(one) or under(self, one))
    strokes, kept = [stroke(strength=s / 10) for s in range(1, 8)], {}
    for count in range(1, 8):
        found = edits(strokes[:count], planted, kept=kept)
    assert composited == strokes
    fresh = edits(strokes, planted)["layer1"]
    assert torch.equal(found["layer1"].alpha, fresh.alpha) and torch.equal(found["layer1"].paint, fresh.paint)


def test_a_stroke_is_a_value_that_nobody_can_change_from_outside(stroke):
    region, value = np.ones((2, 2), np.float32), np.ones(1, np.float32)
    one = stroke(region=region, value=value)
    region[:], value[:] = 0, 0
    assert one.region.min() == 1 and one.value.tolist() == [1.0]
    stronger = one.with_strength(0.25)
    assert (one.strength, stronger.strength) == (1.0, 0.25) and one.uid == stronger.uid
    assert stroke().uid != stroke().uid


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"units": ()}, "`units` must name at least one unit"),
        ({"units": (-1,)}, "`units` must not be negative"),
        ({"units": (1, 1)}, "`units` must name each unit once"),
        ({"region": np.zeros((4, 4))}, "`region` must have something painted"),
        ({"region": np.full((4, 4), 2.0)}, r"`region` must lie in \[0, 1\]"),
        ({"strength": 1.5}, r"`strength` must lie in \[0, 1\]"),
        ({"strength": float("nan")}, r"`strength` must lie in \[0, 1\]"),
        ({"value": [1.0, 2.0]}, "`value` must be a number, 1 numbers"),
        ({"value": float("nan")}, "`value` must be finite"),
        ({"sign": "paint"}, r"`sign` must be one of \['draw', 'remove', 'add'\]"),
        ({"resize": "nearest"}, "`resize` must be one of"),
    ],
)
def test_a_bad_stroke_is_one_sentence(stroke, change, reason):
    with pytest.raises(ValueError, match=reason):
        stroke(**change)


def test_a_stroke_that_does_not_fit_the_network_is_refused(planted):
    from ganwidgets.models import TorchGenerator
    from ganwidgets.paint import Stroke, edits

    for given, reason in (
        (Stroke("layer1", [8], EVERYWHERE), "`units` must be below 8"),
        (Stroke("layer3", [0], EVERYWHERE), "Did you mean 'layer2'"),
        (Stroke("layer1", [0], EVERYWHERE, torch.zeros(1, 4, 4)), "`value` must have one map a unit"),
    ):
        with pytest.raises(ValueError, match=reason):
            edits([given], planted)
    vector = torch.nn.Sequential(torch.nn.Linear(4, 12), torch.nn.Unflatten(1, (3, 2, 2)))
    with pytest.raises(ValueError, match="`layer` must give maps"):
        edits([Stroke("0", [0], EVERYWHERE)], TorchGenerator(vector))


def test_a_strength_is_a_number_of_its_own():
    from ganwidgets.paint import Stroke

    given = torch.tensor(0.5)
    stroke = Stroke("layer1", [0], torch.ones(2, 2), 1.0, strength=float(given))
    assert type(Stroke("layer1", [0], torch.ones(2, 2), 1.0, strength=1).strength) is float
    assert stroke.strength == 0.5
