"""Small generators to rewrite, and what the original computes on two of them (tests/data/rewriting/README.md)."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

DATA = Path(__file__).parents[1] / "data/rewriting"


CASES = ("progan_layer5", "progan_layer6", "stylegan2_layer5", "stylegan2_layer6")


def golden(case):
    """Arrays and facts of one case."""
    arrays = {key: torch.from_numpy(np.array(array)) for key, array in np.load(DATA / f"{case}.npz").items()}
    return arrays, json.loads((DATA / f"{case}.json").read_text())


@pytest.fixture(scope="session")
def progan():
    """The trained Progressive GAN of the golden cases, 32 × 32."""
    from ganwidgets.models import load

    return load(DATA.parent / "dissect/model.safetensors")


@pytest.fixture(scope="session")
def stylegan2():
    """The StyleGAN2 of the golden cases, 32 × 32, truncated as there."""
    from ganwidgets.models import load

    return load(DATA / "stylegan2_nonoise.pt").truncated(0.5)


@pytest.fixture(scope="session")
def case(request, progan, stylegan2):
    """One golden case (parametrise it indirectly by its name): layer, sample, statistics, masks, arrays, facts."""
    from ganwidgets.rewrite.editable import editable_layer
    from ganwidgets.rewrite.keys import collect_keys
    from ganwidgets.rewrite.request import load_request

    family, _, number = request.param.partition("_layer")
    network = progan if family == "progan" else stylegan2
    editable = editable_layer(network, f"layer{number}" if family == "progan" else f"convs.{int(number) - 3}")
    arrays, facts = golden(request.param)
    asked = "request_cloud2sun.json" if family == "progan" else f"request_{request.param}.json"
    z = network.sample_z(200)
    return SimpleNamespace(
        editable=editable,
        z=z,
        statistics=collect_keys(editable, z, seed=1),
        request=load_request(DATA / asked, legacy_alpha=True),
        arrays=arrays,
        facts=facts,
    )


@pytest.fixture
def pixels():
    """A layer whose keys are the latent itself: z (3, 4, 4) is the map of keys of a 3 × 3 convolution to 3 colours."""
    from ganwidgets.models import TorchGenerator

    torch.manual_seed(0)
    return TorchGenerator(nn.Sequential(nn.Identity(), nn.Conv2d(3, 3, 3, padding=1)), (3, 4, 4), name="pixels")


@pytest.fixture(scope="session")
def soft():
    """The planted segmenter with probabilities as scores."""
    from ganwidgets.testing.planted import PlantedSegmenter

    class Soft(PlantedSegmenter):
        def scores(self, images):
            return torch.sigmoid(8 * (super().scores(images) - 0.5))

        def __call__(self, images):
            return PlantedSegmenter()(images)

    return Soft()


def box(top, left, bottom, right, size=16):
    region = np.zeros((size, size), np.float32)
    region[top:bottom, left:right] = 1
    return region


@pytest.fixture(scope="module")
def network():
    """A Progressive GAN of four widths that is drawn at random, 16 × 16."""
    from ganwidgets.models import ProGAN, TorchGenerator

    torch.manual_seed(0)
    return TorchGenerator(ProGAN((8, 8, 8, 8)), name="tiny", output_range=(-50, 50))


@pytest.fixture
def make_session(network):
    from ganwidgets.rewrite.controller import RewriteController

    made = []

    def make_session(**traits):
        made.append(
            RewriteController(network, **{"n_sample": 30, "layer": "layer4", "refining": False, "norm": "l2", **traits})
        )
        made[-1].wait(30.0)
        return made[-1]

    yield make_session
    for controller in made:
        controller.close()


@pytest.fixture
def marked(make_session):
    """A session in which something is to be copied, pasted and kept."""
    session = make_session()
    session.mark("object", 0, box(2, 2, 8, 8))
    session.mark("paste", 1, box(8, 8, 14, 14))
    session.wait(20.0)
    return session
