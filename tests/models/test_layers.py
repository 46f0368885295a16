"""Layer names and what is said when one is wrong."""

import torch

from ganwidgets.models.layers import LayerInfo, did_you_mean, unknown_layer


def layers(*names):
    return {name: LayerInfo(name, (4, 8, 8), torch.float32) for name in names}


def test_info_of_maps_and_vectors():
    info = LayerInfo("layer4", (128, 8, 16), torch.float32)
    assert (info.units, info.resolution, info.is_map) == (128, (8, 16), True)
    vector = LayerInfo("fc", (10,), torch.float32)
    assert (vector.units, vector.resolution, vector.is_map) == (10, (), False)
    assert not LayerInfo("index", (4, 8, 8), torch.int64).is_map


def test_a_name_with_digits_exchanged_is_found():
    error = unknown_layer("layer41", layers("layer2", "layer4", "layer14"), [])
    assert str(error) == (
        "`layer` must be one of ['layer2', 'layer4', 'layer14'], got 'layer41'. Did you mean 'layer14' or 'layer4'?"
    )


def test_nothing_is_suggested_for_a_name_like_no_other():
    assert did_you_mean("xyz", ["layer1"]) == ""
    assert did_you_mean("Layer1", ["layer1"]) == " Did you mean 'layer1'?"


def test_a_layer_that_runs_twice_asks_which_call():
    error = unknown_layer("relu", layers("conv", "relu@0", "relu@1"), ["conv", "relu"])
    assert str(error) == "`layer` 'relu' runs 2 times in a pass; say which call: ['relu@0', 'relu@1']"


def test_a_module_that_does_not_run_says_so():
    assert "exists but gives no activations" in str(unknown_layer("aux", layers("conv"), ["conv", "aux"]))


def test_many_names_are_listed_in_part():
    error = str(unknown_layer("x", layers(*(f"layer{k}.conv" for k in range(50)), "layer1"), []))
    assert "['layer1', 'layer0.conv'," in error
    assert error.count("layer") < 30
    assert "…" in error
