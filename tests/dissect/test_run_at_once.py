"""`gw.dissect.run`: what is chosen when little is said, and what is kept when it is stopped."""

import signal

import numpy as np
import pytest
import torch
from torch import nn


@pytest.fixture
def dissect():
    from ganwidgets import dissect

    dissect._stopped.clear()
    return dissect


def interrupt_at(images):
    def progress(share):
        if abs(share * 256 - images) < 1:
            signal.raise_signal(signal.SIGINT)

    return progress


def test_an_interrupted_run_goes_on_with_the_same_call(planted, reader, dissect):
    given = {"segmenter": reader, "layer": "layer1", "n": 256, "top_fraction": 0.3}
    whole = dissect.run(planted, **given)
    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt, match="stopped after 96 of 256 images; the same call goes on from there"):
        dissect.run(planted, **given, progress=interrupt_at(96))
    assert signal.getsignal(signal.SIGINT) is handler
    partial = dissect.stopped()
    assert partial.n == 96 and not partial.complete
    seen = []
    again = dissect.run(planted, **given, progress=seen.append)
    assert seen[0] == 128 / 256
    np.testing.assert_array_equal(again.layer().iou, whole.layer().iou)
    np.testing.assert_array_equal(again.layer().iou_chance, whole.layer().iou_chance)
    with pytest.raises(ValueError, match="no dissection was stopped"):
        dissect.stopped()


def test_another_call_starts_anew(planted, reader, dissect):
    given = {"segmenter": reader, "layer": "layer1", "n": 256, "top_fraction": 0.3}
    with pytest.raises(KeyboardInterrupt):
        dissect.run(planted, **given, progress=interrupt_at(96))
    seen = []
    other = dissect.run(planted, **given | {"seed": 2}, progress=seen.append)
    assert seen[0] == 32 / 256 and other.complete


def test_what_progress_raises_stops_the_run_and_loses_nothing(planted, reader, dissect):
    def full(share):
        if share > 0.4:
            raise OSError("no space")

    with pytest.raises(OSError, match="no space"):
        dissect.run(planted, segmenter=reader, layer="layer1", n=256, progress=full)
    assert dissect.stopped().n == 128


@pytest.mark.parametrize("rule", ["top_fraction", "iqr"])
def test_counts_that_were_torn_are_never_gone_on_with(planted, reader, dissect, monkeypatch, rule):
    from ganwidgets.dissect.collect import LayerCounts
    from ganwidgets.dissect.search_sample import SearchSample

    counter = SearchSample if rule == "iqr" else LayerCounts
    add, calls = counter.add, []

    def runs_out(*given):
        calls.append(given)
        add(*given)
        if len(calls) == 4:
            raise MemoryError("no room to count")

    given = {"segmenter": reader, "layer": "layer1", "n": 256, "rule": rule, "top_fraction": 0.3}
    with monkeypatch.context() as patched, pytest.raises(MemoryError):
        patched.setattr(counter, "add", runs_out)
        dissect.run(planted, **given)
    torn = dissect._stopped[0][0]
    for use in (torn.result, torn.state, lambda: next(torn.steps()), dissect.stopped):
        with pytest.raises(ValueError, match="failed in the middle of counting a batch"):
            use()
    seen = []
    again = dissect.run(planted, **given, progress=seen.append)
    assert seen[0] == 32 / torn.total and again.complete


def test_an_unknown_option_is_refused_with_the_nearest_one(planted, reader, dissect):
    with pytest.raises(TypeError, match=r"`top_fractoin` is no option of a dissection.* Did you mean 'top_fraction'"):
        dissect.run(planted, segmenter=reader, layer="layer1", top_fractoin=0.1)


def generator_of(module):
    import ganwidgets as gw

    return gw.TorchGenerator(module.eval(), z_shape=(4,))


class Maps(nn.Module):
    def forward(self, z):
        return z[:, :, None, None].expand(-1, -1, 8, 8).contiguous()


def chain():
    parts = [Maps(), nn.Conv2d(4, 6, 1), nn.ReLU(), nn.Conv2d(6, 3, 1), nn.Tanh()]
    return nn.Sequential(*parts)


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_the_default_layer_lies_inside_a_module_that_holds_everything(dissect, depth):
    """Not the container, whose output is the picture."""
    torch.manual_seed(0)
    module = chain()
    for _ in range(depth):
        module = nn.Sequential(module)
    assert dissect.default_layer(generator_of(module)) == ".".join(["0"] * depth + ["2"])
