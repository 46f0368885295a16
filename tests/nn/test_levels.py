"""Insertion values are the exact quantile of everything the unit did, however many batches that were."""

import numpy as np
import pytest
import torch


@pytest.mark.parametrize("quantile", [0.9999, 0.995, 0.9, 0.5, 0.3, 0.01])
@pytest.mark.parametrize("n", [1, 5, 100])
def test_the_streamed_quantile_is_hazens(planted, quantile, n):
    from ganwidgets.nn.levels import insertion_value

    z = planted.sample_z(n, seed=3)
    everything = planted.acts(z, "layer1").transpose(0, 1).flatten(1)
    expected = np.quantile(everything.double().numpy(), quantile, axis=1, method="hazen")
    np.testing.assert_allclose(insertion_value(planted, "layer1", z, quantile=quantile), expected, atol=1e-6)


def test_ablation_brushes_and_the_panels_levels_set_units_to_one_and_the_same_value(planted):
    """Thirty values: at the 0.995 quantile definitions differ by up to half a step between the highest two."""
    from ganwidgets.ablate import insertion_value
    from ganwidgets.nn import levels
    from ganwidgets.paint.brushes import Levels

    assert insertion_value is levels.insertion_value
    expected = insertion_value(planted, "layer1", planted.sample_z(40, 5))
    assert torch.equal(Levels(planted, n=40, seed=5)("layer1"), expected)


def test_on_the_planted_units_the_level_is_known(planted):
    from ganwidgets.nn.levels import insertion_value

    levels = insertion_value(planted, "layer2", planted.sample_z(64))
    assert levels[:4].tolist() == [2.0, 2.0, 0.0, 2.0]  # red and blue where they are on; dead; saturated


def test_memory_holds_the_highest_values_only(planted, monkeypatch):
    from ganwidgets.nn import levels

    kept, topk = [], torch.Tensor.topk
    monkeypatch.setattr(torch.Tensor, "topk", lambda self, k, dim: kept.append(k) or topk(self, k, dim=dim))
    levels.insertion_value(planted, "layer1", planted.sample_z(100))
    assert max(kept) == 129  # of 25,600 places


@pytest.mark.parametrize(("quantile", "n"), [(0.0, 4), (1.0, 4), (1.5, 4), (0.9, 0)])
def test_bad_input_is_one_sentence(planted, quantile, n):
    from ganwidgets.nn.levels import insertion_value

    with pytest.raises(ValueError, match=r"`quantile` must lie between|`z` must hold"):
        insertion_value(planted, "layer1", planted.sample_z(4)[:n], quantile=quantile)
