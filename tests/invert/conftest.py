"""What tests of several parts of an inversion share: small samples in a folder of their own, a network of classes."""

import pytest
import torch
from torch import nn


@pytest.fixture(scope="module")
def own_cache(tmp_path_factory):
    """Small samples, in a folder of the module's tests."""
    from ganwidgets.invert import sample
    from ganwidgets.results import cache

    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("cache")
        patch.setattr(cache, "user_cache_path", lambda name: folder)
        patch.setattr(sample, "N", 192)
        yield folder


class Labelled(nn.Module):
    """Draws by class: each has a colour of its own."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.colours = nn.ConvTranspose2d(4, 3, 8), nn.Linear(3, 3, bias=False)

    def forward(self, z, label):
        return torch.tanh(self.first(z[:, :, None, None]) * 0.3 + self.colours(label)[:, :, None, None])


@pytest.fixture
def by_class():
    """Makes a generator of three classes; every one is of the same weights."""
    from ganwidgets.models.conditional import ConditionalGenerator

    return lambda: ConditionalGenerator(Labelled().eval(), (4,), 3, "labelled")


@pytest.fixture
def style():
    """Makes a small StyleGAN2 with random weights, whose pictures stay in their range."""

    def made(n_classes=0):
        from ganwidgets.models.checkpoints import load
        from ganwidgets.models.mapping import MappingSize
        from ganwidgets.models.stylegan2 import StyleGAN2

        torch.manual_seed(0)
        module = StyleGAN2((4, 4, 4), 8, 2, mapping=MappingSize(8, 8, 2, n_classes=n_classes)).eval()
        with torch.no_grad():
            for name, weight in module.named_parameters():
                weight.mul_(0.2 if "rgb" in name and name.endswith("conv.weight") else 1.0)
        return load(module)

    return made
