"""What the layers of a StyleGAN3 work at: as NVIDIA's code derives it, and back from the names of weights."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from ganwidgets.models.files import read_weights
from ganwidgets.models.state_dicts import generator_weights
from ganwidgets.models.stylegan3_plan import Settings, fits, plan, settings_from, settings_of

GOLDEN = Path(__file__).parents[1] / "data" / "stylegan3"
NAMES = ("stylegan3-t_c0", "stylegan3-r_c5", "stylegan3-t_small")
THEIRS = {
    "is_torgb": "colours", "is_critically_sampled": "critical", "in_channels": "inputs", "out_channels": "units",
    "in_sampling_rate": "in_rate", "out_sampling_rate": "out_rate", "tmp_sampling_rate": "rate",
    "in_cutoff": "in_cutoff", "out_cutoff": "out_cutoff", "in_half_width": "in_half_width",
    "out_half_width": "out_half_width", "conv_kernel": "kernel", "up_factor": "up", "up_taps": "up_taps",
    "down_factor": "down", "down_taps": "down_taps", "down_radial": "radial",
}  # fmt: skip


def facts(name):
    return json.loads((GOLDEN / f"{name}.json").read_text())


def weights(name):
    kind = "pkl" if (GOLDEN / f"{name}.pkl").exists() else "safetensors"
    return generator_weights(read_weights(GOLDEN / f"{name}.{kind}"))


@pytest.mark.parametrize("name", NAMES)
def test_every_constant_is_that_of_nvidias_code(name):
    golden = facts(name)
    made = plan(settings_of(golden["kwargs"]))
    assert [layer.name for layer in made.layers] == list(golden["layers"])
    theirs = golden["input"]
    assert [made.size] * 2 == theirs["size"] and made.layers[0].inputs == theirs["channels"]
    assert (made.rate, made.bandwidth) == (theirs["sampling_rate"], theirs["bandwidth"])
    for layer in made.layers:
        theirs = golden["layers"][layer.name]
        for key, ours in THEIRS.items():
            assert getattr(layer, ours) == pytest.approx(theirs[key], rel=1e-12), (layer.name, key)
        assert [layer.in_size] * 2 == theirs["in_size"] and [layer.out_size] * 2 == theirs["out_size"]
        assert [*layer.padding, *layer.padding] == theirs["padding"]
        assert made.settings.conv_clamp == theirs["conv_clamp"]


@pytest.mark.parametrize("name", NAMES)
def test_filters_follow_from_the_settings(name):
    state, made = weights(name), plan(settings_of(facts(name)["kwargs"]))
    found = 0
    for layer in made.layers:
        for kind, ours in zip(("up_filter", "down_filter"), layer.filters, strict=True):
            theirs = state.get(f"synthesis.{layer.name}.{kind}")
            assert (ours is None) == (theirs is None)
            if ours is not None:
                np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-6)
                found += 1
    assert found == 2 * made.settings.num_layers


@pytest.mark.parametrize("name", NAMES)
def test_weights_alone_say_all_but_the_limit_and_the_scale(name):
    made = settings_of(facts(name)["kwargs"])
    found, units = settings_from(weights(name))
    untold = ("channel_base", "channel_max", "output_scale", "conv_clamp")
    assert replace(found, **{key: getattr(made, key) for key in untold}) == made
    assert [layer.name for layer in plan(found, units).layers] == [layer.name for layer in plan(made).layers]
    assert (found.output_scale, found.conv_clamp) == (0.25, 256)


def test_settings_that_weights_contradict_are_not_guessed():
    state = weights("stylegan3-t_small")
    assert fits(plan(settings_of(facts("stylegan3-t_small")["kwargs"])), state)
    key = "synthesis.L2_28_9.up_filter"
    with pytest.raises(ValueError, match=r"filters of this StyleGAN3 follow from no usual settings.*\.pkl"):
        settings_from(state | {key: state[key] + 1e-3})
    with pytest.raises(ValueError, match=r"none left out, got \['L0_28_10', 'L1_28_10', 'L3_28_7'"):
        settings_from({name: part for name, part in state.items() if "L2_" not in name})
    bare = {name: part for name, part in state.items() if not name.endswith("_filter")}
    assert settings_from(bare)[0].num_critical == 2  # as usual, where no filter says more


def test_the_usual_network_on_paper():
    """256 px: from 16 to 256 samples a picture, a margin of 10; cutoffs 2 to 128, each a fixed multiple of the last."""
    made = plan(Settings(256))
    cutoffs = [layer.out_cutoff for layer in made.layers]
    assert cutoffs[0] == 2 and cutoffs[-3:] == [128, 128, 128]
    ratios = np.diff(np.log2(cutoffs[:13]))
    np.testing.assert_allclose(ratios, 6 / 12)  # six octaves in twelve steps
    assert [layer.out_size for layer in made.layers] == [*[36] * 3, 52, 52, 84, 84, *[148] * 3, *[276] * 3, 256, 256]
    assert [layer.up for layer in made.layers] == [2, 2, 2, 4, 2, 4, 2, 4, 2, 2, 4, 2, 2, 2, 1]
    assert [layer.units for layer in made.layers][8:] == [512, 362, 256, 181, 128, 128, 3]
    assert [layer.margin for layer in made.layers] == [10] * 13 + [0, 0]
    assert made.layers[-1].padding == (0, 0) and made.layers[-1].units == 3
    for layer in made.layers:  # what goes in, with all that is put around it, is just enough for what comes out
        wide = (layer.in_size + layer.kernel - 1) * layer.up + sum(layer.padding) - layer.up_taps + 1
        assert (wide - layer.down_taps) // layer.down + 1 == layer.out_size


@pytest.mark.parametrize(
    ("kwargs", "sentence"),
    [
        ({"img_resolution": 2}, "whole number from 4 to 4096 pixels a side as img_resolution, got 2"),
        ({"img_resolution": 10**6}, "4 to 4096 pixels a side"),
        ({"img_resolution": 10**5000}, "as img_resolution, got a number of hundreds of digits"),
        ({"img_resolution": 32.0}, "whole number from 4 to 4096 pixels a side as img_resolution, got 32.0"),
        ({"img_resolution": 32, "num_critical": 14}, "some layers that are not critical, got 14 of 14"),
        ({"img_resolution": 32, "num_critical": 1.5}, "whole number from 0 to 99 as num_critical, got 1.5"),
        ({"img_resolution": 32, "num_layers": 1, "num_critical": 0}, "from 2 to 100 as num_layers, got 1"),
        ({"img_resolution": 32, "margin_size": -1}, "from 0 to 1024 as margin_size, got -1"),
        ({"img_resolution": 32, "margin_size": 10.5}, "from 0 to 1024 as margin_size, got 10.5"),
        ({"img_resolution": 32, "first_cutoff": 0}, "positive first_cutoff of at most 4096, got 0"),
        ({"img_resolution": 32, "first_cutoff": float("nan")}, "positive first_cutoff of at most 4096, got nan"),
        ({"img_resolution": 32, "first_stopband": 1e-300}, "first_stopband of at least 0.5, got 1e-300"),
        ({"img_resolution": 32, "first_cutoff": 9}, "every stop band beyond its cutoff"),
        ({"img_resolution": 32, "output_scale": float("inf")}, "positive output_scale of at most 4096, got inf"),
        ({"img_resolution": 32, "channel_base": -5}, "as channel_base, got -5"),
        ({"img_resolution": 32, "channel_max": float("nan")}, "as channel_max, got nan"),
        ({"img_resolution": 32, "conv_clamp": -3}, "positive conv_clamp, or None for no limit, got -3"),
        ({"img_resolution": 32, "use_radial_filters": 2}, "True or False as use_radial_filters, got 2"),
        ({"img_resolution": 32, "filter_size": 33}, "from 1 to 32 as filter_size, got 33"),
        ({"img_resolution": 32, "lrelu_upsampling": 9}, "from 1 to 8 as lrelu_upsampling, got 9"),
        ({"img_resolution": 1024, "lrelu_upsampling": 8}, r"at most 1,073,741,824 numbers .* 323 units of 2400 × 2400"),
        ({"img_resolution": 4096, "channel_base": 2**20, "channel_max": 999}, "at most 268,435,456 numbers an image"),
        ({"img_resolution": "big"}, "must say by numbers how its StyleGAN3 was made"),
        ({"num_layers": 14}, "must say by numbers"),
    ],
)
def test_settings_that_make_no_network(kwargs, sentence):
    with pytest.raises(ValueError, match=sentence):
        plan(settings_of(kwargs))


@pytest.mark.parametrize("base", [32768, 65536])
def test_the_largest_published_networks_are_allowed(base):
    """NVIDIA's "t" and "r" of 1024 pixels."""
    assert len(plan(Settings(1024, channel_base=base, channel_max=base // 64)).layers) == 15


def test_units_can_be_given_but_must_be_as_many():
    assert plan(Settings(32), [5] * 14 + [3]).layers[4].name == "L4_36_5"
    with pytest.raises(ValueError, match="must have units for each and colours, 15, got 2"):
        plan(Settings(32), [5, 3])


def test_a_scale_of_nan_is_no_setting():
    with pytest.raises(ValueError, match="positive first_stopband"):
        plan(settings_of({"img_resolution": 32, "first_stopband": float("nan")}))
    assert torch.isfinite(plan(Settings(32)).layers[0].filters[0]).all()
