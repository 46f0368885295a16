"""The session by assigning traits and painting: every stroke stays, the newest picture wins, bad strokes go again."""

import json
import threading
import time

import numpy as np
import pytest
import torch
from traitlets import TraitError


def box(rows=(4, 8), columns=(10, 14), size=(16, 16)):
    region = np.zeros(size, np.float32)
    region[slice(*rows), slice(*columns)] = 1
    return region


def red(picture):
    return picture[..., 0].astype(int) - picture[..., 1] > 128


@pytest.fixture(scope="module")
def dissection(planted, reader):
    from ganwidgets.dissect import run

    return run(planted, segmenter=reader, layers=["layer1", "layer2"], n=70, top_fraction=0.3, resamples=20)


@pytest.fixture
def make(planted, reader):
    from ganwidgets.paint import PaintController

    made = []

    def make(network=planted, segmenter=reader, dissection=None, **traits):
        traits = {"n_scenes": 4, **({} if dissection else {"layer": "layer1"}), **traits}
        made.append(PaintController(network, segmenter, dissection, **traits))
        made[-1].wait(20.0)
        return made[-1]

    yield make
    for controller in made:
        controller.close()


@pytest.fixture
def slow():
    """A planted network that takes a while above its first layer, and how often that ran."""
    from ganwidgets.testing import planted_generator

    network, ran = planted_generator(), []

    def wait(*given):
        ran.append(1)
        time.sleep(0.03)

    network.module.layer2.register_forward_hook(wait)
    return network, ran


@pytest.fixture
def bad():
    """A stroke whose values the next layer doubles beyond what a float holds."""
    from ganwidgets.paint import Stroke

    return lambda value=3e38, **options: Stroke("layer1", [0], box(), value, concept="red", **options)


def test_a_stroke_shows_where_it_was_painted(make, planted):
    controller = make(units=(0,))
    assert (controller.before == controller.after).all() and not controller.difference.any()
    plain = red(controller.before)
    stroke = controller.paint(box())
    assert controller.strokes == (stroke,)  # acknowledged before anything is drawn
    controller.wait(10.0)
    assert controller.after.shape == (16, 16, 3) and controller.after.dtype == np.uint8
    np.testing.assert_array_equal(red(controller.after), plain | (box() > 0))
    np.testing.assert_array_equal(controller.difference > 0, (controller.before != controller.after).any(-1))
    assert controller.shown.strokes == (stroke,) and controller.status == "done" and controller.error == ""


def test_undo_redo_mute_delete_move_strength_and_clear(make):
    controller = make(units=(0,))
    empty = controller.after
    controller.paint(box())
    controller.wait(10.0)
    painted = controller.after
    controller.mode = "remove"
    controller.paint(box((4, 6)))
    controller.wait(10.0)
    removed = controller.after
    assert not (painted == removed).all()
    for change, expected in (
        (lambda: controller.move(0, 1), painted),
        (lambda: controller.undo(), removed),
        (lambda: controller.mute(1), painted),
        (lambda: controller.mute(1, False), removed),
        (lambda: controller.delete(controller.strokes[1].uid), painted),
        (lambda: controller.set_strength(0, 0.0), empty),
        (lambda: controller.undo(), painted),
        (lambda: controller.clear(), empty),
        (lambda: controller.undo(), painted),
        (lambda: controller.redo(), empty),
    ):
        change()
        controller.wait(10.0)
        np.testing.assert_array_equal(controller.after, expected)
    assert controller.can_undo and not controller.can_redo


def test_200_strokes_faster_than_the_network_are_all_there_and_the_last_picture_has_them(make, slow):
    network, ran = slow
    controller = make(network, segmenter=None, units=(0,), scene=1)
    drawn = []
    controller.observe(lambda change: drawn.append(len(change.new.strokes)), "shown")
    ran.clear()
    strokes = [controller.paint(box((k // 16, k // 16 + 1), (k % 16, k % 16 + 1))) for k in range(200)]
    assert controller.strokes == tuple(strokes)
    controller.wait(20.0)
    assert controller.strokes == tuple(strokes) and controller.shown.strokes == tuple(strokes)
    expected = np.zeros(256, bool)
    expected[:200] = True
    assert red(controller.after).reshape(-1)[:200].all()
    assert drawn[-1] == 200 and drawn == sorted(drawn)
    assert len(ran) < 100  # no backlog: pictures nobody would see were not drawn
    for _ in range(200):
        controller.undo()
    controller.wait(20.0)
    assert controller.strokes == () and (controller.after == controller.before).all()


def test_strokes_from_several_threads_are_all_kept(make, slow, monkeypatch):
    from ganwidgets.paint import StrokeStack

    push = StrokeStack.push
    monkeypatch.setattr(StrokeStack, "push", lambda self, stroke: (time.sleep(0.002), push(self, stroke))[1])
    controller = make(slow[0], segmenter=None, units=(0,))
    given = [[], [], []]
    hands = [
        threading.Thread(target=lambda mine=mine: mine.extend(controller.paint(box()) for _ in range(30)))
        for mine in given
    ]
    for hand in hands:
        hand.start()
    for hand in hands:
        hand.join()
    controller.wait(20.0)
    assert set(controller.strokes) == {stroke for mine in given for stroke in mine} and len(controller.strokes) == 90
    for mine in given:  # each hand's own order
        assert [s for s in controller.strokes if s in mine] == mine
    assert controller.shown.strokes == controller.strokes


def test_only_the_network_above_the_layer_runs_while_one_paints(make):
    from ganwidgets.testing import planted_generator

    network, ran = planted_generator(), []
    controller = make(network, segmenter=None, layer="layer2", units=(0,))
    network.module.layer1.register_forward_hook(lambda *given: ran.append(1))
    controller.paint(box())
    controller.wait(10.0)
    ran.clear()
    for k in range(4):
        controller.paint(box((k, k + 2)))
        controller.wait(10.0)
        controller.undo()
        controller.wait(10.0)
    assert ran == []


def test_strokes_on_two_layers_and_then_only_the_upper(make):
    controller = make(units=(0,))
    controller.paint(box())
    controller.layer, controller.units = "layer2", (1,)
    controller.paint(box((9, 12)))
    controller.wait(10.0)
    both = controller.after
    assert red(both)[5, 12] and both[10, 12].tolist()[2] > 200
    controller.mute(0)
    controller.wait(10.0)
    assert not red(controller.after)[5, 12] and controller.after[10, 12].tolist() == both[10, 12].tolist()


def test_the_picture_comes_before_the_report_and_the_report_grows(make, planted):
    controller, order = make(units=(0,), scene=1), []
    controller.observe(lambda change: order.append("picture"), "shown")
    controller.observe(lambda change: order.append((len(change.new.elsewhere), len(change.new.chance))), "report")
    stroke = controller.paint(box())
    controller.wait(20.0)
    assert order == ["picture", (0, 0), (16, 0), (16, 10)]
    assert controller.report.stroke.uid == stroke.uid and controller.report.changed_inside == 1.0
    controller.undo()
    controller.wait(10.0)
    assert controller.report is None


def test_what_is_shown_settles_after_a_moment_unless_something_newer_comes(make):
    controller = make(units=(0,), segmenter=None)
    controller.settle_delay = 0.2
    seen = []
    controller.observe(lambda change: seen.append((change.name, len(change.new.strokes))), ["shown", "settled"])
    for _ in range(2):
        controller.paint(box())
        controller.wait_for_picture(20.0)
        assert controller.shown.strokes == controller.strokes
    controller.wait(20.0)
    assert seen == [("shown", 1), ("shown", 2), ("settled", 2)] and controller.settled is controller.shown
    controller.clear()
    controller.wait(20.0)
    assert controller.settled.strokes == ()


def test_the_report_is_what_a_script_measures(make, planted, reader, dissection):
    from ganwidgets.paint import report

    controller = make(dissection=dissection, brush="red", scene=2, seed=4)
    controller.paint(box())
    controller.paint(box((2, 6), (8, 12)))
    controller.wait(20.0)
    script = report(planted, controller.strokes, planted.sample_z(3, seed=4)[2:], reader)
    for name in ("inside", "outside", "elsewhere", "chance"):
        np.testing.assert_array_equal(getattr(controller.report, name), getattr(script, name))
    assert controller.report.sentence == script.sentence and "red: +" in script.sentence


def test_brushes_of_the_dissection_and_units_of_one_s_own(make, dissection):
    controller = make(dissection=dissection, brush="red")
    assert controller.layer == "layer1" and controller.units[0] == 0
    assert [brush.concept for brush in controller.brushes][:2] == ["red", "blue"]
    assert len(controller.icons) == len(controller.brushes) and controller.icons[0].shape == (16, 16, 3)
    stroke = controller.paint(box())
    assert (stroke.concept, stroke.name, stroke.value[0]) == ("red", "draw red", 1.0)
    controller.layer = "layer2"
    assert controller.brush == "red"  # the same concept, now by this layer's units
    controller.wait(10.0)
    assert controller.paint(box()).value[0] == 2.0
    controller.units = (5, 4)
    assert controller.brush == "" and controller.paint(box()).concept is None
    controller.brush = "blue"
    assert 1 in controller.units
    controller.layer = "colour"
    assert controller.brushes == () and controller.brush == "" and controller.units == ()
    with pytest.raises(ValueError, match="`units` must name at least one unit"):
        controller.paint(box())
    with pytest.raises(TraitError, match="'colour' was not dissected"):
        controller.brush = "red"


def test_brushes_chosen_in_another_way_are_offered_with_their_own_values(make, dissection):
    from ganwidgets.paint import Brush

    controller = make(dissection=dissection)
    controller.offer(Brush("red", "object", "layer2", (0, 5), (), 500, (1.5, 0.25)))
    controller.wait(10.0)
    assert controller.layer == "layer2" and len(controller.brushes) == len(controller.icons) == 1
    controller.brush = "red"
    assert controller.paint(box()).value.tolist() == [1.5, 0.25]
    with pytest.raises(ValueError, match="`units` must be below 8"):
        controller.offer(Brush("red", "object", "layer2", (8,), (), 500))


def test_a_dissection_can_come_later_and_must_be_of_this_network(make, dissection):
    from ganwidgets.testing import planted_generator

    controller = make()
    assert controller.brushes == ()
    controller.units = (4, 5)
    controller.adopt(dissection)
    controller.wait(10.0)
    assert controller.units == (4, 5) and controller.brush == ""  # what one chose before stays
    controller.brush = "red"
    assert controller.paint(box()).concept == "red"
    with pytest.raises(ValueError, match="`dissection` must be of this network"):
        make(planted_generator(units=9)).adopt(dissection)


def test_a_stroke_that_leaves_nan_is_taken_out_again_and_the_others_stay(make, bad):
    controller = make(units=(0,))
    good = controller.paint(box((0, 2)))
    controller.wait(10.0)
    shown = controller.after
    controller.push(bad())
    assert len(controller.strokes) == 2
    controller.wait(10.0)
    assert controller.strokes == (good,) and [s.name for s in controller.rejected] == ["draw red"]
    assert "'draw red' on 'layer1' puts NaN or infinity into the activations of 'layer2'" in controller.error
    assert "was not applied" in controller.error and (controller.after == shown).all()
    controller.undo()
    assert controller.strokes == () and not controller.can_undo and controller.error == ""
    controller.redo()
    assert controller.strokes == (good,) and not controller.can_redo


def test_bad_strokes_among_many_quick_ones_are_the_only_ones_that_go(make, slow, bad):
    controller = make(slow[0], segmenter=None, units=(1,))
    good = []
    for k in range(40):
        if k in (3, 17, 39):
            controller.push(bad())
        good.append(controller.paint(box((k % 14, k % 14 + 2))))
    controller.wait(20.0)
    assert controller.strokes == tuple(good) == controller.shown.strokes and len(controller.rejected) == 3
    while controller.can_undo:
        controller.undo()
        assert not set(controller.rejected) & set(controller.strokes)


def test_a_change_that_leaves_nan_goes_back_to_the_stroke_before(make, bad):
    controller = make()
    stroke = controller.push(bad(2e38, strength=0.5))
    controller.wait(10.0)
    assert controller.error == "" and controller.strokes == (stroke,)
    controller.set_strength(0, 1.0)
    controller.wait(10.0)
    assert controller.strokes == (stroke,) == controller.shown.strokes and "was not applied" in controller.error


def test_a_network_that_is_broken_itself_is_told_and_blames_no_stroke(make):
    from ganwidgets.testing import planted_generator

    network = planted_generator()
    controller = make(network, units=(0,))
    network.module.colour.bias[:] = float("nan")
    stroke = controller.paint(box())
    controller.wait(10.0)
    assert controller.strokes == (stroke,) and "must be finite" in controller.error and controller.status == "failed"


def test_a_failing_segmenter_is_told_and_painting_goes_on(make, reader):
    class Failing:
        name, concepts, categories, slots = "failing", reader.concepts, reader.categories, reader.slots

        def __call__(self, images):
            raise RuntimeError("no weights for this segmenter")

    controller = make(segmenter=Failing(), units=(0,))
    controller.paint(box())
    controller.wait(10.0)
    assert red(controller.after)[5, 12] and controller.report is None
    assert controller.error == "no weights for this segmenter (RuntimeError)"


def test_save_load_and_the_same_edit_on_many_scenes(make, planted, tmp_path):
    from ganwidgets.nn.images import to_uint8
    from ganwidgets.paint import apply_to_many
    from ganwidgets.testing import planted_generator

    controller = make(units=(0,))
    controller.paint(box())
    path = controller.save(tmp_path / "edit.json")
    assert json.loads(path.read_text())["network"] == "planted"
    other = make()
    other.load(path)
    other.wait(10.0)
    assert [s.units for s in other.strokes] == [(0,)] and (other.after == controller.after).all()
    other.undo()
    assert other.strokes == ()
    stranger = make(planted_generator(units=9))
    with pytest.raises(ValueError, match="painted on 'planted'"):
        stranger.load(path)
    assert stranger.strokes == ()
    stranger.load(path, force=True)
    assert len(stranger.strokes) == 1
    controller.apply_to_many(40, wait=True)
    z = planted.sample_z(40)
    np.testing.assert_array_equal(controller.many_before, to_uint8(planted.images(z)))
    np.testing.assert_array_equal(controller.many_after, to_uint8(apply_to_many(planted, controller.strokes, z)))


def test_a_long_application_can_be_cancelled_and_keeps_what_it_has(make, slow):
    controller = make(slow[0], segmenter=None, units=(0,))
    controller.paint(box())
    controller.wait(10.0)
    controller.observe(lambda change: controller.cancel(), "many_after")
    controller.apply_to_many(320)
    controller.wait(20.0)
    assert controller.status == "cancelled" and 32 <= len(controller.many_after) < 320
    assert len(controller.many_after) == len(controller.many_before)


def test_copy_from_one_scene_and_paste_into_another(make, planted):
    first = (planted.sample_z(4)[:, 0] > 0).numpy()
    source, target = int(first.argmax()), int((~first).argmax())
    controller = make(scene=source)
    with pytest.raises(ValueError, match="`clip` must be there"):
        controller.paste()
    controller.copy(box((4, 8), (2, 6)))
    controller.scene = target
    controller.paste((0, 0.5))
    controller.wait(10.0)
    np.testing.assert_array_equal(red(controller.after), box((4, 8), (10, 14)) > 0)


def test_scenes_are_the_film_strip_and_one_is_painted_on(make, planted):
    from ganwidgets.nn.images import to_uint8

    controller = make(n_scenes=6, scene=5, seed=9)
    pictures = to_uint8(planted.images(planted.sample_z(6, seed=9)))
    np.testing.assert_array_equal(controller.scenes, pictures)
    np.testing.assert_array_equal(controller.before, pictures[5])
    controller.units = (0,)
    controller.paint(box())
    controller.scene = 2
    controller.wait(10.0)
    np.testing.assert_array_equal(controller.before, pictures[2])
    assert red(controller.after)[5, 12]  # strokes go along to another scene
    controller.n_scenes = 2
    controller.wait(10.0)
    assert controller.scene == 1 and len(controller.scenes) == 2


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_any_channels_and_shape(make, channels):
    from ganwidgets.testing import planted_generator

    controller = make(planted_generator(resolution=(16, 24), channels=channels), units=(0,))
    controller.paint(box(columns=(10, 20), size=(16, 24)))
    controller.wait(10.0)
    assert controller.after.shape == (16, 24, 3) and controller.difference.shape == (16, 24)
    assert controller.difference[4:8, 12:20].all() and not controller.difference[9:].any() and controller.error == ""


def test_masks_of_another_size_and_as_png_from_a_browser(make):
    from ganwidgets.nn.regions import to_png

    controller = make(units=(0,))
    large = np.kron(box(), np.ones((50, 50), np.float32))
    for given in (large, (large * 255).astype(np.uint8), to_png(torch.tensor(large))):
        stroke = controller.paint(given)
        assert stroke.region.shape == (16, 16)  # not finer than the picture
        torch.testing.assert_close(stroke.region, torch.tensor(box()))


@pytest.mark.parametrize(
    ("region", "reason"),
    [
        (np.zeros((16, 16)), "`region` must have something painted"),
        (np.full((16, 16), 2.0), r"`region` must lie in \[0, 1\]"),
        (np.ones(16), "must be \\(height, width\\)"),
        (b"\x89PNG\r\n\x1a\n" + bytes(16 * 2**20), "at most 8 MiB, got 16.0 MiB"),
        (np.ones((1, 5000), np.uint8), "at most 4096 × 4096"),
    ],
)
def test_a_refused_stroke_changes_nothing(make, region, reason):
    controller = make(units=(0,))
    controller.paint(box())
    controller.undo()
    controller.wait(10.0)
    with pytest.raises(ValueError, match=reason):
        controller.paint(region)
    assert controller.strokes == () and controller.can_redo and controller.status == "done"


@pytest.mark.parametrize(
    ("trait", "value", "reason"),
    [
        ("layer", "layer3", "Did you mean 'layer2'"),
        ("units", (8,), "`units` must lie in 0 to 7"),
        ("brush", "redd", "Did you mean 'red'"),
        ("strength", 1.5, r"\[0, 1\]"),
        ("seed", -1, "`seed` must lie in"),
        ("scene", 4, "`scene` must lie in 0 to 3"),
        ("n_scenes", 0, "`n_scenes` must lie in"),
        ("mode", "paint", "mode"),
        ("resize", "cubic", "resize"),
    ],
)
def test_a_refused_value_leaves_what_stands(make, dissection, trait, value, reason):
    controller = make(dissection=dissection, brush="red")
    before = getattr(controller, trait)
    with pytest.raises(TraitError, match=reason):
        setattr(controller, trait, value)
    assert getattr(controller, trait) == before


def test_a_layer_without_maps_is_refused(make):
    from ganwidgets.models import TorchGenerator

    module = torch.nn.Sequential(
        torch.nn.Linear(4, 12), torch.nn.Unflatten(1, (3, 2, 2)), torch.nn.Upsample(scale_factor=2)
    )
    controller = make(TorchGenerator(module), segmenter=None, layer="1")
    with pytest.raises(TraitError, match="`layer` must give maps"):
        controller.layer = "0"
    assert controller.layer == "1"


def test_a_refused_change_of_a_stroke_leaves_the_stack(make):
    controller = make(units=(0,))
    stroke = controller.paint(box())
    for change, reason in (
        (lambda: controller.set_strength(0, 1.5), "`strength` must lie in"),
        (lambda: controller.mute(1), "`which` must be the number"),
        (lambda: controller.delete("nobody"), "`which` must be the number"),
        (lambda: controller.move(0, 7), "`which` must be the number"),
    ):
        with pytest.raises(ValueError, match=reason):
            change()
    assert controller.strokes == (stroke,)


def test_outputs_are_read_only_and_close_lets_go(make):
    controller = make(units=(0,))
    with pytest.raises(TraitError):
        controller.after = None
    controller.paint(box())
    controller.close()
    assert controller._canvas._states == {}
