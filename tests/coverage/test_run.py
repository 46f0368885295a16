"""Comparisons of a planted generator: known areas, exact parts, and data that cannot be used."""

import gc
import weakref

import numpy as np
import pytest
import torch
from PIL import Image

import ganwidgets as gw
from ganwidgets.coverage import CoverageRun, coverage, covering, load, sides, stopped
from ganwidgets.nn.photo_folder import photo_folder
from ganwidgets.segment import LabelledArrays
from ganwidgets.testing import planted_generator, planted_segmenter

FAST = {"resamples": 50, "permutations": 100, "halves": 20}


@pytest.fixture(scope="module")
def network():
    return planted_generator()


def all_red(n=40):
    """Images whose left half is red: the generator paints it in half of its own."""
    images = torch.zeros(n, 3, 16, 16)
    images[:, :, :, :8] = torch.tensor([0.5, -0.5, -0.5])[:, None, None] * 2
    return images


def test_the_planted_areas(network):
    found = coverage(network, all_red(60), planted_segmenter(), n=60, **FAST)
    red, blue, green, top = found.area
    assert (red, blue, green, top) == (50, 0, 0, 25)
    share = (network.sample_z(60)[:, 0] > 0).double().mean()
    np.testing.assert_allclose(found.generated_area[[0, 3]], [50 * share, 25 * share])
    assert found.under == ("red", "red top") and found.over == ("blue",)
    assert (found.network, found.data, found.labels, found.n_data, found.n_generated) == (
        "planted",
        "images",
        "segmenter",
        60,
        60,
    )
    assert found.complete and not found.notes


def test_partial_results_come_with_every_batch(network):
    shares = []
    parts = list(covering(network, all_red(), planted_segmenter(), n=40, batch=8, progress=shares.append, **FAST))
    assert shares == [i / 10 for i in range(1, 11)] and len(parts) == 9  # the first batch is of one side only
    assert not parts[0].complete and parts[0].fsd is None and parts[0].n_data == parts[0].n_generated == 8
    assert parts[-1].complete and parts[-1].fsd is not None and parts[-1].n_data == 40


def equal(one, two):
    names = ("area", "generated_area", "ratio", "ratio_interval", "family_interval", "p", "effect")
    same = all(np.array_equal(getattr(one, name), getattr(two, name), equal_nan=True) for name in names)
    return same and one.fsd.distance == two.fsd.distance and one.fsd.interval == two.fsd.interval


def test_stopped_and_split_runs_give_the_same_bit_for_bit(network):
    def run():
        return CoverageRun(network, all_red(), planted_segmenter(), n=40, batch=8, **FAST)

    whole, first, rest, front, back = (run() for _ in range(5))
    list(whole.steps())
    for _, done in zip(range(3), first.steps(), strict=False):
        assert done == first.done
    rest.merge(first.state())
    list(rest.steps())
    list(front.steps(range(13)))
    list(back.steps(range(13, 40)))
    back.merge(front)
    assert back.done == rest.done == whole.total == 80
    assert equal(whole.result(), rest.result()) and equal(whole.result(), back.result())
    with pytest.raises(ValueError, match="not counted yet, got 0 twice"):
        whole.merge(front)


def test_runs_of_something_else_do_not_merge(network):
    def run(**options):
        return CoverageRun(network, all_red(), planted_segmenter(), n=40, **options)

    for other in (run(seed=2).state(), run(truncation=1.0).state(), {}):
        with pytest.raises(
            ValueError, match="`other` must be a run of the same generator, data, segmenter and settings"
        ):
            run().merge(other)


DAMAGED = {
    "without counts": lambda state: state.pop("generated.counts"),
    "numbers beyond": lambda state: state["generated.numbers"].add_(1000),
    "numbers below": lambda state: state["generated.numbers"].sub_(1),
    "broken numbers": lambda state: state.update({"generated.numbers": state["generated.numbers"].double()}),
    "twice": lambda state: state["generated.numbers"].fill_(3),
    "fewer": lambda state: state.update({"generated.numbers": state["generated.numbers"][1:]}),
    "negative": lambda state: state["generated.counts"].sub_(1),
    "too many": lambda state: state["generated.counts"].add_(100),
    "columns": lambda state: state.update({"generated.counts": state["generated.counts"][:, :2]}),
    "a row": lambda state: state.update({"generated.counts": state["generated.counts"][0]}),
    "no slots": lambda state: state["generated.slots"].zero_(),
    "no pixels": lambda state: state["generated.pixels"].zero_(),
    "another kind": lambda state: state.update({"generated.pixels": 256}),
    "subject": lambda state: state.update({"subject": torch.zeros(3)}),
}


@pytest.mark.parametrize("damage", DAMAGED)
def test_what_is_damaged_is_refused_as_a_whole(network, damage):
    def run():
        return CoverageRun(network, all_red(), planted_segmenter(), n=40, **FAST)

    whole, mine = run(), run()
    list(whole.steps(range(20)))
    list(mine.steps(range(20, 40)))
    state, before = {key: part.clone() for key, part in whole.state().items()}, mine.state()
    DAMAGED[damage](state)
    with pytest.raises(ValueError, match="`"):
        mine.merge(state)
    assert all(torch.equal(part, before[key]) for key, part in mine.state().items())
    assert mine.merge(whole).done == mine.total


def test_a_merge_that_overlaps_on_one_side_takes_in_neither(network):
    one, other = (CoverageRun(network, all_red(), planted_segmenter(), n=20, batch=5, **FAST) for _ in range(2))
    list(one.steps(range(10)))
    list(other.steps(range(10, 20)))
    other.counts["generated"].merge(one.counts["generated"])
    with pytest.raises(ValueError, match="not counted yet, got 0 twice"):
        one.merge(other)
    assert one.done == 20 and one.counts["data"].numbers.tolist() == list(range(10))


class StopError(Exception):
    """What a progress raises to end a run."""


def stop(share):
    """A progress that stops where this share is done."""

    def progress(done):
        if done >= share:
            raise StopError

    return progress


def measured(network, data=None, progress=None, **options):
    """A comparison of 40 images, 8 at a time."""
    data = all_red() if data is None else data
    return coverage(network, data, planted_segmenter(), progress=progress, **{"n": 40, "batch": 8, **FAST, **options})


def test_a_stopped_call_goes_on_where_it_stood(network):
    whole, shares = measured(network), []
    for share in (0.55, 0.75):
        with pytest.raises(StopError):
            measured(network, progress=stop(share))
    assert equal(measured(network, progress=shares.append), whole) and shares == [0.9, 1]
    shares.clear()
    measured(network, progress=shares.append)
    assert shares[0] == 0.1  # what is whole is counted anew


def test_a_stopped_call_goes_on_after_other_comparisons(network):
    """Each of several that were stopped goes on from its own counts, whatever was compared in between."""
    for seed in (1, 2, 3):
        with pytest.raises(StopError):
            measured(network, progress=stop(0.5), seed=seed)
    measured(network, seed=4)
    for seed in (2, 1, 3):
        shares = []
        measured(network, progress=shares.append, seed=seed)
        assert shares[0] == 0.6, seed


def test_only_the_last_few_that_were_stopped_are_remembered(network):
    first, last = 100, 100 + stopped.MOST
    for seed in range(first, last + 1):
        with pytest.raises(StopError):
            measured(network, progress=stop(0.2), seed=seed)
    for seed, start in ((first, 0.1), (last, 0.3)):
        shares = []
        measured(network, progress=shares.append, seed=seed)
        assert shares[0] == start


def test_a_segmenter_that_has_a_fingerprint_is_not_held_on_to(network):
    class Named(type(planted_segmenter())):
        def fingerprint(self):
            return "reader"

    segmenter = planted_segmenter()
    segmenter.__class__ = Named
    gone = weakref.ref(segmenter)
    with pytest.raises(StopError):
        coverage(network, all_red(), segmenter, n=40, batch=8, progress=stop(0.2), **FAST)
    del segmenter
    gc.collect()
    assert gone() is None


RED, GREEN = (255, 0, 0), (0, 255, 0)


def put(folder, colour, many=40):
    """Photos of one colour, under the same names."""
    for i in range(many):
        Image.new("RGB", (16, 16), colour).save(folder / f"{i:02}.png")


def test_a_stopped_run_whose_photo_is_gone_disturbs_no_other_call(network, tmp_path):
    put(tmp_path, RED)
    with pytest.raises(StopError):
        measured(network, tmp_path, stop(0.1))
    (tmp_path / "39.png").unlink()
    assert measured(network).complete
    assert measured(network, tmp_path).n_data == 39


def test_counts_of_photos_that_were_replaced_are_not_gone_on_with(network, tmp_path):
    for share in (0.1, 0.6):
        put(tmp_path, RED)
        with pytest.raises(StopError):
            measured(network, tmp_path, stop(share))
        put(tmp_path, GREEN)
        shares = []
        found = measured(network, tmp_path, shares.append)
        assert (
            shares[0] == 0.1 and found.area[:3].tolist() == [0, 0, 100] and not any("changed" in n for n in found.notes)
        )


def test_photos_that_change_while_they_are_counted_are_said_and_kept_nowhere(network, tmp_path):
    photos, cache = tmp_path / "photos", tmp_path / "cache"
    photos.mkdir()
    put(photos, RED)
    changes = iter([GREEN])

    def edit(share):
        for colour in changes:
            put(photos, colour)

    mixed = measured(network, photos, edit, cache=cache)
    assert 0 < mixed.area[2] < 100 and "were changed while they were counted" in mixed.notes[-1]
    assert not list(cache.iterdir())
    put(photos, RED)
    again = measured(network, photos, cache=cache)
    assert again.area[0] == 100 and "changed" not in str(again.notes) and len(list(cache.iterdir())) == 1


def test_a_stop_after_photos_changed_leaves_nothing_to_go_on_with(network, tmp_path):
    put(tmp_path, RED)

    def edit(share):
        if share == 0.1:
            put(tmp_path, GREEN)
        stop(0.6)(share)

    with pytest.raises(StopError):
        measured(network, tmp_path, edit)
    put(tmp_path, RED)
    shares = []
    assert measured(network, tmp_path, shares.append).area[0] == 100 and shares[0] == 0.1


def test_images_in_memory_that_change_while_they_are_counted_are_said(network, tmp_path):
    images = all_red()
    found = measured(network, images, lambda share: images.mul_(0.9), cache=tmp_path)
    assert "were changed while they were counted" in found.notes[-1] and not list(tmp_path.iterdir())


def test_results_are_kept_by_content(network, tmp_path, monkeypatch):
    def measured(**options):
        return coverage(network, all_red(), planted_segmenter(), **{"n": 40, "cache": tmp_path, **FAST, **options})

    first = measured()
    assert len(list(tmp_path.glob("*.gwc"))) == 1
    monkeypatch.setattr(CoverageRun, "steps", lambda self: pytest.fail("computed again"))
    assert equal(first, measured())
    monkeypatch.undo()
    measured(seed=2), measured(truncation=0.5), measured(n=30)
    coverage(network, all_red(41), planted_segmenter(), n=40, cache=tmp_path, **FAST)
    assert len(list(tmp_path.glob("*.gwc"))) == 5
    next(tmp_path.glob("*.gwc")).write_bytes(b"broken")
    assert equal(first, measured())  # a damaged file counts as absent


def test_without_a_fingerprint_nothing_is_kept(network, tmp_path):
    segmenter = planted_segmenter()
    without = type("Bare", (), {n: getattr(segmenter, n) for n in ("name", "concepts", "categories", "slots")})
    without.__call__ = lambda self, images: segmenter(images)
    coverage(network, all_red(), without(), n=40, cache=tmp_path, **FAST)
    assert not list(tmp_path.iterdir())


def test_truncation_squeezes_the_latents(network):
    _, pictures = sides(network, all_red(), planted_segmenter(), n=20, truncation=0.5)
    assert float(pictures.latents.abs().max()) <= 0.5
    assert torch.equal(pictures.images([3, 5]), network.images(network.sample_z(20, 1, 0.5)[[3, 5]]))


def labelled(masks, concepts, images=None):
    images = all_red(len(masks)) if images is None else images
    return LabelledArrays(images, masks, concepts, name="photos with masks")


def test_labels_of_the_data_are_used_where_asked_for(network):
    masks = torch.zeros(30, 2, 16, 16, dtype=torch.uint8)
    masks[:, 0, :, :4] = 2  # a quarter is said to be blue, whatever the segmenter sees
    data = labelled(masks, planted_segmenter().concepts)
    seen = coverage(network, data, planted_segmenter(), n=30, **FAST)
    told = coverage(network, data, planted_segmenter(), n=30, labels="own", **FAST)
    assert seen.area.tolist() == [50, 0, 0, 25] and seen.labels == "segmenter"
    assert told.area.tolist() == [0, 25, 0, 0] and told.labels == "own"
    assert "its mistakes count as differences" in told.notes[-1]


def test_unequal_label_sets_are_said_by_name_or_matched(network):
    masks = torch.zeros(30, 16, 16, dtype=torch.uint8)
    masks[:, :, :4], masks[:, :, 4:8] = 1, 2
    data = labelled(masks, ("zebra", "blue"))
    wanted = "only the data have 'zebra' and only the segmenter has 'red', 'green', 'red top'; common=True compares"
    with pytest.raises(ValueError, match=wanted):
        coverage(network, data, planted_segmenter(), n=30, labels="own")
    found = coverage(network, data, planted_segmenter(), n=30, labels="own", common=True, **FAST)
    assert found.concepts == ("blue",) and found.area.tolist() == [25]
    assert found.counts["data"].nothing[0, 0] == 12 * 16  # the zebra has no name here
    assert found.generated_area[0] == pytest.approx(100 / 64 * float((network.sample_z(30)[:, 1] > 0).double().mean()))
    with pytest.raises(ValueError, match="must have a concept in common, got none"):
        coverage(network, labelled(masks, ("x", "y")), planted_segmenter(), n=30, labels="own", common=True)


def test_photos_are_brought_to_the_generators_size(network, tmp_path):
    for i in range(3):
        picture = np.full((48, 48, 3), 127, np.uint8)
        picture[:, :24] = (255, 0, 0)
        Image.fromarray(picture).save(tmp_path / f"{i}.png")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    found = coverage(network, tmp_path, planted_segmenter(), n=8, **FAST)
    assert found.area[0] == 50 and found.n_data == 3 and found.n_generated == 8
    assert found.notes == (
        f"1 files of {tmp_path.name!r} could not be read and are left out",
        "the data hold 3 images, fewer than the 8 asked for",
        "photos are brought to the generator's 16 × 16 pixels and then named",
    )
    large = torch.nn.functional.interpolate(all_red(8), 32)
    assert coverage(network, large, planted_segmenter(), n=8, **FAST).area[0] == 50


@pytest.mark.parametrize("size", [None, 16, (16, 16)])
def test_a_folder_keeps_its_own_fit_and_it_is_recorded(network, tmp_path, size):
    for i in range(3):
        Image.new("RGB", (40, 16), (200, 0, 0)).save(tmp_path / f"{i}.png")
    run = CoverageRun(network, photo_folder(tmp_path, size, "letterbox"), planted_segmenter(), n=3, **FAST)
    list(run.steps())
    assert run.data.source.fit == run.data.fit == run.result().options["fit"] == "letterbox"
    assert run.data.images([0])[0, :, 0, 0].tolist() == [0, 0, 0]  # the grey above a wide photo
    again = CoverageRun(network, tmp_path, planted_segmenter(), n=3, fit="stretch", **FAST)
    list(again.steps())
    assert again.data.fit == again.result().options["fit"] == "stretch"


def test_a_part_of_the_data_is_chosen_by_the_seed(network):
    data, _ = sides(network, all_red(50), planted_segmenter(), n=10, seed=3)
    again, _ = sides(network, all_red(50), planted_segmenter(), n=10, seed=3)
    other, _ = sides(network, all_red(50), planted_segmenter(), n=10, seed=4)
    assert data.order.tolist() == again.order.tolist() == sorted(data.order) != other.order.tolist()
    assert data.fingerprint() == again.fingerprint() != other.fingerprint()


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        (torch.full((4, 3, 16, 16), torch.nan), ValueError, r"`data` must hold finite images in \[-1, 1\], got values"),
        (torch.full((4, 3, 16, 16), 3.0), ValueError, "got values from 3 to 3"),
        (torch.zeros(0, 3, 16, 16), ValueError, r"`data` must be float images .* got torch.float32 \(0, 3"),
        (torch.zeros(4, 16, 16), ValueError, "`data` must be float images"),
        (torch.zeros(4, 3, 16, 16, dtype=torch.uint8), ValueError, "`data` must be float images"),
        (42, TypeError, "`data` must be a folder, a photo_folder, images, labelled images or 'scenes', got int"),
        ("no/such/folder", NotADirectoryError, "`path` must be a folder of photos"),
    ],
)
def test_data_that_cannot_be_used_are_refused(network, data, error, message):
    with pytest.raises(error, match=message):
        coverage(network, data, planted_segmenter(), n=4)


def test_an_empty_folder_is_said(network, tmp_path):
    with pytest.raises(ValueError, match=r"must hold photos, but .* has none that can be read \(0 left out\)"):
        coverage(network, tmp_path, planted_segmenter(), n=4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n": 1}, "`n` must be at least 2"),
        ({"level": 0.7}, "`level` must lie between 0 and 0.5"),
        ({"labels": "mine"}, "`labels` must be 'segmenter' or 'own', got 'mine'"),
        ({"labels": "own"}, "`labels` 'own' needs labelled images"),
        ({"truncation": -1.0}, "`truncation` must be positive"),
        ({"halves": 5}, "`halves` must be at least 20, got 5"),
        ({"resamples": 0}, "`resamples` must be at least 20, got 0"),
        ({"resamples": -3}, "`resamples` must be at least 20, got -3"),
        ({"batch": 0}, "`batch` must be at least 1, got 0"),
        ({"batch": -1}, "`batch` must be at least 1, got -1"),
        ({"permutations": 0}, "`permutations` must be at least 1, got 0"),
        ({"permutations": 18}, "`permutations` must be at least 19, got 18: fewer name nothing at level 0.05"),
        ({"level": 0.01, "permutations": 98}, "`permutations` must be at least 99"),
    ],
)
def test_options_that_cannot_be_are_refused_before_anything_is_counted(network, options, message):
    counted = []
    with pytest.raises(ValueError, match=message):
        coverage(network, all_red(), planted_segmenter(), progress=counted.append, **options)
    assert not counted


def test_numbers_of_numpy_are_settings_like_pythons(network, tmp_path):
    plain = {"seed": 2, "truncation": 1.5, "level": 0.1}
    kinds = {"seed": np.int64, "truncation": np.float32, "level": np.float64}
    found = measured(network, cache=tmp_path, **{name: kind(plain[name]) for name, kind in kinds.items()})
    assert found.options.items() >= plain.items() and not any(isinstance(v, np.generic) for v in found.options.values())
    again = measured(network, cache=tmp_path, **plain)
    assert equal(found, again) and len(list(tmp_path.iterdir())) == 1
    assert load(found.save(tmp_path / "x.gwc")).options == found.options


@pytest.mark.parametrize("options", [{"level": "0.05"}, {"truncation": "1"}, {"seed": "a"}, {"level": True}])
def test_settings_that_are_no_numbers_are_refused(network, options):
    with pytest.raises(TypeError, match=f"{next(iter(options))}"):
        measured(network, **options)


def wide(n=8):
    """Images twice as wide as high: the middle square is red to the left, what is beside it is blue."""
    images = torch.full((n, 3, 16, 32), -1.0)
    images[:, 2] = 1
    images[:, :, :, 8:24] = 0
    images[:, :, :, 8:16] = torch.tensor([1.0, -1, -1])[:, None, None]
    return images


FITS = {"crop": (50, 0), "stretch": (25, 50), "letterbox": (12.5, 25)}


@pytest.mark.parametrize("fit", FITS)
def test_images_of_another_shape_are_fitted_alike_from_wherever_they_come(network, tmp_path, fit):
    """A folder, a tensor, a labelled set named by the segmenter, and its own labels, also smaller than the images."""
    for i, image in enumerate(wide()):
        pixels = ((image.permute(1, 2, 0) + 1) * 127.5).round().byte().numpy()
        Image.fromarray(pixels).save(tmp_path / f"{i}.png")
    masks = torch.full((8, 16, 32), 2, dtype=torch.uint8)
    masks[:, :, 8:24] = 0
    masks[:, :, 8:16] = 1
    names = planted_segmenter().concepts
    sources = [(tmp_path, {}), (wide(), {}), (LabelledArrays(wide(), masks, names), {})]
    for small in (masks, masks[:, ::2, ::2], masks[:, ::4, ::2]):
        sources.append((LabelledArrays(wide(), small, names), {"labels": "own"}))
    for data, options in sources:
        found = coverage(network, data, planted_segmenter(), n=8, fit=fit, **FAST, **options)
        assert found.options["fit"] == fit
        np.testing.assert_allclose(found.area[:2], FITS[fit], err_msg=str(data))
    assert f"images of 16 × 32 pixels are brought to the generator's 16 × 16 ({fit}) and then named" in found.notes


def test_how_images_of_another_shape_are_fitted_is_part_of_what_they_are(network):
    def names(images):
        return {sides(network, images, planted_segmenter(), n=8, fit=fit)[0].fingerprint() for fit in FITS}

    assert len(names(wide())) == 3 and len(names(all_red(8))) == 1  # of the generator's shape nothing is fitted


@pytest.mark.parametrize("kind", ["tensor", "labelled", "folder", "scenes"])
def test_another_fit_is_refused_for_all_data(network, tmp_path, kind):
    put(tmp_path, RED, 2)
    masks = torch.zeros(8, 16, 16, dtype=torch.uint8)
    data = {"tensor": all_red(8), "labelled": labelled(masks, ("x",)), "folder": tmp_path, "scenes": "scenes"}[kind]
    with pytest.raises(ValueError, match=r"`fit` must be one of \('crop', 'letterbox', 'stretch'\), got 'foo'"):
        sides(network, data, planted_segmenter(), n=4, fit="foo")


def test_only_generators_and_segmenters_are_taken(network):
    with pytest.raises(TypeError, match="`network` must be a generator, got Linear"):
        sides(torch.nn.Linear(2, 2), all_red(), planted_segmenter())
    with pytest.raises(TypeError, match="segmenter"):
        coverage(network, all_red(), lambda images: images)


def test_a_saved_coverage_is_the_same(network, tmp_path):
    found = coverage(network, all_red(), planted_segmenter(), n=40, **FAST)
    again = load(found.save(tmp_path / "run.gwc"))
    assert equal(found, again) and str(found) == str(again) and again.options == found.options
    assert np.array_equal(found.counts["data"].counts, again.counts["data"].counts)
    assert again.fsd.bias == found.fsd.bias and again.fsd.to_frame().equals(found.fsd.to_frame())
    assert again.to_frame().equals(found.to_frame())


def test_the_bundled_world_by_name():
    found = coverage(gw.load("scenes"), "scenes", "scenes", n=24, resamples=20, permutations=20, halves=None)
    assert found.data == "drawn scenes" and len(found.concepts) == 17 and found.fsd is None
    assert found.area[0] == pytest.approx(38, abs=6)  # sky
