"""The coverage panel without a browser: what arrives in the components when traits change, and what a click does."""

import io
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from traitlets import TraitError

FAST = {"resamples": 50, "permutations": 100, "halves": 20}


@pytest.fixture
def make(planted, reader, red_photos, forgetful, quiet, monkeypatch):
    from ganwidgets.coverage.panel import panel

    made = []

    def make(network=planted, data=red_photos, segmenter=reader, forgets=12, **options):
        search = forgetful(forgets)
        monkeypatch.setattr(sys.modules["ganwidgets.coverage.panel"], "reconstruct", search)
        made.append(panel(network, data, segmenter, **{"n": 60, **FAST, **options}))
        made[-1].search = search
        made[-1].wait(30.0)
        return made[-1]

    yield make
    for one in made:
        one.close()


def browser_sets(widget, **state):
    data = {"method": "update", "state": state, "buffer_paths": []}
    widget.comm.handle_msg({"content": {"data": data}, "buffers": []})


def browser_asks(widget, action, **fields):
    data = {"method": "custom", "content": {"id": 1, "action": action, **fields}}
    widget.comm.handle_msg({"content": {"data": data}, "buffers": []})


def pixels(sheet):
    """Tiles of a sheet (tile height width rgb)."""
    width, height = sheet["tile"]
    picture = np.asarray(Image.open(io.BytesIO(sheet["image"])).convert("RGB")).astype(int)
    rows, columns = picture.shape[0] // height, sheet["columns"]
    tiles = picture.reshape(rows, height, columns, width, 3).swapaxes(1, 2).reshape(-1, height, width, 3)
    return tiles[: sheet["count"]]


# The figure


def test_a_new_panel_compares_and_names_what_is_missing(make):
    panel = make()
    bars = {bar["key"]: bar for bar in panel.bars.bars}
    assert list(bars) == ["red", "red top", "blue"]  # by area; the data have no blue and no green
    assert bars["red"]["area"] == 50 and bars["red"]["verdict"] == bars["red top"]["verdict"] == "less"
    assert bars["red"]["change"] == pytest.approx(panel.result.ratio[0] - 1)
    assert bars["red"]["low"] <= bars["red"]["change"] <= bars["red"]["high"] < 0
    assert panel.bars.title == "Too little: red, red top; too much: blue"
    assert "60 pictures of planted, 60 images of images, named by the segmenter 'planted'" in panel.bars.subtitle
    assert (panel.run_bar.status, panel.run_bar.n_done, panel.run_bar.n_total) == ("done", 120, 120)
    assert repr(panel) == "Panel('planted', data='Tensor')"


def test_what_the_data_never_show_has_a_column_where_it_is_named(make):
    """The title says "too much: blue": it can be chosen like all that is named, and is the last in any order."""
    panel = make(search=False)
    last = panel.bars.bars[-1]
    assert (last["key"], last["label"], last["verdict"]) == ("blue", "∅ blue", "more")
    assert last["area"] == 0 < last["other"] and last["change"] is None and "∅: the data show none" in panel.bars.note
    browser_sets(panel.look, values={**panel.look.values, "order": "change"})
    assert [bar["key"] for bar in panel.bars.bars][-1] == "blue"
    browser_sets(panel.bars, selected="blue")
    assert panel.concept == "blue" and panel.bars.picture().size[0] > 0
    figure = panel.result.plot(top=1)
    assert [label.get_text() for label in figure.axes[1].get_xticklabels()] == ["red", "blue"]
    assert [text.get_text() for text in figure.axes[1].texts] == [" only generated"]
    assert panel.result.shown(1) == (0, 1) and panel.result.shown() == (0, 3, 1)


def test_every_name_in_the_title_has_a_column(make):
    """Also the smallest of forty concepts, which is not among those with most area."""
    from ganwidgets.coverage.panel_views import TOP, bars, bars_words
    from ganwidgets.coverage.statistics import compare
    from ganwidgets.nn.areas import AreaCounts

    def counted(smallest):
        counts = np.tile([100, *range(41, 2, -1), smallest], (30, 1))
        counts[:, 0] -= np.arange(30)  # what has no name varies
        parts = {"numbers": np.arange(30), "counts": counts, "slots": np.array(1), "pixels": np.array(5000)}
        return AreaCounts.from_state({name: torch.from_numpy(part) for name, part in parts.items()})

    about = dict.fromkeys(("network", "fingerprint", "data", "data_fingerprint", "segmenter", "labels"), "x")
    names = tuple(f"c{i}" for i in range(40))
    about |= {"concepts": names, "categories": names, "slots": ("s",), "options": {}}
    found = compare(counted(2), counted(0), about, resamples=20, permutations=100, halves=None)
    assert found.under == ("c39",) and "c39" in bars_words(found, "done")[0]
    assert [bar["key"] for bar in bars(found)] == [*names[:TOP], "c39"]


def test_a_distance_without_a_floor_is_drawn_without_one(make):
    figure = make(n=3).result.plot()
    assert "FSD" in figure.get_suptitle() and "nan" not in figure.get_suptitle()


def test_a_setting_of_another_name_is_refused_before_anything_runs(make):
    with pytest.raises(TypeError, match="`fitt` must be one of the settings"):
        make(fitt="crop")


def test_while_images_come_in_nothing_is_named(make):
    panel = make(run=False)
    seen = []
    panel.bars.observe(lambda change: seen.append((panel.bars.title, change.new)), "bars")
    panel.comparing._settings["batch"] = 10
    panel.run()
    assert len(seen) > 1 and all(bar["verdict"] == "" for _, bars in seen[:-1] for bar in bars)
    assert all(bar["area"] > 0 for _, bars in seen[:-1] for bar in bars)
    assert [bar["verdict"] for bar in seen[-1][1]] == ["less", "less", "more"]


def test_it_waits_with_words_until_it_is_run(make):
    panel = make(run=False)
    assert panel.bars.bars == [] and panel.bars.message == "Nothing is compared yet. Press Run."
    assert panel.run_bar.status == "idle" and panel.distance.message == "Not measured yet."
    assert panel.photos.message == "Choose a concept: a column of the figure." and panel.photo_bar.disabled
    assert panel.snippet.code == "" and panel.downloads.disabled == {"result": "nothing is compared yet"}
    browser_asks(panel.run_bar, "run")
    panel.wait(30.0)
    assert panel.run_bar.status == "done" and len(panel.bars.bars) == 3


def test_bars_are_ordered_by_what_is_most_lost(make, red_photos):
    red_photos[:30, 2, 8:] = 1  # half of the data also have blue, eight times as much as the generator draws
    red_photos[:30, :2, 8:] = -1
    panel = make(data=red_photos)
    assert [bar["key"] for bar in panel.bars.bars] == ["red", "blue", "red top"]
    browser_sets(panel.look, values={**panel.look.values, "order": "change"})
    assert panel.bars.bars[0]["key"] == "blue"
    changes = [bar["change"] for bar in panel.bars.bars]
    assert changes == sorted(changes)


def test_the_distance_stands_beside_its_floor(make):
    panel = make()
    found, curve = panel.result.fsd, panel.distance
    assert curve.lines[0]["x"][-1] == 60 and curve.lines[0]["y"][-1] == pytest.approx(found.distance)
    assert curve.band["low"][0] == pytest.approx(found.floor_interval[0])
    assert curve.title.startswith("Fréchet segmentation distance ") and "two sets of the data 0" in curve.title
    assert "With infinitely many images" in curve.note and "Means add" in curve.note
    assert "Two sets of the data, 60 images each: 0" in curve.note and "these sets are farther apart." in curve.note
    adds = {bar["key"]: bar["value"] for bar in panel.adds.bars}
    assert adds["red"] == pytest.approx(found.contributions[0].sum(), abs=1e-3) and next(iter(adds)) == "red"


def test_a_distance_whose_interval_holds_0_is_not_said_to_stay(make):
    from dataclasses import replace

    from ganwidgets.coverage.panel_views import distance_words

    result = make().result
    for interval, told in (((-2.0, 9.0), True), ((0.5, 9.0), False)):
        found = replace(result.fsd, interval=interval, debiased=3.0, floor=1.0, floor_interval=(0.0, 2.0), distance=4.0)
        note = distance_words(replace(result, fsd=found), "done")[1]
        assert "these sets are farther apart" in note and ("the interval holds 0" in note) is told
    within = replace(found, distance=1.5, interval=(-2.0, 3.0))
    note = distance_words(replace(result, fsd=within), "done")[1]
    assert "these sets are no farther apart." in note and "holds 0" not in note


def test_a_setting_that_was_changed_since_is_said(make):
    panel = make()
    assert panel.run_bar.note == ""
    for name, value in (("n", 50), ("seed", 3), ("truncation", 1.0)):
        was = getattr(panel.comparing, name)
        setattr(panel.comparing, name, value)
        assert panel.run_bar.note == "A setting has changed: press Run", name
        setattr(panel.comparing, name, was)
        assert panel.run_bar.note == ""


def test_numbers_are_written_to_three_digits():
    from ganwidgets.coverage.panel_views import number

    assert [number(value) for value in (428.4, 15.63, 13.0, 0.0, 0.0412)] == ["428", "15.6", "13.0", "0", "0.0412"]


# Concepts


def test_the_verdict_says_what_speaks_for_and_against_it(make):
    from ganwidgets.coverage.panel_photos_views import verdict

    panel = make(n=40)
    panel.concept = "red top"
    panel.wait(30.0)
    found = replace(panel.omitting.result, named=True)
    told = "photos lose 100% of it and 50% of other concepts, its own pictures 0%"
    assert verdict(found) == f"Red top is left out: {told}"
    rare = replace(found, control_kind="other concepts", control_lost=0.1)
    assert verdict(rare).endswith("its own pictures, which hardly show it, 10% of other concepts")
    found, doubt = replace(found, named=False), "Red top is not shown to be left out: photos lose 100% of it"
    assert verdict(found) == f"{doubt}, but also 50% of other concepts of its size"
    alone = replace(found, others=float("nan"))
    assert verdict(alone).startswith(f"{doubt}, its own pictures 0%, but no other concept")
    little = replace(found, excess_interval=(0.1, 1.0), margin=0.25)
    assert verdict(little) == f"{doubt}, its own pictures 0%: not surely 25 points more"
    unsure = replace(found, excess_interval=(-0.1, 1.0), control_lost=0.8)
    assert verdict(unsure) == f"{doubt}, and its own pictures 80%, so it may be the search"


def test_a_click_on_a_column_shows_photos_beside_their_inversions(make):
    from ganwidgets.coverage.panel_photos_views import verdict

    panel = make(n=40)
    browser_sets(panel.bars, selected="red top")
    panel.wait(30.0)
    assert panel.concept == "red top" == panel.look.values["concept"]
    assert panel.search.asked and panel.search.asked[0][1:] == ("ridge+z", 200)
    found = panel.omitting.result
    assert found.concept == "red top" and found.lost == 1
    assert panel.photos.title == verdict(found)
    tiles = pixels(panel.photos.sheets["red top"])
    assert len(tiles) == 6 * 4 and panel.photos.sheets["red top"]["columns"] == 4
    photo, spotlit, drawn, drawn_spotlit = tiles[:4]
    assert photo[4, 4, 0] - photo[4, 4, 1] > 200 and photo[12, 4, 0] - photo[12, 4, 1] > 200
    assert spotlit[4, 4, 0] > 200 and spotlit[12, 4, 0] < 80  # only the upper half is lit
    assert abs(drawn[4, 4] - 128).max() < 8 and drawn[12, 4, 0] > 200 and drawn_spotlit[:8].max() < 60
    assert panel.photos.captions[1:4] == ["red top 25 %", "inversion", "100 % lost"]
    assert [entry["name"] for entry in panel.photos.sheets["segmentation"]["legend"]] == ["red", "red top"]
    assert [bar["value"] for bar in panel.losses.bars][:1] == [100]
    assert "Beyond the control +100 points (95 % +100 to +100)." in panel.kept.note
    groups = [point["group"] for point in panel.kept.points]
    assert groups.count("photos") == 12 and all(p["y"] == 0 for p in panel.kept.points if p["group"] == "photos")


def test_pages_of_photos_and_of_the_control(make):
    panel = make(n=60)
    panel.concept = "red top"
    panel.wait(30.0)
    options = [option["value"] for option in panel.pages.fields[0]["options"]]
    assert options == ["photos 0", "photos 6", "own pictures 0", "own pictures 6"]
    before = panel.photos.captions
    browser_sets(panel.pages, values={"page": "own pictures 6"})
    assert panel.photos.captions != before and panel.photos.captions[0].startswith("own ")
    assert panel.photos.captions[3] == "0 % lost"


def test_photos_that_were_searched_for_with_other_settings_are_told(make):
    panel = make(n=40)
    panel.concept = "red top"
    panel.wait(30.0)
    assert panel.photo_bar.note == ""
    browser_sets(panel.photo_settings, values={"n": 12, "steps": 7})
    assert panel.photo_bar.note == "A setting has changed: press Run."
    browser_asks(panel.photo_bar, "run")
    panel.wait(30.0)
    assert panel.photo_bar.note == "" and panel.omitting.result.settings["steps"] == 7


def test_nothing_is_searched_for_before_somebody_asks(make):
    panel = make()
    assert panel.concept == "" and panel.search.asked == []
    wanted = "Choose a concept: a column of the figure, such as red."
    assert panel.photos.message == panel.largest["data"].message == wanted
    panel.concept = "red"
    panel.wait(30.0)
    assert len(panel.search.asked) == 2
    assert panel.photos.title.startswith("Red is not shown to be left out: photos lose 50% of it, ")
    browser_asks(panel.photo_bar, "run")
    panel.wait(30.0)
    assert len(panel.search.asked) == 4
    browser_sets(panel.bars, selected="")
    assert panel.concept == "" and panel.photos.sheets == {} == panel.largest["data"].sheets


def test_a_concept_chosen_while_images_are_counted_waits_for_them(make):
    panel = make(run=False)
    panel.concept = "red top"
    assert panel.search.asked == [] and panel.omitting.status == "idle"
    panel.comparing.run()
    panel.wait(30.0)
    assert panel.concept == "red top" and len(panel.search.asked) == 2


def test_without_search_a_choice_only_shows_what_there_is(make):
    panel = make(search=False)
    panel.concept = "red top"
    panel.wait(30.0)
    assert panel.search.asked == [] and panel.omitting.result is None
    assert panel.photos.message == "Press Run to see photos with red top beside what the generator makes of them."
    assert panel.largest["data"].title == "Most red top among 60 images of the data"


def test_images_in_which_a_concept_is_largest(make):
    panel = make(search=False)
    browser_sets(panel.look, values={**panel.look.values, "concept": "blue"})
    panel.wait(30.0)
    data, generated = panel.largest["data"], panel.largest["generated"]
    assert data.sheets == {} and data.message == "None of 60 images of the data shows blue."
    assert generated.title == "Most blue among 60 generated pictures" and generated.captions[0] == "1.56 %"
    assert list(generated.sheets) == ["pictures", "blue", "segmentation"]
    lit = pixels(generated.sheets["blue"])[0]
    assert lit[8:10, 12:14, 2].min() > 150 and lit[:4, 8:].max() < 80


def test_what_the_session_refuses_goes_back_with_the_reason(make):
    panel = make(search=False)
    browser_sets(panel.settings, values={"n": 1})
    assert panel.settings.values["n"] == 60 and "`n` must lie in" in panel.run_bar.error
    browser_sets(panel.settings, values={"n": 50})
    assert panel.n == 50 and panel.run_bar.error == ""
    with pytest.raises(TraitError, match="`concept` must be one of"):
        panel.concept = "gold"
    assert panel.concept == "" == panel.bars.selected


# What cannot be shown


def test_what_went_wrong_is_said_in_the_panel(make, red_photos, reader):
    from ganwidgets.segment import LabelledArrays

    one = make(data=red_photos[:1])
    assert one.run_bar.status == "failed" and "at least 2 images" in one.run_bar.error
    masks = np.zeros((8, 1, 16, 16), np.uint8)
    labelled = LabelledArrays(np.zeros((8, 16, 16, 3), np.uint8), masks, ["red", "gold"], slots=["object"])
    other = make(data=labelled, labels="own")
    assert "only the data have 'gold'" in other.run_bar.error and other.bars.message
    few = make(n=4, data=red_photos[:3])
    assert few.run_bar.status == "done" and "fewer than the 4 asked for" in few.run_bar.note
    assert "covariance" in few.distance.note
    none = make(segmenter=None)
    assert none.run_bar.disabled.startswith("`segmenter=` is needed") and none.comparing.status == "idle"


def test_data_must_be_given_for_a_generator_that_is_not_bundled(planted, reader):
    from ganwidgets.coverage.panel import panel

    with pytest.raises(TypeError, match="`data` must say what 'planted' should draw"):
        panel(planted, segmenter=reader)


# What is taken away


def test_the_code_repeats_what_is_shown(make):
    panel = make(truncation=2.0)
    panel.concept = "red top"
    panel.wait(30.0)
    lines = panel.snippet.code.splitlines()
    assert "# G is your generator" in lines and "# data are your images" in lines
    options = "n=60, seed=1, truncation=2.0, resamples=50, permutations=100, halves=20"
    assert f"found = gw.coverage.coverage(G, data, S, {options})" in lines
    assert "found.largest('red top'), found.largest('red top', 'generated')" in lines
    call = "gw.coverage.omissions(G, data, S, 'red top', n=12, strategy='ridge+z', steps=200, known=found).to_frame()"
    assert call in lines


@pytest.mark.parametrize("concepts", [("red", "blue", "green", "red top"), ("red top", "gold")])
def test_the_code_runs_for_labels_of_the_data(make, planted, reader, red_photos, concepts):
    """What it counts by other labels, or of fewer concepts, is not given to `omissions`, which would refuse it."""
    from ganwidgets.segment import LabelledArrays

    masks = np.zeros((60, 1, 16, 16), np.uint8)
    masks[:, :, :8, :8] = concepts.index("red top") + 1
    data = LabelledArrays(red_photos, masks, concepts, slots=["object"])
    panel = make(data=data, labels="own", common=True, seed=2, truncation=2.0, fit="stretch", forgets=24)
    panel.concept = "red top"
    panel.wait(30.0)
    assert panel.omitting.error == ""
    *setup, call = panel.snippet.code.splitlines()
    wanted = "n=12, strategy='ridge+z', steps=200, pool=60, seed=2, truncation=2.0, fit='stretch').to_frame()"
    assert call == f"gw.coverage.omissions(G, data, S, 'red top', {wanted}"
    space = {"G": planted, "S": reader, "data": data}
    exec("\n".join(setup), space)
    assert space["found"].options == panel.result.options
    by_hand = call.replace(".to_frame()", "").replace("strategy=", "reconstruct=lambda images: images, strategy=")
    found = eval(by_hand, space)
    assert found.photos.numbers.tolist() == sorted(panel.omitting.result.photos.numbers.tolist())


def test_the_result_is_a_download_that_opens(make, tmp_path):
    from ganwidgets.coverage import load

    panel = make()
    name, content = panel.downloads._makers["result"]()
    assert name == "coverage-planted.gwc" and panel.downloads.disabled == {}
    (tmp_path / name).write_bytes(content)
    again = make(result=load(tmp_path / name))
    assert again.result.under == panel.result.under and again.run_bar.status == "done"
    assert again.bars.bars == panel.bars.bars


def test_a_page_shows_the_figure_without_python(make, tmp_path):
    panel = make()
    page = panel.to_html(tmp_path / "coverage.html").read_text()
    assert "Too little: red, red top" in page and page.count("<script") >= 1
    data, _ = panel._repr_mimebundle_()
    assert data["image/png"] and data["text/plain"].startswith("Panel('planted'")


def test_the_class_that_is_picked_is_compared(make, planted, reader, red_photos):
    from ganwidgets.models.conditional import ConditionalGenerator

    class Told(nn.Module):
        """Always red for the first class, never for the second."""

        def __init__(self):
            super().__init__()
            self.layers = planted.module

        def forward(self, z: torch.Tensor, c: torch.Tensor) -> torch.Tensor:
            return self.layers((c[:, :1] - c[:, 1:]) * (z.abs() + 0.1))

    panel = make(ConditionalGenerator(Told(), (4,), ["painted", "plain"], "told"), search=False, run=False)
    browser_sets(panel.classes, values={"class": 1})
    panel.run()
    assert "red" in panel.result.under and "G = G.with_label('plain')" in panel.snippet.code
    browser_sets(panel.classes, values={"class": 0})
    assert panel.result is None and panel.bars.bars == []
    panel.run()
    assert "red" not in panel.result.under
    browser_sets(panel.classes, values={"class": 1})
    panel.wait(30.0)
    assert "red" in panel.result.under


@pytest.mark.slow
def test_the_bundled_world_needs_no_more_arguments(quiet):
    import ganwidgets as gw

    panel = gw.coverage.panel("scenes", n=40).wait(60.0)
    assert panel.result.complete and panel.result.data == "drawn scenes" and panel.run_bar.error == ""
    assert "gw.load('scenes')" in panel.snippet.code and "coverage(G, 'scenes', S, n=40, seed=1)" in panel.snippet.code
    panel.close()
