"""Whatever is wrong is one sentence that says what was wanted and what was received, and nothing is lost by it."""

import warnings

import numpy as np
import pytest
import torch
from torch import nn

MEMORY = [torch.OutOfMemoryError("CUDA out of memory"), MemoryError(), RuntimeError("DefaultCPUAllocator: not enough")]


@pytest.fixture
def run(planted, reader):
    import ganwidgets as gw

    def run(network=planted, segmenter=reader, **options):
        return gw.dissect.run(network, segmenter=segmenter, **({"layer": "layer1", "n": 70, "resamples": 20} | options))

    return run


# Layers and settings


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n": 0}, "`n` must be at least 1, got 0"),
        ({"n": -5}, "`n` must be at least 1, got -5"),
        ({"layer": "layer3"}, r"`layer` must be one of .*, got 'layer3'\. Did you mean 'layer"),
        ({"layer": "layer1", "layers": ["layer2"]}, "give `layer` or `layers`, not both"),
        ({"layer": None, "layers": "layer1"}, "`layers` must be names in a tuple or list, got 'layer1'"),
        ({"layer": None, "layers": []}, "`layers` must name at least one layer"),
        ({"layer": None, "layers": ["layer1", "layr2"]}, "got 'layr2'. Did you mean 'layer2'"),
        ({"truncation": -1.0}, "`truncation` must be positive, or None for none, got -1.0"),
    ],
)
def test_settings_are_refused_before_anything_is_computed(run, make_segmenter, options, message):
    asked = []
    with pytest.raises(ValueError, match=message):
        run(segmenter=make_segmenter(asked.append, ["red"]), **options)
    assert asked == []


@pytest.fixture
def flat():
    """A generator with layers that give no maps: a linear one, and its rows as a sequence."""
    import ganwidgets as gw

    torch.manual_seed(0)
    parts = {
        "linear": nn.Linear(4, 64),
        "rows": nn.Unflatten(1, (4, 16)),
        "maps": nn.Unflatten(2, (4, 4)),
        "image": nn.Conv2d(4, 3, 1),
        "tanh": nn.Tanh(),
    }
    module = nn.Sequential()
    for name, part in parts.items():
        module.add_module(name, part)
    return gw.TorchGenerator(module.eval())


@pytest.mark.parametrize(("layer", "shape"), [("linear", "('batch', 64)"), ("rows", "('batch', 4, 16)")])
def test_a_layer_without_maps_is_refused_and_others_are_named(run, flat, layer, shape):
    with pytest.raises(ValueError, match="must give maps") as told:
        run(flat, layer=layer)
    assert str(told.value) == (
        f"`layer` must give maps (batch unit height width), but {layer!r} gives {shape}; "
        "layers with maps are ['maps', 'image', 'tanh']"
    )


def test_a_network_without_maps_says_so(run, make_generator):
    network = make_generator(lambda z: z.repeat(1, 64), lambda x: x.view(-1, 1, 16, 16).tanh())
    network.layers.pop("paint")
    with pytest.raises(ValueError, match=r"none of .* does"):
        run(network, layer=None)


def test_a_sampler_that_has_fewer_latents_is_told(run, planted, make_generator):
    kept = np.random.RandomState(0).standard_normal((50, 4))
    network = make_generator(
        lambda z: z[:, :2, None, None].expand(-1, -1, 8, 8),
        lambda x: x[:, :1].tanh(),
        sampler=lambda n, seed: kept[:n],
    )
    with pytest.raises(ValueError, match="`n` must be at most 50, the latents that `sampler` of the generator gave"):
        run(network, layer="maps")
    assert run(network, layer="maps", n=50).n == 50


# Segmenters


@pytest.mark.parametrize(
    ("spoil", "error", "message"),
    [
        (lambda seg: seg[..., ::2], ValueError, r"must have shape \(32, 2, 16, 16\).*returned \(32, 2, 16, 8\)"),
        (lambda seg: seg[:, :1], ValueError, r"returned \(32, 1, 16, 16\)"),
        (lambda seg: seg[:, 0], ValueError, r"returned \(32, 16, 16\)"),
        (lambda seg: seg[:-1], ValueError, r"returned \(31, 2, 16, 16\)"),
        (lambda seg: seg.float(), TypeError, "must hold whole numbers .*returned torch.float32; take argmax"),
        (lambda seg: seg > 0, TypeError, "returned torch.bool"),
        (lambda seg: seg + 1, ValueError, r"from 0 \(nothing\) to 4 .*returned 5"),
        (lambda seg: seg.long() - 1, ValueError, r"from 0 \(nothing\) to 4 .*returned -1"),
        (lambda seg: seg.numpy(), TypeError, "must be a torch tensor .* returned ndarray; wrap its answer"),
        (lambda seg: None, TypeError, "returned NoneType"),
    ],
)
def test_an_unusable_answer_of_a_segmenter_is_told(run, reader, make_segmenter, spoil, error, message):
    kinds = (reader.concepts, reader.categories, reader.slots)
    with pytest.raises(error, match=f"^`seg` {message if message.startswith('must') else '.*' + message}") as told:
        run(segmenter=make_segmenter(lambda images: spoil(reader(images)), *kinds))
    assert "the segmenter 'read by a test'" in str(told.value) and "\n" not in str(told.value)


def failing_once(reader, make_segmenter, at, error):
    """A segmenter that fails in one batch, and not when it is asked again."""
    asked = []

    def read(images):
        asked.append(len(images))
        if len(asked) == at:
            raise error
        return reader(images)

    return make_segmenter(read, reader.concepts, reader.categories, reader.slots)


@pytest.mark.parametrize("rule", ["top_fraction", "iqr"])
@pytest.mark.parametrize("at", [1, 2, 3, 5])
def test_what_a_segmenter_raises_is_passed_on_and_the_run_can_go_on(
    planted, reader, make_segmenter, start, assert_same, rule, at
):
    work = start(planted, failing_once(reader, make_segmenter, at, OSError("weights are lost")), n=160, rule=rule)
    with pytest.raises(OSError, match=r"^weights are lost$"):
        list(work.steps())
    assert work.searched + work.done == 32 * (at - 1) and work.ready == (rule == "top_fraction" and at > 2)
    list(work.steps())
    whole = start(planted, reader, n=160, rule=rule)
    list(whole.steps())
    assert_same(work.result(), whole.result())


def test_other_errors_of_torch_are_no_lack_of_memory(planted, reader, make_segmenter, start):
    work = start(planted, failing_once(reader, make_segmenter, 1, RuntimeError("shapes cannot be multiplied")))
    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        list(work.steps())
    assert work.notes == ()


# Generators


@pytest.fixture
def odd(make_generator, make_segmenter):
    """`odd(maps, image)`: values that the first unit, or the image, takes in the fourth image."""

    def make(unit=0.0, image=0.0):
        def spoil(x, value):
            wrong = x.clone()
            wrong[:, 0, 0, 0] = value
            return torch.where((x[:, :1, :1, :1] == 3), wrong, x)

        generator = make_generator(
            lambda z: spoil(z[:, :, None, None].expand(-1, -1, 8, 8).clone(), unit),
            lambda x: spoil(x[:, 1:2], image).nan_to_num(0, 0, 0) / 200 if not image else spoil(x[:, 1:2], image) / 200,
            depth=2,
            sampler=lambda n, seed: np.arange(n)[:, None] + np.zeros(2),
        )
        return generator, make_segmenter(lambda images: (images > 0.1).to(torch.uint8), ["bright"])

    return make


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("rule", ["top_fraction", "iqr"])
def test_images_that_are_not_finite_are_told(odd, start, value, rule):
    network, segmenter = odd(image=value)
    with pytest.raises(
        ValueError, match=r"^`images` must be finite, but drawn by a test gave NaN or infinity in 1 of 32$"
    ):
        list(start(network, segmenter, layers=("maps",), rule=rule).steps())


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("rule", ["top_fraction", "iqr"])
def test_a_layer_that_is_not_finite_is_told(odd, start, value, rule):
    network, segmenter = odd(unit=value)
    work = start(network, segmenter, layers=("paint", "maps"), rule=rule)
    with pytest.raises(ValueError, match="must give finite activations") as told:
        list(work.steps())
    assert str(told.value) == (
        "`layer` 'maps' must give finite activations, but 1 of its 2 units gave NaN or infinity in 1 of 32 images"
    )
    assert work.done == work.searched == 0


def test_large_activations_are_finite(odd, start):
    network, segmenter = odd(unit=1e38)
    list(start(network, segmenter, layers=("maps",)).steps())


def test_values_far_beyond_the_range_are_told_once(make_generator, make_segmenter, start):
    network = make_generator(lambda z: z[:, :, None, None].expand(-1, -1, 8, 8), lambda x: x[:, :1] * 100)
    segmenter = make_segmenter(lambda images: (images > 0).to(torch.uint8), ["bright"])
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        list(start(network, segmenter, layers=("maps",)).steps())
    [one] = told
    assert "of the values of drawn by a test lie beyond [-1, 1] and are clamped; give `output_range`" in str(
        one.message
    )


# Memory


@pytest.fixture
def small_memory(planted, reader, make_segmenter, monkeypatch):
    """`small_memory(passes, segmentations)`: memory for so many images in one of each; gives what was asked for."""

    def make(passes=999, segmentations=999, error=MEMORY[0]):
        asked = {"passes": [], "segmentations": []}
        read = type(planted).read

        def limited(self, z, layers, **more):
            asked["passes"].append(len(z))
            if len(z) > passes:
                raise error
            return read(self, z, layers, **more)

        def segment(images):
            asked["segmentations"].append(len(images))
            if len(images) > segmentations:
                raise error
            return reader(images)

        monkeypatch.setattr(type(planted), "read", limited)
        return make_segmenter(segment, reader.concepts, reader.categories, reader.slots), asked

    return make


@pytest.mark.parametrize("rule", ["top_fraction", "iqr"])
@pytest.mark.parametrize(
    ("limits", "notes"),
    [
        ({"passes": 16}, ["32 images in one forward pass; they were done 16"]),
        ({"passes": 8}, [f"{n} images in one forward pass; they were done {n // 2}" for n in (32, 16)]),
        ({"segmentations": 16}, ["32 images in one segmentation; they were done 16"]),
        (
            {"passes": 16, "segmentations": 31},
            [f"32 images in one {what}; they were done 16" for what in ("forward pass", "segmentation")],
        ),
    ],
)
def test_when_memory_runs_out_batches_are_halved_and_one_is_told(
    planted, reader, start, small_memory, assert_same, rule, limits, notes
):
    whole = start(planted, reader, n=96, rule=rule)
    list(whole.steps())
    segmenter, _ = small_memory(**limits)
    work = start(planted, segmenter, n=96, rule=rule)
    assert list(work.steps()) == list(range(32, 97 if rule == "top_fraction" else 193, 32))
    assert_same(work.result(), whole.result())
    assert work.result().notes == tuple(f"memory ran out at {note} at a time" for note in notes)
    assert whole.result().notes == ()


@pytest.mark.parametrize("error", MEMORY, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("limit", ["passes", "segmentations"])
def test_every_kind_of_lack_of_memory_is_known(planted, start, small_memory, error, limit):
    segmenter, asked = small_memory(**{limit: 3}, error=error)
    work = start(planted, segmenter, n=7)
    list(work.steps())
    assert work.done == 7 and asked[limit] == [7, 4, 2, 2, 3]


@pytest.mark.parametrize("limit", ["passes", "segmentations"])
def test_no_memory_for_a_single_image_is_an_error(planted, start, small_memory, limit):
    segmenter, asked = small_memory(**{limit: 0})
    work = start(planted, segmenter)
    with pytest.raises(torch.OutOfMemoryError):
        list(work.steps())
    assert work.done == 0 and asked[limit] == [32, 16, 8, 4, 2, 1]


def test_a_bad_answer_in_halves_is_told_as_in_whole(planted, reader, make_segmenter, start):
    def read(images):
        if len(images) > 16:
            raise MemoryError
        return reader(images).numpy()

    work = start(planted, make_segmenter(read, reader.concepts, reader.categories, reader.slots))
    with pytest.raises(TypeError, match="`seg` must be a torch tensor"):
        list(work.steps())
