"""A network that scores pixels becomes a segmenter; what it says is known on paper."""

import pytest
import torch
from torch import nn

from ganwidgets import segment
from ganwidgets.segment import Preparation, TorchSegmenter
from ganwidgets.segment.protocol import Segmenter
from ganwidgets.testing import check_segmenter

PLAIN = Preparation(mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))


class Colours(nn.Module):
    """Class 0 where all is dark, class 1 where red is brightest, class 2 where blue is."""

    def __init__(self, coarse: int = 1) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.tensor(10.0))
        self.coarse = coarse
        self.seen = []

    def forward(self, x):
        self.seen.append(tuple(x.shape))
        maps = torch.stack([torch.full_like(x[:, 0], 0.3), x[:, 0], x[:, 2]], 1)
        return nn.functional.avg_pool2d(maps, self.coarse) * self.gain


def picture():
    """Red on the left, dark in the middle, blue on the right; (1 3 12 18) in [-1, 1]."""
    image = -torch.ones(1, 3, 12, 18)
    image[:, 0, :, :6] = 1
    image[:, 2, :, 12:] = 1
    return image


def segmenter(**options):
    return TorchSegmenter(Colours(options.pop("coarse", 1)), ["background", "red", "blue"], PLAIN, **options)


def test_background_is_nothing_and_the_others_are_concepts():
    S = segmenter()
    assert isinstance(S, Segmenter)
    assert (S.concepts, S.slots, S.categories) == (("red", "blue"), ("object",), ("concept", "concept"))
    seg = S(picture())
    assert seg.dtype == torch.uint8 and seg.shape == (1, 1, 12, 18)
    assert seg[0, 0, 0].tolist() == [1] * 6 + [0] * 6 + [2] * 6


@pytest.mark.parametrize("tile", [None, 8])
def test_it_keeps_every_promise(tile):
    assert check_segmenter(segmenter(tile=tile), picture().repeat(2, 1, 1, 1)) == ("names", "segmentation", "scores")


def test_background_may_stand_anywhere_and_be_called_otherwise():
    classes = ["red", "Void", "blue"]

    class Order(Colours):
        def forward(self, x):
            return super().forward(x)[:, [1, 0, 2]]

    assert TorchSegmenter(Order(), classes, PLAIN)(picture())[0, 0, 0].tolist() == [1] * 6 + [0] * 6 + [2] * 6
    named = TorchSegmenter(Order(), classes, PLAIN, nothing=())
    assert named.concepts == ("red", "Void", "blue") and named(picture()).unique().tolist() == [1, 2, 3]


def test_scores_are_the_probabilities_of_the_concepts():
    scores = segmenter().scores(picture())
    top = torch.tensor([3.0, 10.0, 0.0]).softmax(0)
    assert scores[0, :, 0, 0].tolist() == pytest.approx(top[1:].tolist())
    assert segmenter(outputs="binary logits").scores(picture())[0, :, 0, 0].tolist() == pytest.approx(
        torch.tensor([10.0, 0.0]).sigmoid().tolist()
    )


def test_a_pixel_without_a_likely_class_is_nothing():
    dim = picture() * 0.25  # red 0.625, dark 0.375 in [0, 1]: softmax of (3, 6.25, 3.75)
    assert segmenter()(dim)[0, 0, 0, 0] == 1
    likely = torch.tensor([3.0, 6.25, 3.75]).softmax(0)[1].item()
    assert segmenter(threshold=likely - 0.01)(dim)[0, 0, 0, 0] == 1
    assert segmenter(threshold=likely + 0.01)(dim)[0, 0, 0, 0] == 0


def test_coarse_maps_come_back_at_the_images_size():
    seg = segmenter(coarse=6)(picture())
    assert seg.shape == (1, 1, 12, 18)
    assert seg[0, 0, :, 0].tolist() == [1] * 12 and seg[0, 0, :, -1].tolist() == [2] * 12


def test_images_go_through_a_few_at_a_time_and_in_tiles():
    S = segmenter(batch_size=2)
    whole = S(picture().repeat(5, 1, 1, 1))
    module = S._on(torch.device("cpu"))
    assert [shape[0] for shape in module.seen] == [2, 2, 1]
    tiles = segmenter(tile=9, overlap=3)
    assert torch.equal(tiles(picture()), whole[:1])
    assert {shape[2:] for shape in tiles._on(torch.device("cpu")).seen} == {(9, 9)}


def test_no_images_give_no_segmentation():
    assert segmenter()(torch.zeros(0, 3, 4, 5)).shape == (0, 1, 4, 5)
    assert segmenter().scores(torch.zeros(0, 3, 4, 5)).shape == (0, 2, 4, 5)


def test_the_module_that_was_given_is_left_alone():
    module = Colours().train()
    S = TorchSegmenter(module, ["background", "red", "blue"], PLAIN)
    S(picture())
    assert module.training and module.gain.requires_grad and not module.seen
    module.gain.data.zero_()
    assert S(picture()).unique().tolist() == [0, 1, 2]


def test_more_than_255_concepts_need_larger_numbers():
    class Many(nn.Module):
        def forward(self, x):
            return torch.arange(300.0).view(1, 300, 1, 1).expand(len(x), -1, *x.shape[2:])

    seg = TorchSegmenter(Many(), [f"c{i}" for i in range(300)])(picture())
    assert seg.dtype == torch.int16 and seg.unique().tolist() == [300]


def test_the_fingerprint_follows_weights_and_settings():
    marks = {segmenter().fingerprint(), segmenter().fingerprint()}
    assert len(marks) == 1
    marks |= {segmenter(**options).fingerprint() for options in ({"threshold": 0.2}, {"tile": 8}, {"nothing": ()})}
    other = Colours()
    other.gain.data += 1
    marks.add(TorchSegmenter(other, ["background", "red", "blue"], PLAIN).fingerprint())
    marks.add(TorchSegmenter(Colours(), ["background", "red", "blue"]).fingerprint())
    assert len(marks) == 6


def test_outputs_may_be_wrapped():
    class Wrapped(Colours):
        def __init__(self, key) -> None:
            super().__init__()
            self.key = key

        def forward(self, x):
            return {self.key: super().forward(x)} if self.key else "no tensor"

    classes = ["background", "red", "blue"]
    for key in ("logits", "out"):
        assert TorchSegmenter(Wrapped(key), classes, PLAIN)(picture()).unique().tolist() == [0, 1, 2]
    with pytest.raises(TypeError, match="a tensor, or an object with `logits` or `out`, got str"):
        TorchSegmenter(Wrapped(None), classes)(picture())


def test_a_network_that_fails_says_at_what_size():
    class Fixed(nn.Module):
        def forward(self, x):
            return x.view(len(x), 3, 8, 8)

    S = TorchSegmenter(Fixed(), ["a", "b", "c"], name="fixed")
    with pytest.raises(
        ValueError, match=r"fixed failed on images of 12 × 18 pixels, prepared to \(1, 3, 12, 18\): .*size="
    ):
        S(picture())
    assert TorchSegmenter(Fixed(), ["a", "b", "c"], Preparation(size=(8, 8)))(picture()).shape == (1, 1, 12, 18)


def test_memory_that_runs_out_stays_that_error():
    class Hungry(nn.Module):
        def forward(self, x):
            raise RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory")

    with pytest.raises(RuntimeError, match="DefaultCPUAllocator"):
        TorchSegmenter(Hungry(), ["a", "b"])(picture())


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"classes": "ab"}, TypeError, "`classes` must be a list of names"),
        ({"classes": ["a", ""]}, TypeError, "`classes` must be a list of names"),
        ({"classes": ["background"]}, ValueError, "must name something besides"),
        ({"categories": ["x"]}, ValueError, "one for each of the 2 concepts, got 1"),
        ({"outputs": "scores"}, ValueError, "`outputs` must be one of"),
        ({"threshold": 1.0}, ValueError, r"`threshold` in \[0, 1\)"),
        ({"batch_size": 0}, ValueError, "`batch_size` must be at least 1"),
        ({"tile": 4}, ValueError, "at least 8 pixels"),
        ({"tile": 16, "overlap": 16}, ValueError, "more than `overlap`"),
    ],
)
def test_options_that_do_not_fit(change, error, message):
    options = {"classes": ["background", "red", "blue"]} | change
    with pytest.raises(error, match=message):
        TorchSegmenter(Colours(), **options)


def test_too_few_maps_for_the_names():
    with pytest.raises(ValueError, match="of the 4 classes, got"):
        TorchSegmenter(Colours(), ["a", "b", "c", "d"])(picture())


def test_load_gives_it_back_and_takes_no_options_for_it():
    S = segmenter()
    assert segment.load(S) is S
    with pytest.raises(TypeError, match=r"options are for 'hf:…'"):
        segment.load(S, threshold=0.5)


def test_the_fingerprint_follows_plain_attributes_but_not_what_a_pass_leaves_behind():
    class Scaled(nn.Module):
        def __init__(self, gain):
            super().__init__()
            self.gain, self.passes = gain, 0

        def forward(self, x):
            self.passes += 1
            return x[:, :2] * self.gain

    one, same, other = (TorchSegmenter(Scaled(gain), ["a", "b"], PLAIN) for gain in (1, 1, -1))
    assert one.fingerprint() == same.fingerprint() != other.fingerprint()
    one(picture())
    assert one.fingerprint() == same.fingerprint()


@pytest.mark.parametrize(("times", "told"), [(4, False), (5, True)])
def test_a_dissection_says_when_images_are_much_enlarged(planted, times, told):
    import ganwidgets as gw

    side = planted.image_shape[1]
    named = TorchSegmenter(nn.Conv2d(3, 2, 1), ["a", "b"], Preparation(size=(times * side, times * side)))
    found = gw.dissect.run(planted, named, layer="layer1", n=4, chance=False)  # a segmenter where data would stand
    photos = gw.segment.SegmentedPhotos(planted.images(planted.sample_z(4)).float(), named)
    other = gw.dissect.run(nn.Sequential(nn.Conv2d(3, 2, 1)), photos, layer="0", chance=False)
    for notes in (found.notes, other.notes):
        assert any(f"enlarges images of {side} × {side}" in note for note in notes) == told
