"""Insertion levels are the exact quantile of everything the unit did, however many batches that were."""

import pytest
import torch


@pytest.mark.parametrize("quantile", [0.995, 0.9, 0.5, 0.01])
@pytest.mark.parametrize("n", [1, 5, 100])
def test_the_streamed_quantile_is_torch_s_own(planted, quantile, n):
    from ganwidgets.nn.levels import insertion_levels

    z = planted.sample_z(n, seed=3)
    everything = planted.acts(z, "layer1").transpose(0, 1).flatten(1)
    expected = everything.double().quantile(quantile, dim=1).float()
    torch.testing.assert_close(insertion_levels(planted, "layer1", z, quantile=quantile), expected)


def test_on_the_planted_units_the_level_is_known(planted):
    from ganwidgets.nn.levels import insertion_levels

    levels = insertion_levels(planted, "layer2", planted.sample_z(64))
    assert levels[:4].tolist() == [2.0, 2.0, 0.0, 2.0]  # red and blue where they are on; dead; saturated


def test_memory_holds_the_highest_values_only(planted, monkeypatch):
    from ganwidgets.nn import levels

    kept, topk = [], torch.Tensor.topk
    monkeypatch.setattr(torch.Tensor, "topk", lambda self, k, dim: kept.append(k) or topk(self, k, dim=dim))
    levels.insertion_levels(planted, "layer1", planted.sample_z(100))
    assert max(kept) == 129  # of 25,600 places


@pytest.mark.parametrize(("quantile", "n"), [(0.0, 4), (1.0, 4), (1.5, 4), (0.9, 0)])
def test_bad_input_is_one_sentence(planted, quantile, n):
    from ganwidgets.nn.levels import insertion_levels

    with pytest.raises(ValueError, match=r"`quantile` must lie between|`z` must hold"):
        insertion_levels(planted, "layer1", planted.sample_z(4)[:n], quantile=quantile)
