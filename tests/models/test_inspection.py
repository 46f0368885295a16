"""`inspect`: what is in a file, as a table; in Python and on the command line."""

import pickle

import pytest
import torch
from safetensors.torch import save_file
from typer.testing import CliRunner

import ganwidgets as gw
from ganwidgets.__main__ import app
from ganwidgets.models.inspection import inspect
from ganwidgets.models.progan import ProGAN


@pytest.fixture
def state():
    torch.manual_seed(0)
    return dict(ProGAN((5, 4, 3)).state_dict())


@pytest.fixture
def checkpoint(tmp_path, state):
    path = tmp_path / "church.pt"
    torch.save({"g_ema": {f"module.{key}": part.half() for key, part in state.items()}, "d": state, "epoch": 3}, path)
    return path


def test_what_is_known_of_a_generator(checkpoint, state):
    found = gw.inspect(checkpoint)
    assert (found.name, found.format, found.family, found.where) == ("church.pt", "torch", "Progressive GAN", "g_ema")
    assert found.size == checkpoint.stat().st_size and not found.problem
    n = sum(part.numel() for part in state.values())
    assert found.facts["parameters"] == f"{n} in {len(state)} tensors"
    assert found.facts["image"] == "8 x 8, 3 channels (RGB)"
    assert found.facts["z"] == "5 x 1 x 1"
    assert found.facts["options"] == "epoch=3"
    assert found.ignored == (("d", "a discriminator"),)
    assert found.notes[:2] == ("float16 weights were made float32", "the prefix 'module' was taken off every name")
    assert ("layer3", 3, 8, 8) in found.layers
    assert found.tensors[0] == ("layer1.conv.weight", (4, 5, 4, 4), "float32")


def test_it_is_a_text_and_a_frame(checkpoint):
    found = inspect(checkpoint)
    shown = str(found)
    for part in ("church.pt", "family      Progressive GAN", "chosen      g_ema", "ignored     d: a discriminator"):
        assert part in shown
    frame = found.to_frame()
    assert list(frame.columns) == ["tensor", "shape", "type", "elements"]
    assert frame.elements[0] == 4 * 5 * 4 * 4


def test_what_is_of_no_known_family_lists_its_tensors(tmp_path):
    save_file({"conv.weight": torch.ones(7, 5, 3, 3), "conv.gain": torch.tensor(1)}, tmp_path / "a.safetensors")
    found = inspect(tmp_path / "a.safetensors")
    assert (found.family, found.layers) == ("", ())
    assert "must be those of a generator of a known family" in found.problem
    assert ("conv.weight", (7, 5, 3, 3), "float32") in found.tensors
    assert "7 x 5 x 3 x 3" in str(found) and "one number" in str(found)


@pytest.mark.parametrize(
    ("content", "problem", "tensor"),
    [
        ({"netD": {"w": torch.ones(2, 2)}}, "this is the discriminator's file", "netD/w"),
        ({"photo": {"w": torch.ones(2, 2)}, "sketch": {"w": torch.ones(2, 2)}}, "several networks", "sketch/w"),
        ([torch.ones(3)], "must hold a state dict", "0"),
        ({"state": {0: {"m": torch.ones(3)}}, "param_groups": []}, "an optimiser only", "state/0/m"),
    ],
)
def test_where_nothing_is_chosen_all_is_listed(tmp_path, content, problem, tensor):
    torch.save(content, tmp_path / "a.pt")
    found = inspect(tmp_path / "a.pt")
    assert problem in found.problem and found.family == ""
    assert tensor in [name for name, _, _ in found.tensors]
    assert "chosen      nothing" in str(found)


def test_state_dicts_and_names_are_inspected_too(state):
    assert (found := inspect(state)).family == "Progressive GAN" and found.size is None
    assert inspect("scenes").facts["image"] == "64 x 64, 3 channels (RGB)"


def test_what_looks_wrong_is_a_note(state):
    found = inspect({key: torch.zeros_like(part) for key, part in state.items()})
    assert any("draws blank pictures; likely because layer1.conv.weight is all zeros" in note for note in found.notes)


# On the command line


def invoke(*args):
    return CliRunner().invoke(app, ["inspect", *map(str, args)], env={"COLUMNS": "100"})


def test_the_command_shows_the_table(checkpoint):
    result = invoke(checkpoint)
    assert result.exit_code == 0
    for part in ("Progressive GAN", "g_ema", "d: a discriminator", "layer3", "8 x 8"):
        assert part in result.output


def test_what_cannot_be_loaded_ends_with_1_and_what_cannot_be_read_with_2(tmp_path):
    save_file({"conv.weight": torch.ones(7, 5, 3, 3)}, tmp_path / "a.safetensors")
    result = invoke(tmp_path / "a.safetensors")
    assert result.exit_code == 1 and "conv.weight" in result.output and "known family" in result.output
    (tmp_path / "b").write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    result = invoke(tmp_path / "b")
    assert result.exit_code == 2 and "is a Git LFS pointer" in result.stderr
    assert invoke(tmp_path / "nowhere").exit_code == 2


def test_names_from_a_file_are_text_and_never_markup(tmp_path):
    name = "[bold red]a[/] [link=https://x]b[/link] \x1b[31mc\x07"
    save_file({name: torch.ones(7, 5, 3, 3)}, tmp_path / "a.safetensors")
    output = invoke(tmp_path / "a.safetensors").output
    assert "[bold red]a[/]" in output.replace("\n", "") and "\x1b" not in output and "\x07" not in output
    torch.save({name: {"w": torch.ones(2, 2)}, "other": {"w": torch.ones(2, 2)}}, tmp_path / "[red]b.pt")
    output = invoke(tmp_path / "[red]b.pt").output
    assert "[red]b.pt" in output and "\x1b" not in output


@pytest.mark.parametrize("name", ["os.system", "ganwidgets.models:load", "__import__('os').getcwd()", "builtins"])
def test_a_name_on_the_command_line_is_a_file_and_nothing_else(name):
    result = invoke(name)
    assert result.exit_code == 2 and "there is no" in result.stderr


def test_nothing_in_an_inspected_file_runs(tmp_path):
    bait = tmp_path / "bait"
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(_Exploit(bait)))
    result = invoke(tmp_path / "a.pkl")
    told = " ".join(result.stderr.split())
    assert result.exit_code == 2 and "mkdir, which could run code: nothing in it was run" in told
    assert not bait.exists()


class _Exploit:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        import os

        return os.mkdir, (str(self.path),)
