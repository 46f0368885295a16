"""Painting on a photo: the photo outside the brush, the units inside it, one file that reopens."""

import json
import time

import numpy as np
import pytest
import torch

RED, BLUE = 0, 1


@pytest.fixture(scope="module")
def late():
    from ganwidgets.testing.planted_late import planted_late_generator

    return planted_late_generator()


@pytest.fixture(scope="module")
def photo(late):
    from ganwidgets.invert import adapt
    from ganwidgets.testing.planted_late import planted_late_photo

    found = planted_late_photo(late)
    return found.with_adaptation(adapt(late, found, form="maps", steps=40, rate=0.03))


@pytest.fixture
def make(late, photo, reader):
    from ganwidgets.invert import refining_edit
    from ganwidgets.paint import PaintController

    made = []

    def make(inversion=photo, **traits):
        options = {"inversion": inversion, "refining": refining_edit, "layer": "layer1", "n_scenes": 1, **traits}
        made.append(PaintController(late, reader, **options))
        made[-1].wait(30.0)
        return made[-1]

    yield make
    for controller in made:
        controller.close()


def box(rows, columns, size=(32, 32)):
    region = torch.zeros(size)
    region[slice(*rows), slice(*columns)] = 1
    return region


def stroke(region, units=(RED,), sign="remove", **more):
    from ganwidgets.paint import Stroke

    return Stroke("layer1", units, region, 0.0, sign, **more)


# The canvas


def test_without_strokes_it_is_the_photo_itself(late, photo):
    from ganwidgets.paint.canvas import Scene
    from ganwidgets.paint.photo_canvas import PhotoCanvas

    canvas = PhotoCanvas(late, photo)
    assert torch.equal(canvas.draw(Scene(3, 5), [])[0], photo.image)
    muted = stroke(box((0, 8), (0, 8)), muted=True)
    assert torch.equal(canvas.draw(Scene(1, 0), [muted])[0], photo.image)
    assert canvas.outside([muted]) is None


def test_units_draw_inside_and_the_photo_stays_outside(late, photo):
    from ganwidgets.paint.canvas import Scene
    from ganwidgets.paint.photo_canvas import PhotoCanvas

    canvas, region = PhotoCanvas(late, photo), box((0, 8), (0, 8))
    image = canvas.draw(Scene(1, 0), [stroke(region)])[0]
    assert photo.image[0, :8, :8].min() > 0.7
    assert image[0, :7, :7].abs().max() < 0.05  # the red is gone
    assert torch.equal(image[:, 13:], photo.image[:, 13:])
    assert torch.equal(image[:, :, 13:], photo.image[:, :, 13:])
    errors = canvas.outside([stroke(region)])
    assert errors.shown <= 1 / 255
    assert errors.shown <= errors.drawn
    assert not errors.refined


def test_the_maps_are_let_go_under_the_brush_only(late, photo):
    """Red set to 1 gives the network's own red inside, and the photo's stronger red right outside."""
    from ganwidgets.paint import Stroke
    from ganwidgets.paint.photo_canvas import PhotoCanvas

    canvas, region = PhotoCanvas(late, photo), box((0, 8), (0, 8))
    drawn = canvas.drawn([Stroke("layer1", [RED], region, 1.0)])
    assert torch.allclose(drawn[0, :8, :8], torch.tensor(0.5))
    assert torch.allclose(drawn[:, 8:], photo.adaptation.image[:, 8:], atol=1e-5)
    half = canvas.drawn([Stroke("layer1", [RED], region, 1.0, strength=0.5)])
    assert torch.allclose(half[0, :8, :8], (drawn[0, :8, :8] + photo.adaptation.image[0, :8, :8]) / 2, atol=1e-5)


def test_strokes_of_late_layers_lie_over_the_maps(late, photo):
    from ganwidgets.paint import Stroke
    from ganwidgets.paint.photo_canvas import PhotoCanvas

    canvas, region = PhotoCanvas(late, photo), box((0, 8), (0, 8))
    for layer in ("layer2", "layer3"):
        drawn = canvas.drawn([Stroke(layer, [RED], region, 1.6)])
        assert torch.allclose(drawn[0, :8, :8], torch.tensor(0.8), atol=1e-5)


def test_the_network_is_not_touched(late, photo):
    from ganwidgets.paint.canvas import Scene
    from ganwidgets.paint.photo_canvas import PhotoCanvas

    z = late.sample_z(3)
    images, fingerprint = late.images(z), late.fingerprint
    PhotoCanvas(late, photo).draw(Scene(1, 0), [stroke(box((0, 8), (0, 8)))])
    assert torch.equal(late.images(z), images)
    assert late.fingerprint == fingerprint


def test_weights_that_change_in_place_make_another_picture(photo):
    from ganwidgets.paint.canvas import Scene
    from ganwidgets.paint.photo_canvas import PhotoCanvas
    from ganwidgets.testing.planted_late import planted_late_generator

    network, strokes = planted_late_generator(), [stroke(box((0, 8), (0, 8)))]
    canvas = PhotoCanvas(network, photo)
    canvas.refine(strokes, photo.image)
    before = canvas.pictures(Scene(1, 0), strokes)
    canvas.refine(strokes, None)
    live = canvas.drawn(strokes)
    canvas.refine(strokes, photo.image)
    network.module.layer1.areas *= 0.5  # below where a run is cut
    after = canvas.pictures(Scene(1, 0), strokes)
    assert before["refined"] and not after["refined"]
    assert not canvas.outside(strokes).refined
    assert torch.allclose(canvas.drawn(strokes)[2, 16, 24], live[2, 16, 24] / 2, atol=1e-5)
    assert not torch.equal(canvas.drawn(strokes), photo.image)


def test_a_photo_of_another_network_is_refused(planted, photo):
    from ganwidgets.paint.photo_canvas import PhotoCanvas

    with pytest.raises(ValueError, match="invert it again"):
        PhotoCanvas(planted, photo)


# The session


def test_the_scene_is_the_photo(make, photo):
    session = make()
    assert session.scenes.shape == (1, 32, 32, 3)
    assert np.array_equal(session.before, session.scenes[0])
    assert np.array_equal(session.after, session.before)
    assert session.outside is None
    assert session.inversion is photo


def test_paint_report_undo_and_others(make):
    session = make()
    session.units = (RED,)
    session.mode = "remove"
    session.paint(box((0, 8), (0, 8)))
    session.wait(30.0)
    assert session.error == ""
    assert session.report.changed_inside > 0.7
    assert session.report.changed_outside < 0.1
    red = session.report.concepts.index("red")
    assert session.report.inside[0, red] > session.report.inside[1, red]
    assert session.outside.shown <= 1 / 255
    session.apply_to_many(4, wait=True)
    assert session.many_after.shape == (4, 32, 32, 3)
    assert not np.array_equal(session.many_after, session.many_before)
    session.undo()
    session.wait(30.0)
    assert np.array_equal(session.after, session.before)


def test_a_stroke_that_breaks_the_picture_is_taken_out(make):
    session = make()
    session.units, session.mode = (RED,), "add"
    from ganwidgets.paint import Stroke

    session.push(Stroke("layer1", (RED,), box((0, 8), (0, 8)), 3e38, "add"))
    session.push(Stroke("layer1", (RED,), box((0, 8), (0, 8)), 3e38, "add"))
    session.wait(30.0)
    assert len(session.strokes) < 2
    assert session.rejected
    assert "finite" in session.error


def test_refined_until_the_strokes_change(make):
    session = make()
    session.push(stroke(box((0, 8), (0, 8))))
    session.wait(30.0)
    live = session.after.copy()
    session.refine(steps=15, wait=True)
    session.wait(30.0)
    assert session.refined
    assert session.outside.refined
    assert session.refining == ""
    refined = session.after.copy()
    session.push(stroke(box((20, 30), (0, 8))))
    session.wait(30.0)
    assert not session.refined
    session.undo()
    session.wait(30.0)
    assert session.refined  # those strokes were refined
    assert np.array_equal(session.after, refined)
    session.unrefine()
    session.wait(30.0)
    assert np.array_equal(session.after, live)


def test_cancel_keeps_the_best_so_far(make):
    session = make()
    session.push(stroke(box((0, 8), (0, 8))))
    session.wait(30.0)
    session.refine(steps=100_000)
    while not session.refining.startswith("step"):
        time.sleep(0.01)
    session.cancel_refining()
    session.wait(30.0)
    assert session.refined
    assert session.refining == ""
    assert session.error == ""


def test_a_new_stroke_ends_a_refinement(make):
    session = make()
    session.push(stroke(box((0, 8), (0, 8))))
    session.wait(30.0)
    session.refine(steps=100_000)
    session.push(stroke(box((20, 30), (0, 8))))
    session.wait(30.0)
    assert not session.refined
    assert session.refining == ""
    assert session.status == "done"


def test_a_refinement_that_is_interrupted_leaves_nothing(make):
    session = make()
    session.push(stroke(box((0, 8), (0, 8))))
    session.wait(30.0)
    live = session.after.copy()
    for finished in (False, True):
        if finished:
            session.refine(steps=3, wait=True)
            session.wait(30.0)
        kept = session.after.copy()
        session.refine(steps=100_000)
        while not session.refining.startswith("step"):
            time.sleep(0.01)
        session.undo()
        session.wait(30.0)
        session.redo()
        session.wait(30.0)
        assert session.refined == finished  # what was refined before stays
        assert np.array_equal(session.after, kept)
    session.unrefine()
    session.wait(30.0)
    assert np.array_equal(session.after, live)


def test_a_refinement_is_told_the_brush_and_how_far_maps_are_let_go(make):
    told = []

    def refining(network, inversion, edits, brush, *, released, **options):
        told.extend((brush.max(), released.max(), bool((brush[:8, :8] == 1).all())))
        raise ValueError("`network` was only asked")
        yield

    session = make(refining=refining)
    session.push(stroke(box((0, 8), (0, 8)), strength=0.5))
    session.wait(30.0)
    session.refine(wait=True)
    assert told == [1, 0.5, True]


def test_what_cannot_be_refined(make, planted):
    from ganwidgets.paint import PaintController

    session = make()
    with pytest.raises(ValueError, match="something to refine"):
        session.refine()
    session._refining = None
    with pytest.raises(ValueError, match="`refining` must be given"):
        session.refine()
    plain = PaintController(planted, layer="layer1")
    with pytest.raises(ValueError, match="needs a photo"):
        plain.refine()
    with pytest.raises(ValueError, match="no photo to save"):
        plain.photo_bytes()
    plain.close()


def test_a_failure_of_the_refinement_is_said(make):
    def failing(*given, **options):
        raise ValueError("`network` must let gradients through")
        yield

    session = make(refining=failing)
    session.push(stroke(box((0, 8), (0, 8))))
    session.wait(30.0)
    session.refine(wait=True)
    assert "gradients" in session.error
    assert session.refining == ""


# The file


@pytest.mark.parametrize("refined", [False, True])
def test_one_file_reopens_to_the_same_picture(make, tmp_path, late, refined):
    session = make()
    session.push(stroke(box((0, 8), (0, 8))))
    session.wait(30.0)
    if refined:
        session.refine(steps=8, wait=True)
        session.wait(30.0)
    session.save_photo(tmp_path / "photo.safetensors")
    other = make(inversion=session.inversion.with_adaptation(None))
    other.load_photo(tmp_path / "photo.safetensors")
    other.wait(30.0)
    assert np.abs(other.after.astype(int) - session.after).max() <= 1
    assert other.refined == refined
    assert len(other.strokes) == 1


def test_in_python(late, photo, tmp_path):
    from ganwidgets.paint import load_photo, save_photo

    path = save_photo(tmp_path / "p.safetensors", photo, late, [stroke(box((0, 8), (0, 8)))])
    found = load_photo(path, late)
    assert found.inversion.photo_sha256 == photo.photo_sha256
    assert found.strokes[0].units == (RED,)
    picture = found.picture(late)
    assert torch.allclose(picture[:, 13:], photo.image[:, 13:])


def test_another_network_is_refused_unless_forced(late, photo, planted, tmp_path):
    from ganwidgets.paint import load_photo, save_photo
    from ganwidgets.testing.planted_late import planted_late_generator

    path = save_photo(tmp_path / "p.safetensors", photo, late, [stroke(box((0, 8), (0, 8)))])
    other = planted_late_generator()
    other.module.layer2[1].weight.data *= 0.9
    with pytest.raises(ValueError, match="force=True"):
        load_photo(path, other)
    forced = load_photo(path, other, force=True)
    assert forced.inversion.network_fingerprint == other.fingerprint
    with pytest.raises(ValueError, match="network's size"):
        load_photo(path, planted, force=True)


def _parts(content):
    from safetensors.torch import load

    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    return load(content), json.loads(header["__metadata__"]["ganwidgets"])


def _written(tensors, about):
    from safetensors.torch import save

    return save(tensors, {"ganwidgets": json.dumps(about)})


@pytest.mark.parametrize(
    "lie",
    [
        lambda t, a: a.update(format="weights"),
        lambda t, a: a.update(version=True),
        lambda t, a: a.update(photo_sha256="1" * 64),
        lambda t, a: a.pop("inversion"),
        lambda t, a: a.pop("strokes"),
        lambda t, a: a["strokes"].update(strokes=[{"layer": "layer1"}]),
        lambda t, a: a["inversion"].update(residuals=["nowhere"]),
        lambda t, a: a["inversion"]["adaptation"].update(scales=["layer1"]),
        lambda t, a: a["inversion"]["adaptation"].update(scales=["nowhere"]),
        lambda t, a: t.update({"refined": torch.full((3, 32, 32), 9.0)}),
        lambda t, a: t.update({"refined": torch.zeros(3, 4, 4)}),
        lambda t, a: t.update({"inversion/latent": torch.zeros(1, 9)}),
        lambda t, a: t.update({"inversion/image": torch.zeros(3, 4, 4)}),
        lambda t, a: t.pop("inversion/latent"),
    ],
)
def test_lies_are_refused(late, photo, lie):
    from ganwidgets.paint.photo_files import PaintedPhoto, from_bytes, to_bytes

    content = to_bytes(PaintedPhoto(photo, (stroke(box((0, 8), (0, 8))),)), late)
    tensors, about = _parts(content)
    from_bytes(_written(tensors, about), late)  # as it is, it is fine
    lie(tensors, about)
    with pytest.raises(ValueError, match=r"."):
        from_bytes(_written(tensors, about), late)


@pytest.mark.parametrize("content", [b"", b"\x80\x04pickle", b"\xff" * 64, b"{}"])
def test_other_bytes_are_refused(late, content):
    from ganwidgets.paint.photo_files import from_bytes

    with pytest.raises(ValueError, match="truncated or another format"):
        from_bytes(content, late)


# The panel


def test_the_panel_of_a_photo(late, photo, reader, tmp_path):
    import ganwidgets as gw

    panel = gw.paint.panel(photo, None, reader, network=late, layer="layer1", run=False, key="photo")
    panel.wait(30.0)
    assert panel.photo.facts.facts[0]["label"] == "Found again"
    assert panel.photo.refine_bar.disabled == "nothing is painted"
    assert panel.scenes not in panel.layout.children
    panel.painting.push(stroke(box((0, 8), (0, 8))))
    panel.wait(30.0)
    assert panel.photo.refine_bar.disabled == ""
    assert panel.photo.facts.facts[2]["label"] == "Off outside the brush"
    panel.painting.refine(steps=3, wait=True)
    panel.wait(30.0)
    assert panel.photo.refine_bar.status == "done"
    name, content = panel._file("photo")
    assert name == "planted late-photo.safetensors"
    path = tmp_path / name
    path.write_bytes(content)
    again = gw.paint.panel(path, None, reader, network=late, layer="layer1", run=False, key="again")
    again.wait(30.0)
    assert len(again.strokes) == 1
    assert np.abs(again.painting.after.astype(int) - panel.painting.after).max() <= 1
    again.painting.clear()
    again.photo._open("p.safetensors", content)
    again.wait(30.0)
    assert len(again.strokes) == 1
    panel.close()
    again.close()


def test_the_panel_opens_a_plain_inversion(late, photo, reader, planted, tmp_path):
    import ganwidgets as gw
    from ganwidgets.results import inversion_files

    path = photo.save(tmp_path / "inversion.safetensors")
    panel = gw.paint.panel(path, None, reader, network=late, layer="layer1", run=False, key="plain")
    panel.wait(30.0)
    assert panel.painting.inversion.photo_sha256 == photo.photo_sha256
    panel.painting.push(stroke(box((0, 8), (0, 8))))
    panel.photo._open("inversion.safetensors", inversion_files.to_bytes(photo.with_adaptation(None)))
    panel.wait(30.0)
    assert panel.painting.inversion.adaptation is None and not panel.strokes
    with pytest.raises(ValueError, match="latent"):
        panel.photo._open("lie", inversion_files.to_bytes(photo.replaced(latent=torch.zeros(1, 9))))
    panel.close()
    with pytest.raises(ValueError, match="force=True"):
        gw.paint.panel(path, None, reader, network=planted, layer="layer1", run=False)


def test_a_bad_verdict_is_shown_and_paints_all_the_same(late, photo, reader):
    import ganwidgets as gw
    from ganwidgets.results.inversion import Verdict

    far = photo.with_verdict(Verdict(0.0, 50, 30.0, 12.0))
    panel = gw.paint.panel(far, None, reader, network=late, layer="layer1", run=False, key="far")
    panel.painting.push(stroke(box((0, 8), (0, 8))))
    panel.wait(30.0)
    assert panel.photo.facts.tone == "warning"
    assert "far from what the generator draws" in panel.photo.facts.sentence
    assert not np.array_equal(panel.painting.after, panel.painting.before)
    panel.close()


def test_what_the_panel_is_given(late, photo):
    import ganwidgets as gw

    with pytest.raises(TypeError, match="`network` must be the generator"):
        gw.paint.panel(photo)
    with pytest.raises(TypeError, match="one generator"):
        gw.paint.panel()
    with pytest.raises(TypeError, match="one generator"):
        gw.paint.panel(late, network=late)
