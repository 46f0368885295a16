"""Wrappers are taken off where that is exact; where hooks would be ignored, the module is refused."""

import warnings

import pytest
import torch
from torch import nn

from ganwidgets.models.edits import zero_units
from ganwidgets.models.generator import TorchGenerator
from ganwidgets.models.wrappers import unwrap


def module():
    torch.manual_seed(0)
    return nn.Sequential(nn.ConvTranspose2d(5, 4, 4), nn.ReLU(), nn.Conv2d(4, 3, 1))


@pytest.mark.parametrize(
    "wrap",
    [nn.DataParallel, lambda m: torch.compile(m), lambda m: torch.compile(nn.DataParallel(m))],
    ids=["DataParallel", "compile", "both"],
)
def test_wrapped_modules_are_read_as_they_are(wrap):
    inner = module()
    plain, wrapped = TorchGenerator(inner), TorchGenerator(wrap(inner))
    z = plain.sample_z(2)
    assert wrapped.module is inner
    assert list(wrapped.layers) == ["0", "1", "2"]
    with plain.intervene("1", zero_units([0])), wrapped.intervene("1", zero_units([0])):
        assert torch.equal(wrapped.images(z, clamp=False), plain.images(z, clamp=False))


def test_a_scripted_module_is_refused():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # newer torch calls scripting deprecated
        scripted = torch.jit.script(nn.ReLU())
    with pytest.raises(TypeError, match="its part '1' is scripted or traced"):
        unwrap(nn.Sequential(nn.Conv2d(3, 3, 1), scripted))


def test_a_part_compiled_is_refused():
    with pytest.raises(TypeError, match=r"its part '0' is wrapped by torch\.compile.*Pass the module as it was"):
        unwrap(nn.Sequential(torch.compile(nn.ReLU())))


def test_a_module_compiled_in_place_is_refused():
    inner = module()
    inner.compile()
    with pytest.raises(TypeError, match="Sequential was compiled in place"):
        unwrap(inner)


def test_a_compiled_forward_is_refused():
    class Own(nn.Module):
        @torch.compile
        def forward(self, x):
            return x

    with pytest.raises(TypeError, match="Own has a compiled forward"):
        unwrap(Own())


def test_data_parallel_inside_is_refused_on_several_devices_only():
    inner = nn.Sequential(nn.DataParallel(nn.ReLU()))
    assert unwrap(inner) is inner or torch.cuda.device_count() > 1
    inner[0].device_ids = [0, 1]
    with pytest.raises(TypeError, match="DataParallel over several devices"):
        unwrap(inner)


def test_only_modules_are_taken():
    with pytest.raises(TypeError):
        unwrap("module")
