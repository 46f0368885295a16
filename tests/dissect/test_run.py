"""A run step by step: labels come early, a stop costs nothing, and memory does not grow."""

import itertools

import numpy as np
import pytest
import torch
from torch import nn

RED = 0


def stop_at(work, seen):
    """Work until so many images were seen."""
    for now in work.steps():
        if now >= seen:
            return work
    return work


@pytest.mark.parametrize(
    ("options", "steps"),
    [
        ({"n": 100}, [32, 64, 96, 100]),
        ({"n": 70, "batch": 48}, [48, 70]),
        ({"n": 5}, [5]),
        ({"n": 70, "rule": "iqr"}, [32, 64, 70, 102, 134, 140]),
    ],
)
def test_steps_say_how_many_images_were_seen(planted, reader, start, options, steps):
    work = start(planted, reader, **options)
    assert list(work.steps()) == steps
    assert work.total == steps[-1] and work.done == options["n"]
    assert list(work.steps()) == []


def test_the_search_sample_counts_too(planted, reader, start):
    work = stop_at(start(planted, reader, n=64, rule="iqr"), 96)
    assert (work.searched, work.done, work.total) == (64, 32, 128)


def test_progress_is_the_share_done(planted, reader):
    import ganwidgets as gw

    shares = []
    gw.dissect.run(planted, segmenter=reader, layer="layer1", n=100, progress=shares.append)
    assert shares == [0.32, 0.64, 0.96, 1.0]


def test_what_progress_raises_stops_the_run(planted, reader):
    import ganwidgets as gw

    def enough(share):
        if share > 0.5:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        gw.dissect.run(planted, segmenter=reader, layer="layer1", n=100, progress=enough)


@pytest.mark.parametrize(("n", "batch", "first", "needed"), [(200, 32, 64, 64), (40, 32, 40, 40), (200, 48, 96, 64)])
def test_the_first_labels_come_after_64_images_or_all(planted, reader, start, n, batch, first, needed):
    work = start(planted, reader, n=n, batch=batch)
    with pytest.raises(ValueError, match=f"`result` needs the first {needed} images; 0 were seen"):
        work.result()
    for seen in work.steps():
        assert work.ready == (seen >= first)
        if work.ready:
            break
        with pytest.raises(ValueError, match=f"`result` needs the first {needed} images; {seen} were seen"):
            work.result()
    found = work.result()
    assert found.n == first and found.concepts[found.layer().concept[RED]] == "red"


def test_there_is_no_label_during_the_search(planted, reader, start):
    work = stop_at(start(planted, reader, n=100, rule="iqr"), 100)
    assert not work.ready
    with pytest.raises(ValueError, match="0 were seen"):
        work.result()


def test_a_partial_result_says_so(planted, reader, start):
    found = stop_at(start(planted, reader, n=200), 96).result()
    assert (found.n, found.complete) == (96, False) and "96 of 200 images" in repr(found)
    assert stop_at(start(planted, reader, n=96), 96).result().complete


@pytest.mark.parametrize("options", [{}, {"rule": "iqr"}, {"exact": True}, {"exact": True, "rule": "iqr"}])
@pytest.mark.parametrize("stop", [32, 96, 160])
def test_stopping_changes_nothing(planted, reader, start, assert_same, options, stop):
    whole = start(planted, reader, n=100, **options)
    for _ in whole.steps():
        pass
    again = stop_at(start(planted, reader, n=100, **options), stop)
    assert list(again.steps())[-1:] == ([again.total] if stop < again.total else [])
    assert_same(whole.result(), again.result())


def test_looking_changes_nothing(planted, reader, start, assert_same):
    one, other = start(planted, reader), start(planted, reader)
    for _ in one.steps():
        if one.ready:
            one.result()
    list(other.steps())
    assert_same(one.result(), other.result())


def test_what_was_seen_does_not_depend_on_what_is_to_come(planted, reader, start, assert_same):
    """The first 96 of 500 images give what a run of 96 gives: thresholds, chance levels, pictures."""
    early = stop_at(start(planted, reader, n=500), 96).result()
    assert_same(early, stop_at(start(planted, reader, n=96), 96).result())


def test_an_image_keeps_its_number(planted, reader, start):
    shown = [stop_at(start(planted, reader, n=n, seed=3), n).result().thumbnails for n in (100, 300)]
    images = planted.images(planted.sample_z(300, 3))
    for thumbnails in shown:
        expected = ((images[thumbnails["index"]] + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1)
        np.testing.assert_array_equal(thumbnails["images"], expected)
    assert set(shown[0]["index"]) & set(shown[1]["index"])


def test_the_batch_size_matters_to_the_derangements_only(planted, reader, start):
    one, other = (stop_at(start(planted, reader, batch=batch), 128).result().layer() for batch in (16, 32))
    for part in ("iou", "threshold", "area", "concept", "label_iou", "interval", "concept_area", "labelled"):
        np.testing.assert_array_equal(getattr(one, part), getattr(other, part), part)
    assert (one.iou_chance != other.iou_chance).any()


@pytest.mark.parametrize(
    ("options", "sizes"), [({"n": 80}, [32, 32, 16]), ({"n": 80, "rule": "iqr"}, [32, 32, 16] * 2)]
)
def test_one_forward_pass_and_one_segmentation_a_batch(make_generator, make_segmenter, start, options, sizes):
    passes, seen = [], []

    def maps(z):
        passes.append(len(z))
        return z[:, :2, None, None].expand(-1, -1, 8, 8)

    def read(images):
        seen.append(len(images))
        return (images > 0).to(torch.uint8)

    network = make_generator(maps, lambda x: x[:, :1].clamp(-1, 1))
    passes.clear()
    work = start(network, make_segmenter(read, ["bright"]), layers=("maps", "paint"), **options)
    list(work.steps())
    work.result()
    assert passes == seen == sizes


def test_latents_are_those_of_the_seed_and_the_search_takes_the_next(make_generator, make_segmenter, start):
    passes = []

    def maps(z):
        passes.append(z)
        return z[:, :2, None, None].expand(-1, -1, 8, 8)

    network = make_generator(maps, lambda x: x[:, :1].clamp(-1, 1))
    reads = make_segmenter(lambda images: (images > 0).to(torch.uint8), ["bright"])
    passes.clear()
    list(start(network, reads, layers=("maps",), n=40, seed=7, truncation=0.5, rule="iqr").steps())
    expected = [network.sample_z(40, seed, 0.5) for seed in (8, 7)]
    torch.testing.assert_close(torch.cat(passes), torch.cat(expected), rtol=0, atol=0)
    assert torch.cat(passes).abs().max() <= 0.5


@pytest.mark.parametrize("rule", ["top_fraction", "iqr"])
def test_memory_does_not_grow(planted, reader, start, rule):
    work = start(planted, reader, n=512, rule=rule, layers=("layer1", "layer2"))
    sizes, pictures, searched = [], [], work.total - 512
    for stop in (64, 128, 512):
        state = stop_at(work, searched + stop).state().tensors
        sizes.append({k: v.nbytes for k, v in state.items() if not k.startswith("thumbnails.")})
        pictures.append(len(state["thumbnails.index"]))
    assert sizes[0] == sizes[1] == sizes[2]
    assert not [name for name in sizes[0] if name.startswith("waiting.")]
    assert max(pictures) <= 2 * 8 * (8 + 3 * 6)


def test_the_search_keeps_no_maps_after_its_first_64_images(planted, reader, start):
    work, sizes = start(planted, reader, n=512, rule="iqr"), []
    for stop in (32, 64, 512):
        state = stop_at(work, stop).state().tensors
        sizes.append({k: v.nbytes for k, v in state.items() if k.startswith("search.")})
    assert any("acts" in name for name in sizes[0])
    assert sizes[1] == sizes[2] and not any("acts" in name for name in sizes[1])


class Normed(nn.Module):
    """A convolution and a batch norm, in training mode: the mode in which careless use changes statistics."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.norm = nn.ConvTranspose2d(4, 3, 8), nn.BatchNorm2d(3)

    def forward(self, z):
        return self.norm(self.conv(z)).tanh()


@pytest.mark.parametrize("rule", ["top_fraction", "iqr"])
def test_nothing_of_the_network_is_changed(reader, start, rule):
    import ganwidgets as gw

    module = Normed().train()
    module.norm.eval()
    handle = module.conv.register_forward_hook(lambda *_: None)
    network = gw.TorchGenerator(module)
    before = {name: part.clone() for name, part in module.state_dict().items()}
    modes = [part.training for part in module.modules()]
    stop_at(start(network, reader, layers=("conv", "norm"), n=80, rule=rule), 160).result()
    assert all(torch.equal(part, before[name]) for name, part in module.state_dict().items())
    assert [part.training for part in module.modules()] == modes
    hooks = [list(part._forward_hooks) for part in module.modules()]
    assert list(itertools.chain(*hooks)) == [handle.id]
    assert not any(part._forward_pre_hooks for part in module.modules())
    assert all(part.grad is None for part in module.parameters())


# The same call again


@pytest.fixture
def dissect():
    """`gw.dissect`, in which no run was stopped."""
    from ganwidgets import dissect

    dissect._stopped.clear()
    yield dissect
    dissect._stopped.clear()


def fail_at(third, reader, make_segmenter, **more):
    """A segmenter that reads two batches and then fails for good, if `third`."""
    asked = []

    def read(images):
        asked.append(len(images))
        if third and len(asked) >= 3:
            raise OSError("weights are lost")
        return reader(images)

    return make_segmenter(read, reader.concepts, reader.categories, reader.slots, **more), asked


@pytest.mark.parametrize(("more", "batches"), [({}, 4), ({"fingerprint": lambda: "1"}, 2)])
def test_a_repaired_segmenter_is_the_one_that_is_asked(planted, reader, make_segmenter, dissect, more, batches):
    """With a fingerprint its answers are known to be those of the first one, and the run goes on."""
    given = {"layer": "layer1", "n": 128, "top_fraction": 0.3, "resamples": 20}
    broken, repaired = (fail_at(fails, reader, make_segmenter, **more) for fails in (True, False))
    for _ in range(2):
        with pytest.raises(OSError, match="weights are lost"):
            dissect.run(planted, segmenter=broken[0], **given)
    assert broken[1] == [32] * 4  # the second time only the batch that failed
    assert dissect.stopped().n == 64
    found = dissect.run(planted, segmenter=repaired[0], **given)
    assert repaired[1] == [32] * batches and found.complete
    np.testing.assert_array_equal(found.layer().iou, dissect.run(planted, segmenter=reader, **given).layer().iou)


def test_a_network_that_was_changed_in_between_is_another(reader, dissect):
    from ganwidgets.testing import planted_generator

    network, given = planted_generator(), {"layer": "layer1", "n": 128, "top_fraction": 0.3, "resamples": 20}

    def enough(share):
        if share > 0.5:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        dissect.run(network, segmenter=reader, **given, progress=enough)
    network.module.layer1.areas[0].zero_()
    shares = []
    found = dissect.run(network, segmenter=reader, **given, progress=shares.append)
    assert shares == [0.25, 0.5, 0.75, 1.0] and found.layer().status[0] == "dead"
