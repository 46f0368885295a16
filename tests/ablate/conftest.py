"""The small Progressive GAN of the golden data, and the rule its reference outputs were segmented with."""

from pathlib import Path

import pytest
import torch

DATA = Path(__file__).parents[1] / "data"


class Landscape:
    """House is label 5, bright a slot of its own; only the house has a soft score, as in the reference."""

    name, slots = "landscape", ("object", "color")
    concepts = ("sky", "ground", "sun", "cloud", "house", "bright")
    categories = ("object",) * 5 + ("color",)

    def scores(self, images):
        r, g, b = ((images + 1) / 2).unbind(1)
        house = torch.sigmoid(20 * (r - torch.maximum(g, b) - 0.2))
        return torch.stack([house * (name == "house") for name in self.concepts], 1)

    def __call__(self, images):
        r, g, b = ((images + 1) / 2).clamp(0, 1).unbind(1)
        rules = [
            (b > 0.55) & (b - r > 0.15),
            (g - b > 0.15) & (g - r > 0.02),
            (r > 0.80) & (g > 0.60) & (b < 0.60),
            torch.minimum(torch.minimum(r, g), b) > 0.72,
            r - torch.maximum(g, b) > 0.20,
        ]
        objects = torch.zeros_like(r, dtype=torch.uint8)
        for label, rule in reversed(list(enumerate(rules, 1))):  # the first rule that holds wins
            objects[rule] = label
        bright = ((r + g + b) / 3 > 0.62).to(torch.uint8) * 6
        return torch.stack([objects, bright], 1)


@pytest.fixture(scope="session")
def landscape():
    return Landscape()


@pytest.fixture(scope="session")
def golden_generator():
    import ganwidgets as gw

    for model in (DATA / "dissect/model.safetensors", DATA / "../../../shared/golden/dissect/model.safetensors"):
        if model.exists():
            return gw.load(model)
    pytest.skip("the model of the golden data (tests/data/dissect/model.safetensors) is not here")
