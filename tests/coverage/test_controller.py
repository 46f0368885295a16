"""The sessions of a coverage view: results in parts, stop and go on, refusals, concepts and their images."""

import numpy as np
import pytest
import torch
from PIL import Image
from traitlets import TraitError

from ganwidgets.coverage import controller

FAST = {"resamples": 50, "permutations": 100, "halves": 20}


# The comparison


def test_a_run_gives_what_the_function_gives(make, planted, reader, red_photos):
    from ganwidgets.coverage import coverage

    session = make()
    found = session.run(wait=True)
    same = coverage(planted, red_photos, reader, n=60, **FAST)
    np.testing.assert_array_equal(found.ratio_interval, same.ratio_interval)
    assert found.under == same.under and "red" in found.under and found.fsd.distance == same.fsd.distance
    assert (session.n_done, session.n_total, session.status, session.error) == (120, 120, "done", "")
    assert session.result is found and not session.resumable


def test_the_first_result_comes_after_the_first_batches_and_is_no_verdict(make):
    session, seen = make(settings=FAST | {"batch": 10}), []
    session.observe(lambda change: seen.append(change.new), "result")
    session.run(wait=True)
    assert not seen[0].complete and seen[0].fsd is None and seen[0].n_data == seen[0].n_generated == 10
    assert seen[-1].complete and seen[-1] is session.result


def test_a_cancelled_run_keeps_what_it_has_and_goes_on_to_the_same_result(make, slow):
    session = make(segmenter=slow, settings=FAST | {"batch": 10})
    session.run()
    assert slow.waits.wait(20.0)
    session.cancel()
    slow.go.set()
    session.wait(20.0)
    assert session.status == "cancelled" and session.resumable and 0 < session.n_done < 120
    assert not session.result.complete and session.result.n_data + session.result.n_generated == session.n_done
    done = session.n_done
    found = session.resume(wait=True)
    assert found.complete and not session.resumable and slow.calls == 12 > done / 10
    whole = make(settings=FAST | {"batch": 10}).run(wait=True)
    np.testing.assert_array_equal(found.ratio_interval, whole.ratio_interval)


def test_a_run_that_was_replaced_leaves_nothing_to_go_on_with(make, slow):
    session = make(segmenter=slow, settings=FAST | {"batch": 10})
    session.run()
    assert slow.waits.wait(20.0)
    session.n = 40
    session.run()
    slow.go.set()
    session.wait(20.0)
    assert session.status == "done" and session.result.n_data == 40 and session.result.complete
    assert not session.resumable and session.n_done == 80
    assert session.resume(wait=True).n_data == 40


def test_what_was_stopped_is_let_go_of_by_a_whole_result_and_by_closing(make, slow):
    session = make(segmenter=slow, settings=FAST | {"batch": 10})
    session.run()
    assert slow.waits.wait(20.0)
    session.close()
    slow.go.set()
    session.wait(20.0)
    assert not session.resumable and session._stopped is None
    whole = make()
    whole.run(wait=True)
    whole._stopped = "an older run"
    whole.run(wait=True)
    assert whole._stopped is None


def test_a_folder_is_looked_through_with_progress_and_can_be_cancelled(make, tmp_path, monkeypatch):

    for i in range(30):
        Image.new("RGB", (16, 16), (255, 0, 0)).save(tmp_path / f"{i:02}.png")
    session, seen, listed = make(data=tmp_path, n=30), [], []
    whole = session.listed(listed.append)
    assert len(whole) == 30 and listed == [i / 30 for i in range(30)]
    look = controller.photo_folder

    def cancelled_at_the_third(folder, *args, progress):
        def tell(fraction):
            seen.append(fraction)
            if len(seen) == 3:
                session.cancel()
            progress(fraction)

        return look(folder, *args, progress=tell)

    monkeypatch.setattr(controller, "photo_folder", cancelled_at_the_third)
    session.run()
    session.wait(20.0)
    assert session.status == "cancelled" and session.result is None and not session.resumable
    assert len(seen) == 3
    monkeypatch.setattr(controller, "photo_folder", look)
    assert session.run(wait=True).n_data == 30 and session.progress == 1


def test_what_cannot_be_compared_is_a_sentence(make, planted, reader, red_photos):
    from ganwidgets.segment import LabelledArrays

    session = make(segmenter=None)
    session.run()
    session.wait(20.0)
    assert session.status == "failed" and "`segmenter` must be given" in session.error
    one = make(data=red_photos[:1])
    one.run()
    one.wait(20.0)
    assert one.status == "failed" and "at least 2 images" in one.error and one.result is None
    wrong = make(data=red_photos * 9)
    wrong.run()
    wrong.wait(20.0)
    assert "in [-1, 1]" in wrong.error
    images = np.zeros((8, 16, 16, 3), np.uint8)
    labelled = LabelledArrays(images, np.zeros((8, 1, 16, 16), np.uint8), ["red", "gold"], slots=["object"])
    other = make(data=labelled, labels="own")
    other.run()
    other.wait(20.0)
    assert other.status == "failed" and "only the data have 'gold'" in other.error and "common=True" in other.error


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("n", 1, "`n` must lie in 2"),
        ("seed", -1, "`seed` must lie in 0"),
        ("truncation", 0.0, "`truncation` must be positive"),
        ("concept", "rad", r"`concept` must be one of .*got 'rad'. Did you mean 'red'"),
        ("labels", "mine", "labels"),
    ],
)
def test_traits_out_of_range_are_refused(make, name, value, message):
    session = make()
    before = getattr(session, name)
    with pytest.raises(TraitError, match=message):
        setattr(session, name, value)
    assert getattr(session, name) == before


def test_a_result_is_adopted_with_its_settings_and_its_images(make, planted):
    first = make(n=40, seed=7)
    found = first.run(wait=True)
    session = make()
    session.adopt(found)
    assert (session.n, session.seed, session.result) == (40, 7, found)
    data, pictures = session.sides()
    torch.testing.assert_close(pictures.latents, planted.sample_z(40, 7))
    assert session.sides() == (data, pictures) and len(data) == 40
    from ganwidgets.testing import planted_generator

    with pytest.raises(ValueError, match="`result` must be of 'planted', but it was made from"):
        make(network=planted_generator(units=3)).adopt(found)


def test_an_adopted_result_is_repeated_by_the_next_run(make):
    """With every one of its settings, whatever the session was given."""
    found = make(n=30, seed=3, truncation=1.0, settings=FAST | {"level": 0.2, "batch": 10, "fit": "stretch"}).run(
        wait=True
    )
    session = make(settings={"halves": 30})
    session.adopt(found)
    again = session.run(wait=True)
    assert again.options == found.options and again.level == 0.2
    np.testing.assert_array_equal(again.family_interval, found.family_interval)


class Renamed:
    """The reader as another segmenter: by its name, its concepts, or only by its fingerprint."""

    def __init__(self, reader, **differs):
        for name in ("name", "concepts", "categories", "slots"):
            setattr(self, name, differs.get(name, getattr(reader, name)))
        self.reader, self.told = reader, differs.get("told", reader.fingerprint())

    def __call__(self, images):
        return self.reader(images)

    def fingerprint(self):
        return self.told


@pytest.mark.parametrize(
    "differs", [{"name": "other"}, {"concepts": ("rot", "blue", "green", "red top")}, {"told": "x"}]
)
@pytest.mark.parametrize("common", [False, True])
def test_a_result_of_another_segmenter_is_not_adopted(make, reader, differs, common):
    found = make(settings=FAST | {"common": common}).run(wait=True)
    session = make(segmenter=Renamed(reader, **differs))
    with pytest.raises(ValueError, match="`result` must be named by the segmenter that is given"):
        session.adopt(found)
    assert session.result is None
    session = make(segmenter=Renamed(reader))
    session.adopt(found)
    assert session.result is found


def test_a_result_of_common_concepts_is_adopted(make, red_photos, reader):
    from ganwidgets.segment import LabelledArrays

    masks = np.ones((60, 1, 16, 16), np.uint8)
    data = LabelledArrays(red_photos, masks, ["blue", "gold"], slots=["object"])
    found = make(data=data, labels="own", settings=FAST | {"common": True}).run(wait=True)
    session = make(data=data)
    session.adopt(found)
    assert session.result.concepts == ("blue",) and session.run(wait=True).concepts == ("blue",)


def test_a_setting_of_another_name_is_refused_at_once(make):
    with pytest.raises(TypeError, match=r"`fitt` must be one of the settings \['fit', .* Did you mean 'fit'"):
        make(settings={"fitt": "crop"})


def test_photos_that_change_while_they_are_counted_are_said_and_not_kept(make, tmp_path):

    photos, cache = tmp_path / "photos", tmp_path / "cache"
    photos.mkdir()

    def put(colour):
        for i in range(20):
            Image.new("RGB", (16, 16), colour).save(photos / f"{i:02}.png")

    put((255, 0, 0))
    session = make(data=photos, n=20, cache=cache, settings=FAST | {"batch": 5})
    changed = []

    def edit(change):
        if change.new and not changed:
            changed.append(put((0, 255, 0)))

    session.observe(edit, "n_done")
    mixed = session.run(wait=True)
    assert 0 < mixed.area[2] < 100 and "were changed while they were counted" in mixed.notes[-1]
    assert not list(cache.iterdir())
    put((255, 0, 0))
    assert session.run(wait=True).area[0] == 100 and len(list(cache.iterdir())) == 1


@pytest.mark.parametrize("many", [60, 4])
def test_images_of_other_data_are_not_shown_for_an_adopted_result(make, red_photos, many):
    from ganwidgets.coverage.controller_samples import SamplesController

    found = make().run(wait=True)
    session = make(data=-red_photos[:many])
    session.adopt(found)
    samples = SamplesController(session)
    session.concept = "red"
    for _ in "ab":  # also when somebody looks again
        samples.look()
        samples.wait(20.0)
        assert samples.shown is None and samples.error.startswith("`result` was made from other images than these")
    session.concept = ""
    samples.look()
    assert (samples.error, samples.status) == ("", "idle")
    session.run(wait=True)
    session.concept = "red"
    samples.look()
    samples.wait(20.0)
    assert samples.error == "" and samples.shown.seen["data"] == many
    samples.close()


def test_a_result_is_kept_under_its_content(make, tmp_path, reader, slow):
    first = make(cache=tmp_path)
    first.run(wait=True)
    assert len(list(tmp_path.iterdir())) == 1
    slow.fingerprint = reader.fingerprint
    again = make(cache=tmp_path, segmenter=slow)
    found = again.run(wait=True)
    np.testing.assert_array_equal(found.ratio, first.result.ratio)
    assert slow.calls == 0 and again.n_done == 120 and again.status == "done"


def test_the_file_opens_again(make, tmp_path):
    from ganwidgets.coverage import load

    session = make()
    with pytest.raises(ValueError, match="nothing is compared yet"):
        session.to_bytes()
    session.run(wait=True)
    (tmp_path / "found.gwc").write_bytes(session.to_bytes())
    assert load(tmp_path / "found.gwc").under == session.result.under


def test_results_are_kept_for_each_class(reader, red_photos, planted, make):
    from ganwidgets.models.conditional import ConditionalGenerator

    class Told(torch.nn.Module):
        """Always red for the first class, never for the second."""

        def __init__(self):
            super().__init__()
            self.layers = planted.module

        def forward(self, z, c):
            return self.layers((c[:, :1] - c[:, 1:]) * (z.abs() + 0.1))

    session = make(network=ConditionalGenerator(Told(), (4,), ["painted", "plain"], "told"))
    session.drawn_class = 0
    painted = session.run(wait=True)
    assert "red" not in painted.under and painted.generated_area[0] == 50
    session.drawn_class = 1
    assert session.result is None and session.n_done == 0
    assert session.run(wait=True).under[0] == "red"
    session.drawn_class = 0
    assert session.result is painted


# Where a concept is largest


def test_images_in_which_a_concept_is_largest_are_shown_of_both_sides(make, reader):
    from ganwidgets.coverage.controller_samples import SamplesController

    session = make()
    samples = SamplesController(session)
    samples.look()
    assert samples.shown is None
    found = session.run(wait=True)
    session.concept = "red"
    samples.look()
    samples.wait(20.0)
    shown = samples.shown
    assert shown.concept == "red" and shown.seen == {"data": 60, "generated": 60}
    pictures = shown.sides["generated"]
    assert pictures.numbers == found.largest("red", "generated", 12) and (pictures.area == 50).all()
    assert pictures.mask[:, :, :8].all() and not pictures.mask[:, :, 8:].any()
    assert pictures.images.shape == (12, 16, 16, 3) and (pictures.images[0, 2, 2] == (255, 0, 0)).all()
    session.concept = "green"
    samples.look()
    samples.wait(20.0)
    assert samples.shown.sides == {"data": None, "generated": None}
    samples.close()


def test_images_of_a_concept_that_was_cleared_meanwhile_are_not_shown(make, slow):
    from ganwidgets.coverage.controller_samples import SamplesController

    slow.calls = -100
    session = make(segmenter=slow)
    session.run(wait=True)
    samples, slow.calls = SamplesController(session), 2
    session.concept = "red"
    samples.look()
    assert slow.waits.wait(20.0)
    session.concept = ""
    samples.look()
    slow.go.set()
    samples.wait(20.0)
    assert samples.shown is None and samples.concept == ""
    samples.close()
