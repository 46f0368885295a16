"""The evaluation compares like with like, and its command line teaches."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from typer.testing import CliRunner

from ganwidgets.models.progan import ProGAN
from ganwidgets.scenes import evaluate as module
from ganwidgets.scenes.draw import CONCEPTS, draw_batch
from ganwidgets.scenes.growing import SIZES
from ganwidgets.scenes.measure import HELD_OUT_SEED, to_images
from ganwidgets.segment import SceneSegmenter
from ganwidgets.segment.scenes import WEIGHTS

pytestmark = pytest.mark.skipif(not WEIGHTS.exists(), reason="the bundled segmenter's weights are not there")


class Drawer(torch.nn.Module):
    """A perfect generator of a world: it draws."""

    sizes = (4,)

    def __init__(self, without=()):
        super().__init__()
        self.start, self.without = 0, without

    def forward(self, z):
        pictures = draw_batch(len(z), seed=HELD_OUT_SEED + 1, start=self.start, without=self.without)[0]
        self.start += len(z)
        return to_images(pictures)


def test_a_generator_that_draws_is_as_good_as_drawings():
    done = []
    result = module.evaluate(Drawer(), SceneSegmenter(), n=200, tick=done.append)
    assert sum(done) == 600
    assert result["within"] == 17
    assert result["fsd"] < 3 * result["fsd_floor"]
    assert list(result["concepts"]) == list(CONCEPTS)
    sky = result["concepts"]["sky"]
    assert sky["low"] < 1 < sky["high"]
    assert sky["drawn"] == pytest.approx(sky["drawn_exact"], rel=0.02)


def test_a_generator_that_draws_no_trees_and_no_water_is_found_out():
    result = module.evaluate(Drawer(without=("tree", "water")), SceneSegmenter(), n=200)
    out = [name for name, row in result["concepts"].items() if not 0.5 <= row["ratio"] <= 2]
    assert out == ["tree", "water"]
    assert result["within"] == 15
    assert result["fsd"] > 3 * result["fsd_floor"]


def test_the_command_writes_a_grid_and_numbers(tmp_path):
    save_file(ProGAN(SIZES).state_dict(), tmp_path / "g.safetensors")
    arguments = ["--weights", tmp_path / "g.safetensors", "--n", 20, "--grid", tmp_path / "g.png"]
    arguments += ["--json", tmp_path / "g.json"]
    answer = CliRunner().invoke(module.app, [str(a) for a in arguments])
    assert answer.exit_code == 0, answer.output
    assert "of 17 concepts cover between half and twice" in answer.output
    with Image.open(tmp_path / "g.png") as sheet:
        assert sheet.size == (1280, 1280)
    result = json.loads((tmp_path / "g.json").read_text())
    assert result["n"] == 20
    assert result["fsd"] > result["fsd_floor"]


def test_the_grid_shows_sample_i_in_row_and_column():
    class Ramp(torch.nn.Module):
        sizes = (1,)

        def forward(self, z):
            return torch.linspace(-1, 1, len(z))[:, None, None, None].expand(-1, 3, 2, 2)

    sheet = np.asarray(module.grid(Ramp(), side=3, zoom=1))
    assert sheet[::2, ::2, 0].flatten().tolist() == [0, 32, 64, 96, 128, 159, 191, 223, 255]


def test_a_missing_file_says_how_to_train_one(tmp_path):
    answer = CliRunner().invoke(module.app, ["--weights", str(tmp_path / "none.safetensors")])
    assert answer.exit_code == 2
    assert "train one with" in " ".join(answer.output.replace("│", " ").split())
