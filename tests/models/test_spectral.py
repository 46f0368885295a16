"""Weights with spectral normalisation become the weights their layers use."""

import pytest
import torch
from torch import nn

from ganwidgets.models.spectral import without_spectral_norm

LAYERS = {
    "linear": lambda: nn.Linear(5, 3),
    "conv": lambda: nn.Conv2d(2, 4, 3),
    "transposed": lambda: nn.ConvTranspose2d(2, 4, 3),
    "square transposed": lambda: nn.ConvTranspose2d(3, 3, 2),
    "embedding": lambda: nn.Embedding(4, 6),
}
INPUTS = {
    "linear": lambda: torch.randn(2, 5),
    "conv": lambda: torch.randn(2, 2, 6, 6),
    "transposed": lambda: torch.randn(2, 2, 6, 6),
    "square transposed": lambda: torch.randn(2, 3, 6, 6),
    "embedding": lambda: torch.tensor([0, 3]),
}


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("new", [False, True], ids=["old style", "parametrization"])
def test_the_layer_computes_the_same_with_plain_weights(layer, new):
    torch.manual_seed(0)
    wrap = torch.nn.utils.parametrizations.spectral_norm if new else torch.nn.utils.spectral_norm
    original, plain = (nn.Sequential(layer) for layer in (wrap(LAYERS[layer]()), LAYERS[layer]()))
    x = INPUTS[layer]()
    for _ in range(5):
        original(x)  # in train mode, u and v follow the weight
    original.eval()
    plain.load_state_dict(without_spectral_norm(original.state_dict()))
    assert torch.allclose(original(x), plain(x), atol=1e-6)


def test_other_weights_stay_and_missing_vectors_are_said():
    state = {"a.weight": torch.ones(2), "b.weight_orig": torch.ones(2, 2)}
    with pytest.raises(ValueError, match=r"b\.weight_orig must come with its vectors"):
        without_spectral_norm(state)
    state |= {"b.weight_u": torch.ones(3), "b.weight_v": torch.ones(2)}
    with pytest.raises(ValueError, match="must fit its vectors"):
        without_spectral_norm(state)
    assert without_spectral_norm({"a.weight": state["a.weight"]})["a.weight"] is state["a.weight"]
