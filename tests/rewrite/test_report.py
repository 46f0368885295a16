"""What became of a concept and what else changed: each number known on paper, with the planted generator.

Its red is the left half (8 of 16 columns) of the images whose z[0] is positive, its blue a dot of 2 × 2 where z[1] is.
"""

import numpy as np
import pytest
import torch

RED, BOTH, BLUE, NONE = [1.0, -1, 0.5, 0.5], [1.0, 1, 0.5, 0.5], [-1.0, 1, 0.5, 0.5], [-1.0, -1, 0.5, 0.5]
FOUR = torch.tensor([RED, BOTH, BLUE, NONE])


@pytest.fixture
def changed(planted):
    """A twin of the planted generator with some numbers of a buffer set to something else."""
    from ganwidgets.models import with_weights

    def make(**changes):
        contents = {}
        for name, (place, value) in changes.items():
            key = {"areas": "layer1.areas", "colours": "colour.weight", "grey": "colour.bias"}[name]
            contents[key] = planted.module.state_dict()[key].clone()
            contents[key][place] = value
        return with_weights(planted, contents)

    return make


@pytest.fixture
def swap(changed):
    """The edit that is meant: what was painted red is painted blue."""
    return changed(colours=((slice(None), 0), torch.tensor([-0.5, -0.5, 0.5])))


@pytest.fixture
def report(planted, reader):
    """A report on the planted generator."""
    from functools import partial

    from ganwidgets.rewrite.report import report

    return lambda after, z=FOUR, **options: partial(report, planted, after, reader, z)(**{"source": "red"} | options)


def only(found, measure):
    return float(found.share(measure)[0])


def test_an_edit_that_swaps_one_concept_does_all_of_it_and_nothing_else(report, swap, planted):
    found = report(swap, planted.sample_z(60, seed=5), target="blue")
    has = int((planted.sample_z(60, seed=5)[:, 0] > 0).sum())
    assert (found.n, found.n_source, found.margin) == (60, has, 1)
    assert [only(found, m) for m in ("success", "became", "gone")] == [1.0, 1.0, 1.0]
    assert [only(found, m) for m in ("outside", "elsewhere", "drift", "distance")] == [0.0, 0.0, 0.0, 0.0]
    low, high = found.interval("success")[0]
    assert 0.5 < low < high == pytest.approx(1.0)  # as few images cannot be sure
    assert found.source_pixels.tolist() == (128 * (planted.sample_z(60, seed=5)[:, 0] > 0)).tolist()


def test_doing_nothing_changes_nothing(report, planted):
    found = report({"nothing": planted}, target="blue")
    assert all(only(found, m) == 0 for m in ("success", "became", "gone", "outside", "elsewhere", "drift", "distance"))


def test_a_source_that_went_elsewhere_is_gone_but_did_not_become_the_target(report, changed):
    green = changed(colours=((slice(None), 0), torch.tensor([-0.5, 0.5, -0.5])))
    found = report(green, target="blue")
    assert [only(found, m) for m in ("success", "became", "gone")] == [0.0, 0.0, 1.0]
    assert only(report(green), "success") == 1.0  # without a target, anything else will do
    shown = found.concept_frame().set_index("concept")["shown"]
    assert shown.to_dict() == {"red": 0.0, "blue": 0.0, "green": 1.0, "red top": 0.0}


def test_success_is_a_share_of_the_source_pixels_of_a_picture(report, changed):
    half = changed(areas=((0, slice(8, 16)), 0.0))  # the lower half of the red is no longer painted
    assert only(report(half), "gone") == 0.5
    assert [only(report(half, enough=share), "success") for share in (0.5, 0.51)] == [1.0, 0.0]


def test_success_counts_images_and_became_counts_pixels(report, planted, changed):
    """A part of 64 pixels in the other slot: 'red top' is half of the red, and blue where that was is meant."""
    found = report(changed(areas=((0, slice(0, 8)), 0.0)), source="red top")
    assert found.source_pixels.tolist() == [64, 64, 0, 0] and only(found, "success") == 1.0
    frame = found.concept_frame().set_index("concept")
    assert frame.loc["red", "shown"] == 0.0 and found.shown.tolist() == [[0, 0, 0, 0]]


def test_what_moved_is_counted_beyond_the_margin_only(report, changed):
    """Red is painted 2 columns further: the first belongs to the margin of 1; the second is one of the 7 outside."""
    wider = changed(areas=((0, slice(None), slice(8, 10)), 1.0))
    found = report(wider, torch.tensor([RED, NONE]))
    assert found.outside_pixels.tolist() == [16 * 7, 256]
    assert only(found, "outside") == pytest.approx(1 / 7) and only(found, "elsewhere") == 0
    assert only(report(wider, margin=0), "outside") == pytest.approx(2 / 8)
    assert only(report(wider, margin=2), "outside") == 0
    gained = found.concept_frame().set_index("concept")
    assert found.outside_gained[0].sum(0).tolist() == [16, 0, 0, 8] and np.isnan(gained.loc["red", "gained"])


def test_images_without_the_source_are_counted_apart(report, changed):
    everywhere = changed(grey=(0, 0.1))
    found = report(everywhere, torch.tensor([RED, NONE, NONE]))
    assert [only(found, m) for m in ("outside", "elsewhere")] == [1.0, 1.0]
    assert only(found, "drift") == pytest.approx(127.5 * 0.1 / 3)  # one of three channels
    assert only(report(everywhere, visible=0.11), "elsewhere") == 0
    assert only(report(changed(areas=((0, slice(None), slice(8, 16)), 1.0))), "elsewhere") == 0  # red has to be there


def test_concepts_outside_are_lost_and_gained(report, changed):
    dot = changed(colours=((slice(None), 1), torch.tensor([-0.5, 0.5, -0.5])))  # blue becomes green
    found = report(dot)
    frame = found.concept_frame().set_index("concept")
    assert frame["outside_before"].to_dict() == {"red": 0, "blue": 8, "green": 0, "red top": 0}
    assert frame.loc["blue", "lost"] == 1.0 and frame.loc["blue", "gained"] == 0.0
    assert found.outside_gained[0].sum(0).tolist() == [0, 0, 8, 0] and np.isnan(frame.loc["green", "gained"])
    assert only(found, "elsewhere") == pytest.approx(4 / 512)


def test_distance_is_measured_outside_in_units_of_two_pictures(report, changed):
    """Mean brightness is the feature. The grey lies 0.3 higher outside, and two pictures differ by √(2 · variance)."""

    def brightness(images):
        return images.mean((1, 2, 3))[:, None]

    found = report(changed(grey=(slice(0, 3), 0.3)), torch.tensor([RED, NONE]), features=brightness)
    values = np.array([-1 / 6, 0.0])  # red is (1, −1, −1) on half of the picture
    outside = np.array([0.3 * 7 / 16, 0.3])
    np.testing.assert_allclose(found.distance[0], outside / (np.sqrt(2) * values.std(ddof=1)), rtol=1e-5)
    assert only(found, "distance") == pytest.approx(found.distance.mean())


def test_a_region_limits_where_the_source_is_meant(report, swap):
    upper = np.zeros((32, 32), np.float32)
    upper[:16] = 1
    found = report(swap, torch.tensor([RED]), target="blue", region=upper)
    assert found.source_pixels.tolist() == [64] and only(found, "success") == 1.0
    assert only(found, "outside") == pytest.approx((7 * 8) / (256 - 9 * 9))  # the lower half was not meant
    upper[16] = 1  # half of the next row of pixels
    assert report(swap, torch.tensor([RED]), region=upper).source_pixels.tolist() == [72]


def test_methods_share_the_pictures_and_have_a_row_each(report, swap, planted):
    found = report({"edit": swap, "nothing": planted}, target="blue")
    assert found.methods == ("edit", "nothing") and found.share("success").tolist() == [1.0, 0.0]
    frame = found.to_frame()
    assert frame["method"].tolist() == ["edit", "nothing"] and frame["n_source"].tolist() == [2, 2]
    wilson = pytest.approx([1.0, 0.342, 1.0], abs=1e-3)
    assert frame.loc[0, ["success", "success_low", "success_high"]].tolist() == wilson
    assert found.concept_frame("nothing").set_index("concept").loc["red", "shown"] == 1.0
    with pytest.raises(ValueError, match="Did you mean 'nothing'"):
        found.concept_frame("nothin")
    with pytest.raises(ValueError, match="`measure` must be one of"):
        found.share("succes")


def test_intervals_come_from_images(report, planted, changed):
    """An edit that works where z[2] is positive only: the interval holds the share, and is that of a binomial."""
    z = planted.sample_z(400, seed=3)
    z[:, 0] = 1.0
    from ganwidgets.models import with_weights

    areas, weight = planted.module.state_dict()["layer1.areas"].clone(), planted.module.state_dict()["colour.weight"]
    areas[6, :, :8], areas[6, :, 8:] = 50.0, 0.0  # unit 6 is gated by z[2]: white over the red
    weight = weight.clone()
    weight[:, 6] = 0.5
    found = report(with_weights(planted, {"layer1.areas": areas, "colour.weight": weight}), z)
    share, (low, high) = only(found, "success"), found.interval("success")[0]
    assert share == pytest.approx(float((z[:, 2] > 0.1).float().mean()), abs=0.06) and low < share < high
    assert high - low == pytest.approx(2 * 1.96 * np.sqrt(share * (1 - share) / 400), rel=0.2)


def test_batches_and_their_order_of_progress_do_not_change_the_numbers(report, swap, planted):
    z, told = planted.sample_z(10, seed=2), []
    whole = report({"a": swap, "b": planted}, z, batch=10)
    parts = report({"a": swap, "b": planted}, z, batch=4, progress=told.append)
    for measure in ("success", "outside", "drift", "distance"):
        np.testing.assert_allclose(whole.share(measure), parts.share(measure), rtol=1e-6)
    assert told == sorted(told) and told[-1] == 1.0 and len(told) == 9
    with pytest.raises(KeyboardInterrupt):
        report(swap, z, progress=lambda fraction: (_ for _ in ()).throw(KeyboardInterrupt))


def test_a_source_that_never_occurs_is_nan_and_a_sentence(report, swap):
    found = report(swap, torch.tensor([NONE, BLUE]), source="green")
    assert found.n_source == 0
    assert all(np.isnan(only(found, m)) for m in ("success", "became", "gone", "outside"))
    assert np.isnan(found.interval("success")).all() and only(found, "elsewhere") == 0
    assert found.sentence() == "green → anything else: none of 2 images shows 16 pixels of green; take more latents."
    assert np.isnan(found.to_frame()["success"][0]) and found.concept_frame()["shown"].isna().all()
    found.plot()._repr_png_()


def test_the_report_in_words(report, swap, planted):
    found = report({"edit": swap, "nothing": planted}, target="blue")
    assert found.sentence() == (
        "red → blue: changed as meant in 100% [34%, 100%] of 2 images (100% of the pixels); 0.0% of what is outside "
        "changed visibly, and 0.0% of images without red."
    )
    assert repr(found).endswith("2 methods: edit, nothing.>") and repr(report(swap)).startswith("<RewriteReport: red →")


def test_few_source_pixels_are_neither_with_nor_without(report, swap):
    found = report(swap, least=129)
    assert found.n_source == 0 and found.outside_pixels[:2].tolist() == [112, 112]
    assert np.isnan(only(found, "outside")) and only(found, "elsewhere") == 0 and found.shown.tolist() == [[0] * 4]


def test_the_plot_has_a_bar_for_each_method_and_no_pyplot(report, swap, planted):
    import sys

    figure = report({"edit": swap, "noth$ing": planted}, target="blue").plot(("success", "drift"))
    assert figure._repr_png_().startswith(b"\x89PNG") and len(figure.axes) == 2
    assert [bar.get_width() for bar in figure.axes[0].patches] == [100.0, 0.0]
    assert "matplotlib.pyplot" not in sys.modules or figure.canvas.manager is None
    with pytest.raises(ValueError, match="at least one measure"):
        report(swap).plot(())


def test_a_random_edit_is_as_large_and_of_another_direction():
    from ganwidgets.results.rewrites import LowRankEdit
    from ganwidgets.rewrite.report import random_edit

    context = torch.linalg.qr(torch.randn(32, 2, generator=torch.Generator().manual_seed(0)))[0].T.contiguous()
    update = torch.randn(5, 2, 3, 3, generator=torch.Generator().manual_seed(1))
    edit = LowRankEdit("conv", "conv.weight", "plain", update, context, "net", "abc")
    twin = random_edit(edit, seed=1)
    assert twin.norm == pytest.approx(edit.norm, rel=1e-5) and twin.uid != edit.uid
    torch.testing.assert_close(twin.context @ twin.context.T, torch.eye(2), atol=1e-5, rtol=0)
    assert float((twin.context @ context.T).abs().max()) < 0.7
    assert torch.equal(twin.context, random_edit(edit, seed=1).context)
    assert not torch.equal(twin.context, random_edit(edit, seed=2).context)


def test_random_edits_of_one_weight_share_what_the_edits_share():
    """An edit and its opposite are nothing together, and so are their twins; two that do not touch stay so."""
    from dataclasses import replace

    from ganwidgets.results.rewrites import LowRankEdit
    from ganwidgets.rewrite.report import random_edits

    draw = lambda *shape: torch.randn(*shape, generator=torch.Generator().manual_seed(0))  # noqa: E731
    rows, update = torch.linalg.qr(draw(32, 3))[0].T.contiguous(), draw(5, 1, 3, 3)
    first = LowRankEdit("conv", "conv.weight", "plain", update, rows[:1], "net", "abc")
    second = replace(first, context=rows[1:2], uid="second")
    leaning = replace(first, context=(rows[:1] + rows[2:]) / 2**0.5, uid="leaning")
    elsewhere = replace(first, layer="other", weight="other.weight", uid="elsewhere")
    edits = (first, -first, second, leaning, elsewhere)
    twins = random_edits(edits)
    assert [twin.weight for twin in twins] == [edit.weight for edit in edits]
    for one in range(4):
        for two in range(4):
            together = [float((group[one].delta() + group[two].delta()).norm()) for group in (edits, twins)]
            assert together[0] == pytest.approx(together[1], rel=1e-4, abs=1e-4)
    one, other = random_edits((first, elsewhere))
    assert not torch.allclose(one.context, other.context)  # another weight, other directions


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"source": "rad"}, "`source` must be one of .* got 'rad'. Did you mean 'red'"),
        ({"target": "blu"}, "`target` must be one of .* Did you mean 'blue'"),
        ({"target": "red"}, "`target` must be another concept than `source`"),
        ({"z": FOUR[:0]}, "`z` must hold at least one latent"),
        ({"region": np.zeros((4, 4))}, "`region` must cover"),
        ({"enough": 0.0}, "`enough` must be a share above 0"),
        ({"visible": -0.1}, "`visible` must be a difference"),
        ({"margin": -1}, "`margin`"),
        ({"least": 0}, "`least`"),
        ({"after": {}}, "`after` must hold at least one network"),
    ],
)
def test_bad_input_is_refused(report, swap, options, message):
    with pytest.raises(ValueError, match=message):
        report(**({"after": swap} | options))


def test_another_network_is_refused_before_anything_runs(report, swap):
    from ganwidgets.testing import planted_generator

    with pytest.raises(ValueError, match=r"`after` must draw what `before` draws.*'large' draws \(3, 32, 32\)"):
        report({"edit": swap, "large": planted_generator(resolution=32)})
    with pytest.raises(TypeError, match="after"):
        report({"edit": "network"})


def test_the_package_loads_no_matplotlib_before_something_is_plotted():
    import subprocess
    import sys

    loaded = "import sys, ganwidgets.rewrite; from ganwidgets.rewrite import RuleController, panel"
    asked = f"{loaded}; print([name for name in sys.modules if name.startswith('matplotlib')])"
    told = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True, timeout=120)
    assert told.stdout.strip() == "[]"
