"""`load`: names, files, modules; and one sentence for everything else."""

import re

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from ganwidgets.models import checkpoints
from ganwidgets.models.checkpoints import load
from ganwidgets.models.progan import ProGAN

pytestmark = pytest.mark.filterwarnings("ignore:.*lie beyond")


@pytest.fixture
def state():
    torch.manual_seed(0)
    return dict(ProGAN((5, 4, 3)).state_dict())


@pytest.fixture
def scenes(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints, "SCENES", tmp_path)
    return tmp_path


def test_a_generator_is_given_back_and_a_module_wrapped(planted):
    assert load(planted) is planted
    torch.manual_seed(0)
    g = load(ProGAN((5, 4, 3)), name="mine")
    assert (g.name, g.z_shape, g.image_shape) == ("mine", (5, 1, 1), (3, 8, 8))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_files_of_any_kind_and_precision(tmp_path, state, dtype):
    stored = {key: part.to(dtype) for key, part in state.items()}
    save_file(stored, tmp_path / "a.safetensors")
    torch.save({"state_dict": stored}, tmp_path / "b.pth")
    a, b, c = load(tmp_path / "a.safetensors"), load(str(tmp_path / "b.pth")), load(stored)
    z = a.sample_z(2)
    assert torch.equal(a.images(z), b.images(z))
    assert torch.equal(a.images(z), c.images(z))
    assert a.images(z).dtype == next(a.module.parameters()).dtype == torch.float32
    assert (a.name, b.name) == ("a", "b")
    assert a.fingerprint == b.fingerprint


def test_scenes_and_early_scenes_are_bundled_files(scenes, state):
    save_file(state, scenes / "generator.safetensors")
    save_file({key: part.half() for key, part in state.items()}, scenes / "early-16px.safetensors")
    g = load("scenes")
    assert (g.name, g.image_shape) == ("scenes", (3, 8, 8))
    assert load("scenes@16px").name == "scenes@16px"
    with pytest.raises(FileNotFoundError, match=r"must name one of \['16px'\], got '16p'. Did you mean '16px'"):
        load("scenes@16p")


def test_a_name_cannot_leave_the_folder_of_the_weights(scenes, state):
    save_file(state, scenes.parent / "early-secret.safetensors")
    with pytest.raises(FileNotFoundError, match="must name one of"):
        load("scenes@/../../early-secret")
    (scenes / "early-").mkdir()
    with pytest.raises(FileNotFoundError, match="must name one of"):
        load("scenes@/../../early-secret")


def test_missing_scenes_say_how_to_get_them(scenes):
    with pytest.raises(FileNotFoundError, match=r"generator\.safetensors, but that file is missing: install"):
        load("scenes")


@pytest.mark.skipif(
    not (checkpoints.SCENES / "generator.safetensors").exists(), reason="the weights are not bundled yet"
)
def test_the_bundled_generator():
    g = load("scenes")
    assert g.image_shape == (3, 64, 64)
    assert g.layers["layer5"].shape == (64, 16, 16)
    assert g.images(g.sample_z(2)).shape == (2, 3, 64, 64)


def test_faces_without_their_package(monkeypatch):
    monkeypatch.setattr(checkpoints, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"pip install 'ganwidgets\[faces\]'"):
        load("faces")


def test_a_missing_file_names_what_is_near(tmp_path, state, monkeypatch):
    save_file(state, tmp_path / "church.safetensors")
    with pytest.raises(
        FileNotFoundError, match=r"there is no '.*chruch.safetensors'. Did you mean 'church.safetensors'"
    ):
        load(tmp_path / "chruch.safetensors")
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        load(tmp_path / "nowhere" / "church.safetensors")
    with pytest.raises(ValueError, match="is a folder"):
        load(tmp_path)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match="Did you mean 'scenes'"):
        load("scene")
    with pytest.raises(FileNotFoundError, match="Names known here: 'scenes', 'scenes-without-tree', 'faces'"):
        load("xyzzy")


def test_a_discriminator_is_recognised(tmp_path):
    torch.manual_seed(0)
    plain = nn.Sequential(nn.Conv2d(3, 4, 4, 2, 1), nn.LeakyReLU(0.2), nn.Conv2d(4, 1, 4)).state_dict()
    for state in (plain, {"from_rgb.0.conv.weight": torch.ones(4, 3, 1, 1)}):
        save_file(dict(state), tmp_path / "d.safetensors")
        with pytest.raises(ValueError, match=r"`source` '.*d.safetensors': this must be a generator.*a discriminator"):
            load(tmp_path / "d.safetensors")


def test_an_unknown_family_is_told_how_to_be_wrapped(tmp_path):
    torch.save({"mapping.0.weight": torch.ones(4, 4), "gain.n": torch.tensor(3)}, tmp_path / "style.pt")
    expected = (
        "got 2 others (mapping.0.weight (4, 4), gain.n (), …). Say how they are put together, load(file, recipe=[...])"
    )
    with pytest.raises(ValueError, match=re.escape(expected)):
        load(tmp_path / "style.pt")


def test_something_else_is_refused():
    with pytest.raises(TypeError, match=r"`source` must be a name such as 'scenes'.*got int"):
        load(5)


def test_weights_that_do_not_fit_together_are_told(state):
    damaged = state | {"layer1.conv.weight": torch.ones(4, 0, 4, 4)}
    with pytest.raises(ValueError, match=r"must be those of a whole Progressive GAN, but do not fit together"):
        load(damaged)


def test_double_precision_is_made_single(state):
    double = load({key: part.double() if part.is_floating_point() else part for key, part in state.items()})
    assert {part.dtype for part in double.module.state_dict().values() if part.is_floating_point()} == {torch.float32}
    z = double.sample_z(2)
    torch.testing.assert_close(double.images(z), load(state).images(z))
