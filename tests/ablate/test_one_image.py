"""One image (or pair, or unit) says nothing of others: intervals are NaN, and all that shows them copes with it."""

import io
import re

import numpy as np
import pytest
from PIL import Image


@pytest.fixture(scope="module")
def small():
    from ganwidgets.testing import planted_generator

    return planted_generator(resolution=8)


@pytest.fixture(scope="module")
def red(small):
    """A latent whose picture is half red."""
    z = small.sample_z(20, seed=3)
    return z[z[:, 0] > 0][:1]


@pytest.fixture(scope="module")
def measured(small, reader, red):
    """Everything that has intervals over images, of a single one."""
    from ganwidgets import ablate

    common, orders = {"n_random_sets": 2}, {"IoU": (0, 1, 2, 3)}
    return {
        "ablation": ablate.ablation_effect(small, "layer1", [0], reader, red, **common),
        "insertion": ablate.insertion_effect(small, "layer1", [0], 1.0, reader, red, **common),
        "both": ablate.average_causal_effect(small, "layer1", [0], 1.0, reader, red, **common),
        "curve": ablate.removal_curve(small, "layer1", orders, "red", reader, red, **common),
        "context": ablate.insertion_context(small, "layer1", [0], 1.0, "red", reader, red, **common),
    }


def ends(measure):
    """All interval ends of a table that are not of the random sets."""
    frame = measure.to_frame()
    names = [
        name for name in frame if name.endswith(("_low", "_high")) and "chance" not in name and "random" not in name
    ]
    assert names and frame["n"].tolist() == [1] * len(frame)
    return frame[names].to_numpy(float)


@pytest.mark.parametrize("name", ["ablation", "insertion", "both", "curve", "context"])
def test_intervals_of_one_image_are_not_there(measured, name):
    assert np.isnan(ends(measured[name])).all()


def test_two_images_have_intervals_even_if_they_are_alike(small, reader, red):
    from ganwidgets.ablate import ablation_effect

    found = ablation_effect(small, "layer1", [0], reader, red.repeat(2, 1), n_random_sets=0)
    assert found.interval[0] == pytest.approx([0.5, 0.5])


def test_one_held_out_pair_gives_alpha_no_interval(small, reader):
    from ganwidgets.ablate import optimise_alpha

    found = optimise_alpha(small, "layer1", "red", reader, n_search=30, n_train=8, n_eval=1, epochs=1, n_random_sets=0)
    assert found.n_eval == 1 and np.isnan(found.interval).all() and np.isfinite(found.ace)


def test_one_unit_gives_a_network_no_interval():
    from ganwidgets.ablate import class_ablation, compare_networks
    from ganwidgets.testing import planted_classifier, planted_photos

    found = class_ablation(planted_classifier(), "mix", *planted_photos(16), units=[0])
    row = compare_networks({"it": found}).iloc[0]
    assert np.isnan([row.overall_drop_low, row.overall_drop_high]).all() and np.isfinite(row.overall_drop)


def test_one_image_a_class_gives_selectivity_no_interval():
    from ganwidgets.ablate import unit_attributes
    from ganwidgets.testing import planted_classifier, planted_photos

    images, labels = planted_photos(4)
    assert sorted(labels.tolist()) == [0, 1, 2, 3]
    found = unit_attributes(planted_classifier(), "mix", images, labels)
    assert found[["class_selectivity_low", "class_selectivity_high"]].isna().all(axis=None)
    assert found["class_selectivity"].notna().all()


def shown(component, tmp_path):
    """The component's still picture, once its page is written, too."""
    page = component.to_html(tmp_path / "page.html").read_text(encoding="utf-8")
    assert not re.search(r"[:,\[] ?NaN\b", page)
    return np.asarray(component.picture())


def test_bars_curves_and_tables_show_the_value_without_an_interval(measured, tmp_path):
    from ganwidgets import ui
    from ganwidgets.ablate import panel_views as views
    from ganwidgets.dissect.panel_effects import effect_bars

    bars = ui.Histogram(bars=effect_bars(measured["ablation"]), signed=True)
    first = bars.bars[0]
    assert (first["key"], first["value"], first["low"], first["high"]) == ("red", -0.5, None, None)
    curve = ui.Curve(lines=views.lines(measured["curve"]), band=views.band(measured["curve"]), log_x=True)
    assert set(curve.lines[0]["low"]) == {None} and None not in curve.lines[0]["y"]
    table = ui.Matrix()
    table.fill(**views.context_table(measured["context"]))
    for component in (bars, curve, table):
        assert len(np.unique(shown(component, tmp_path))) > 2


def test_the_plot_draws_the_line_without_a_band(measured):
    with Image.open(io.BytesIO(measured["curve"].plot()._repr_png_())) as picture:
        assert picture.size[0] > 100
    axes = measured["curve"].plot().axes[0]
    own = [line for line in axes.lines if line.get_label() == "IoU"]
    assert len(own) == 1 and np.isfinite(own[0].get_ydata()).all()


def test_the_preview_of_one_picture_has_bars(small, reader):
    from ganwidgets.ablate import AblateController

    seen = small.sample_z(20, seed=3)
    session = AblateController(small, reader, layer="layer1", units=(0,), n_images=1, seed=3)
    session.wait(20.0)
    session.update(background=False)
    assert session.status != "failed" and session.effect.n == 1 and np.isnan(session.effect.interval).all()
    assert float(seen[0, 0] > 0) / 2 == session.effect.effect[0]
    session.close()


def test_the_answer_says_that_one_image_is_not_enough(measured):
    told = measured["context"].answer("nothing named")
    assert "interval" not in told and "one image says nothing of others" in told
    assert measured["context"].best is None
