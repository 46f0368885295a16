"""NVIDIA's containers: weights and arguments come out, whatever else is in them; nothing of theirs runs."""

import runpy
from pathlib import Path

import pytest
import torch

from ganwidgets.models.files import read_file, read_weights
from ganwidgets.models.inert import Expanded, Stub
from ganwidgets.models.nvidia import (
    NOTE,
    PERSISTENT,
    arguments,
    is_persistent,
    limit_of,
    mapping_of,
    note,
    plain,
    unpack,
)

DATA = Path(__file__).parents[1] / "data"


def module(name="Layer", parts=None, weights=None, buffers=None, **state):
    """A persistent module, as the reader gives it."""
    state = {"_parameters": weights or {}, "_buffers": buffers or {}, "_modules": parts or {}} | state
    return Stub(PERSISTENT, ({"type": "class", "class_name": name, "module_src": "boom()", "state": state},))


def test_weights_and_buffers_of_all_modules_by_name():
    one, two, three = (torch.full((n,), float(n)) for n in (1, 2, 3))
    inner = module(
        "Inner", weights={"weight": one, "bias": None}, buffers={"kept": two, "passing": three, "none": None}
    )
    inner.args[0]["state"]["_non_persistent_buffers_set"] = {"passing"}
    listed = Stub("torch.nn.modules.container.ModuleList", state={"_parameters": {}, "_modules": {"0": inner}})
    outer = module("Generator", {"a": inner, "list": listed, "no": None}, {"scale": three}, _init_args=(512, 0))
    name, kwargs, state = unpack(outer)
    assert name == "Generator" and kwargs == {"z_dim": 512, "c_dim": 0}
    assert list(state) == ["scale", "a.weight", "a.kept", "list.0.weight", "list.0.kept"]
    assert state["a.kept"] is two


def test_weights_that_repeat_their_numbers_are_named_and_not_left_out():
    inner = module("Inner", weights={"weight": Expanded("torch.Tensor", ((4, 4),))})
    with pytest.raises(ValueError, match=r"'a\.weight' shows the same numbers again and again .* \.contiguous\(\)"):
        unpack(module("Generator", {"a": inner}))


def test_arguments_of_both_generations():
    easy = Stub("dnnlib.util.EasyDict", items={"conv_clamp": 256, "inner": Stub("dnnlib.util.EasyDict")})
    nested = module(_init_kwargs={"img_resolution": 32, "synthesis_kwargs": easy})
    kwargs = unpack(nested)[1]
    assert kwargs == {"img_resolution": 32, "synthesis_kwargs": {"conv_clamp": 256, "inner": {}}}
    assert arguments({"kwargs": kwargs})["conv_clamp"] == 256
    assert arguments({"kwargs": {"conv_clamp": 3}}) == {"conv_clamp": 3}
    assert arguments({}) == {} == arguments({"options": {"step": 3}})
    assert plain([(1, easy)]) == [(1, {"conv_clamp": 256, "inner": {}})]


def test_what_classes_of_one_name_take_as_default_is_read_off_a_layer():
    layer = module(conv_clamp=0.5, activation="lrelu")
    network = module(parts={"synthesis": module(parts={"b4": module(parts={"conv1": layer})})})
    assert unpack(network)[1] == {"conv_clamp": 0.5, "activation": "lrelu"}
    network.args[0]["state"]["_init_kwargs"] = {"conv_clamp": 7}
    assert unpack(network)[1]["conv_clamp"] == 7


def test_a_note_says_what_a_container_would():
    kwargs = {"conv_clamp": None, "mapping_kwargs": {"lr_multiplier": 0.01}}
    assert arguments({"options": {NOTE: note(kwargs)}}) == kwargs
    for bad in ("[1]", "{", "[" * 100_000):
        with pytest.raises(ValueError, match="nvidia_kwargs must be arguments as JSON, got"):
            arguments({"options": {NOTE: bad}})


@pytest.mark.parametrize(
    ("stub", "sentence"),
    [
        (Stub("builtins.eval", ("1",)), "a persistent object of NVIDIA's, but this is none"),
        (Stub(PERSISTENT, ()), "but this is none"),
        (Stub(PERSISTENT, ([1],)), "but this is none"),
        (Stub(PERSISTENT, ({"class_name": "AugmentPipe", "state": {}},)), "its 'AugmentPipe' has no weights"),
        (Stub(PERSISTENT, ({"class_name": "X"},)), "its 'X' has no weights"),
        (module(parts={"a": 3}), "a module as a, got int"),
        (module(parts={"a": module(parts={"b": Stub("os.system")})}), "a module as a.b, got Stub"),
        (module(_init_kwargs=[1]), "arguments of its network as a tuple and a dict"),
    ],
)
def test_what_is_no_module_is_said(stub, sentence):
    with pytest.raises(ValueError, match=sentence):
        unpack(stub)


def test_modules_are_not_nested_without_end():
    deep = module()
    for _ in range(40):
        deep = module(parts={"a": deep})
    with pytest.raises(ValueError, match="nests more than 32 modules"):
        unpack(deep)


@pytest.mark.parametrize("name", ["ada/sg3repo_stylegan2_c5", "stylegan3/stylegan3-t_c0"])
def test_real_containers(name):
    content = read_file(DATA / f"{name}.pkl")
    assert content.format == "pickle" and is_persistent(content.tree["G_ema"])
    class_name, kwargs, state = unpack(content.tree["G_ema"])
    assert class_name == "Generator" and kwargs["img_resolution"] == 32
    assert state["mapping.w_avg"].shape == (32,) and all(isinstance(part, torch.Tensor) for part in state.values())


def test_a_container_written_by_pickle_itself(tmp_path):
    """As NVIDIA's code writes it: parameters, buffers, arguments; and a source text that would be run, were it run."""
    ran = tmp_path / "ran"
    source = f"open({str(ran)!r}, 'w')"
    tree = {"G_ema": module("G", weights={"weight": torch.ones(2, 2)}, _init_kwargs=Stub("EasyDict", items={"a": 1}))}
    tree["G_ema"].args[0]["module_src"] = source
    container = runpy.run_path(str(DATA / "stylegan3" / "repack.py"))["container"]
    (tmp_path / "a.pkl").write_bytes(container(tree))
    assert source.encode() in (tmp_path / "a.pkl").read_bytes()
    _, kwargs, state = unpack(read_weights(tmp_path / "a.pkl")["G_ema"])
    assert kwargs == {"a": 1} and torch.equal(state["weight"], torch.ones(2, 2)) and not ran.exists()


@pytest.mark.parametrize("rate", [None, 0, -1, "x", float("nan"), float("inf"), True])
def test_a_rate_that_is_none(rate):
    with pytest.raises(ValueError, match="lr_multiplier as a positive number"):
        mapping_of({"mapping_kwargs": {"lr_multiplier": rate}})
    with pytest.raises(ValueError, match="conv_clamp as a positive number"):
        limit_of({"conv_clamp": rate if rate is not None else -3})


@pytest.mark.parametrize("given", [[1], "ab", 3])
def test_arguments_without_names(given):
    with pytest.raises(ValueError, match="must give mapping_kwargs as arguments by name"):
        mapping_of({"mapping_kwargs": given})
    with pytest.raises(ValueError, match="must give synthesis_kwargs as arguments by name"):
        arguments({"kwargs": {"synthesis_kwargs": given}})
