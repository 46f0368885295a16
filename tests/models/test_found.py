"""Which of the things in a checkpoint is the generator; what was left, and why."""

import argparse
import pickle
from dataclasses import replace

import pytest
import torch
from torch import nn

from ganwidgets.models import checkpoints
from ganwidgets.models.checkpoints import load
from ganwidgets.models.families import FAMILIES
from ganwidgets.models.files import Content, read_file
from ganwidgets.models.found import find_generator
from ganwidgets.models.inert import Stub
from ganwidgets.models.progan import ProGAN
from ganwidgets.models.roles import role
from ganwidgets.models.strangers import stranger

W = {"conv.weight": torch.ones(2, 2)}
OTHER = {"conv.weight": torch.zeros(2, 2)}


def prefixed(prefix, state=W):
    return {f"{prefix}{key}": part for key, part in state.items()}


@pytest.mark.parametrize(
    ("content", "where"),
    [
        (W, ""),
        ({"state_dict": W}, "state_dict"),
        ({"model": {"state_dict": {"module": W}}}, "model/state_dict/module"),
        ({"G_ema": W, "G": OTHER, "D": OTHER, "augment_pipe": OTHER}, "G_ema"),
        ({"g_ema": W, "g": OTHER, "d": OTHER, "latent_avg": torch.ones(3)}, "g_ema"),
        ({"params_ema": W, "params": OTHER}, "params_ema"),
        ({"generator": W, "discriminator": OTHER, "optim": {"state": {0: OTHER}, "param_groups": []}}, "generator"),
        ({"netG_state_dict": W, "netD_state_dict": OTHER}, "netG_state_dict"),
        ({"generator_state_dict": W, "critic_state_dict": OTHER}, "generator_state_dict"),
        ({"G_state": W, "D_state": OTHER, "optG": {"x": OTHER}}, "G_state"),
        ({"generatorEMA": W, "generator": OTHER}, "generatorEMA"),
        ({"gen": W, "disc": OTHER}, "gen"),
        ({"g_running": W, "generator": OTHER, "discriminator": OTHER}, "g_running"),
        ({"Gs": W, "G": OTHER, "D": OTHER}, "Gs"),
        ({"model_state_dict": W, "optimizer_state_dict": OTHER}, "model_state_dict"),
        ({"decoder": W, "encoder": OTHER}, "decoder"),
        ({"iteration": torch.tensor(5), "model": W}, "model"),
        ([{"state_dict": W}], "0/state_dict"),
        ({"state_dict": prefixed("generator.") | prefixed("discriminator.", OTHER)}, "state_dict"),
        ({"state_dict": prefixed("G.") | prefixed("D.", OTHER) | prefixed("lpips.net.", OTHER)}, "state_dict"),
        (prefixed("generator.") | prefixed("loss.vgg.", OTHER), ""),
        (prefixed("netG.module."), ""),
        (prefixed("module._orig_mod."), ""),
        (prefixed("ema_generator.") | prefixed("generator.", OTHER), ""),
        ({"conv._orig_mod.weight": torch.ones(2, 2)}, ""),
        ({"conv.weight": torch.ones(2, 2, dtype=torch.float16)}, ""),
        ({"conv.weight": torch.ones(2, 2, dtype=torch.bfloat16)}, ""),
    ],
)  # fmt: skip
def test_the_generator_is_found(content, where):
    found = find_generator(content)
    assert found.where == where
    assert set(found.state) - {"latent_avg"} == {"conv.weight"}
    assert torch.equal(found.state["conv.weight"], W["conv.weight"])
    assert found.state["conv.weight"].dtype == torch.float32


def test_what_is_beside_the_weights_is_kept_or_named():
    found = find_generator(
        {
            "g_ema": W,
            "g": OTHER,
            "d": OTHER,
            "vgg": OTHER,
            "g_optim": {"state": {}, "param_groups": []},
            "shadow": [torch.ones(2)],
            "latent_avg": torch.ones(3),
            "epoch": 7,
            "args": Stub("argparse.Namespace", state={"size": 64, "fun": Stub("x.y")}),
        }
    )
    assert dict(found.ignored) == {
        "g": "not averaged, as 'g_ema' is",
        "d": "a discriminator",
        "vgg": "no generator",
        "g_optim": "an optimiser's state",
        "shadow": "tensors without names",
    }
    assert found.state["latent_avg"].shape == (3,)
    assert found.config["options"] == {"epoch": 7, "size": 64}


def test_what_was_done_is_noted():
    half = {f"module.{key}": part.half() for key, part in W.items()}
    found = find_generator(Content("a.pt", "torch", half, ("storages saved on cuda:0 were read on the CPU",)))
    assert found.notes == (
        "storages saved on cuda:0 were read on the CPU",
        "float16 weights were made float32",
        "the prefix 'module' was taken off every name",
    )
    left = find_generator(prefixed("generator.") | prefixed("discriminator.", OTHER) | {"n_averaged": torch.tensor(1)})
    assert dict(left.ignored) == {"n_averaged": "a counter of averaged steps", "discriminator.…": "a discriminator"}


@pytest.mark.parametrize(
    "state",
    [
        {"embeddings.weight": torch.ones(2, 2), "generator.conv.weight": torch.ones(2, 2)},  # BigGAN's own parts
        {"mapping.w": torch.ones(2, 2), "synthesis.w": torch.ones(2, 2)},
        {"main.0.weight": torch.ones(2, 2)},
        {"generator_deconv.0.weight": torch.ones(2, 2)},
        {"encoder.w": torch.ones(2, 2), "quant_conv.w": torch.ones(2, 2)},
    ],
)
def test_names_of_the_network_itself_are_left(state):
    found = find_generator(state)
    assert list(found.state) == list(state) and not found.ignored


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ({"epoch": 3}, "must hold a state dict, tensors by name, but none was found"),
        ({}, "must hold a state dict"),
        (5, "must hold a state dict"),
        ([torch.ones(1)], "must hold a state dict"),
        ({"netD_state_dict": W}, "holds 'netD_state_dict': this is the discriminator's file"),
        ({"encoder": W, "classifier": OTHER}, "'encoder', 'classifier', none of which is one"),
        ({"photo": W, "sketch": W}, "several networks, 'photo', 'sketch'"),
        ({"G_A": W, "G_B": W, "D_A": W}, "several networks, 'G_A', 'G_B'"),
        ({"state": {0: {"exp_avg": torch.ones(2)}}, "param_groups": [{"lr": 0.1}]}, "the state of an optimiser only"),
        ({"optimizer": {"state": {0: {"m": torch.ones(2)}}, "param_groups": []}}, "the state of an optimiser only"),
        (Stub("lib.Thing", state={"a": 1}), "holds an object of lib.Thing without any"),
        ((Stub("dnnlib.tflib.network.Network", state={}),) * 3, r"NVIDIA's TensorFlow programs.*with legacy\.py"),
    ],
)  # fmt: skip
def test_what_is_not_found_is_said(content, sentence):
    with pytest.raises(ValueError, match=sentence) as error:
        find_generator(content)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "dtype", [torch.float64, torch.float16, torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2]
)
def test_other_precisions_become_single_and_are_noted(dtype):
    weights = {"a": torch.ones(2, 2).to(dtype), "b": torch.ones(2), "n": torch.tensor(3)}
    name = str(dtype).removeprefix("torch.")
    for content in ({"g_ema": weights}, {"model_config": None, "weights": weights}):
        found = find_generator(content)
        assert [part.dtype for part in found.state.values()] == [torch.float32, torch.float32, torch.int64]
        assert f"{name} weights were made float32" in found.notes
    from ganwidgets.models import inspect

    assert f"{name} weights were made float32" in inspect({"g_ema": weights}).notes


def test_numbers_that_torch_cannot_make_single_are_told():
    packed = torch.zeros(2, 2, dtype=torch.uint8).view(torch.float4_e2m1fn_x2)
    with pytest.raises(ValueError, match="that torch can make float32, got float4_e2m1fn_x2: save them as float32"):
        find_generator({"a": packed})


def test_keras_files_keep_their_paths():
    weights = {"dense/dense/kernel:0": torch.ones(2, 3)}
    found = find_generator({"model_config": {"class_name": "Sequential"}, "weights": weights})
    assert list(found.state) == list(weights)
    assert found.config == {"keras": {"class_name": "Sequential"}}
    assert find_generator({"model_config": None, "weights": weights}).config == {}


@pytest.mark.parametrize("zipped", [True, False])
def test_a_module_saved_whole_is_its_weights(tmp_path, zipped):
    torch.manual_seed(0)
    module = ProGAN((3, 2, 2)).half()
    content = {"G": module, "D": nn.Linear(2, 1), "args": argparse.Namespace(lr=0.1)}
    torch.save(content, tmp_path / "a.pt", _use_new_zipfile_serialization=zipped)
    found = find_generator(read_file(tmp_path / "a.pt"))
    assert found.where == "G"
    assert set(found.state) == set(module.state_dict())
    assert all(torch.equal(found.state[key], part.float()) for key, part in module.state_dict().items())
    assert found.config["class_name"] == "ganwidgets.models.progan.ProGAN"
    assert found.config["classes"]["layer1.conv"] == "torch.nn.modules.conv.Conv2d"
    assert found.config["options"] == {"lr": 0.1}
    g = load(tmp_path / "a.pt")
    assert g.image_shape == (3, 8, 8) and g.source is None  # a module cannot be written back


def test_buffers_that_are_not_saved_are_not_found(tmp_path):
    module = nn.BatchNorm2d(2)
    module.register_buffer("fleeting", torch.ones(5), persistent=False)
    torch.save(module, tmp_path / "a.pt")
    assert set(find_generator(read_file(tmp_path / "a.pt")).state) == set(module.state_dict())


def test_a_tuple_of_whole_modules_goes_by_their_classes(tmp_path):
    class Discriminator(nn.Linear):
        pass

    class Generator(nn.Linear):
        pass

    stubs = tuple(Stub(f"models.{kind.__name__}", state=vars(kind(2, 2))) for kind in (Generator, Discriminator))
    found = find_generator(stubs)
    assert (found.where, found.config["class_name"]) == ("0", "models.Generator")
    assert dict(found.ignored) == {"1": "a discriminator"}


def test_trees_that_share_or_nest_are_walked_once():
    node = W
    for _ in range(30):
        node = {"a": node, "b": node}
    with pytest.raises(ValueError, match=r"several networks|must hold a state dict"):
        find_generator(node)
    for _ in range(13):
        node = {"state_dict": node}
    with pytest.raises(ValueError, match=r"state dict"):
        find_generator(node)


def test_a_plain_pickle_of_arrays_is_a_state_dict(tmp_path):
    torch.manual_seed(0)
    state = ProGAN((3, 2, 2)).state_dict()
    (tmp_path / "a.pkl").write_bytes(pickle.dumps({"G": {key: part.numpy() for key, part in state.items()}}))
    g = load(tmp_path / "a.pkl")
    assert all(torch.equal(g.module.state_dict()[key], part) for key, part in state.items())


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("netG", "generator"),
        ("G_ema", "averaged generator"),
        ("optimizerD", "an optimiser's state"),
        ("d_optim", "an optimiser's state"),
        ("lr_scheduler", "an optimiser's state"),
        ("netD_A", "a discriminator"),
        ("discriminator", "a discriminator"),
        ("state_dict", ""),
        ("image_decoder", "decoder"),
        ("design", ""),
        ("Gradient", ""),
    ],
)
def test_roles_go_by_words(name, kind):
    assert role(name) == kind


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (["unet.down.lora_A.weight"], "a LoRA"),
        (["lora_unet_x.lora_down.weight"], "a LoRA"),
        (["down_blocks.0.w", "time_embedding.linear_1.weight"], "a denoising UNet"),
        (["model.diffusion_model.input_blocks.0.w"], "a denoising UNet"),
        (["transformer.wte.weight"], "a language model"),
        (["model.embed_tokens.weight", "lm_head.weight"], "a language model"),
    ],
)
def test_strangers_are_told_what_they_are(names, sentence):
    state = {name: torch.ones(2, 2) for name in names}
    assert sentence in stranger(state)
    with pytest.raises(ValueError, match=sentence):
        load(state)


def test_a_classifier_is_told_from_a_discriminator():
    classifier = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Flatten(), nn.Linear(32, 10)).state_dict()
    assert "a classifier; gw.load_classifier" in stranger(classifier)
    critic = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Flatten(), nn.Linear(32, 1)).state_dict()
    assert "a discriminator" in stranger(critic)
    assert stranger({"a": torch.ones(4, 4)}) == ""


BESIDE = {"initted": torch.tensor([True]), "step": torch.tensor(7)}


@pytest.mark.parametrize(
    "content",
    [
        prefixed("online_model.", OTHER) | prefixed("ema_model.") | BESIDE,
        prefixed("ema_model.") | BESIDE,
        prefixed("model."),
        {"state_dict": prefixed("net.")},
        {"state_dict": prefixed("generator.") | {"val.mean": torch.zeros(4), "example": torch.zeros(3)}},
        W | {"epoch": torch.tensor(3)},
    ],
)
def test_what_trainers_save_around_the_weights_is_left(content):
    found = find_generator(content)
    assert list(found.state) == ["conv.weight"] and found.state["conv.weight"].all()
    assert found.ignored or found.notes


def test_a_list_of_layers_and_numbers_of_the_network_are_kept():
    for state in (prefixed("model.0."), W | {"gain": torch.tensor(2.0)}, {"w": torch.ones(2, 2), "n": torch.tensor(3)}):
        assert list(find_generator(state).state) == list(state)


def test_names_are_not_endless():
    with pytest.raises(ValueError, match="names of more than 1,000 letters"):
        find_generator({"a" * 1001: torch.ones(2, 2)})


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory")])
def test_too_little_memory_is_said(monkeypatch, error):
    def fail(found, name):
        raise error

    family = replace(FAMILIES[0], recognises=lambda found: True, build=fail)
    monkeypatch.setattr(checkpoints, "FAMILIES", (family,))
    with pytest.raises(ValueError, match="of 4 parameters needs more memory than there is"):
        load(W)
