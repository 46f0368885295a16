"""Steps run in their order, whatever their names, and the rest of them from any step on."""

import pytest
import torch
from torch import nn

from ganwidgets.models.generator import TorchGenerator
from ganwidgets.models.pipeline import CLASS, LATENT, ClassEmbedding, Crop, Join, Pipeline, Reshape, Step, free_name
from ganwidgets.testing import check_generator


class Times(nn.Module):
    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def forward(self, x):
        return x * self.factor


class Plus(nn.Module):
    def forward(self, x):
        return x + 1


def rows():
    torch.manual_seed(0)
    return Pipeline(
        [
            Step("up.0", nn.ConvTranspose2d(3, 4, 4)),
            Step("norm.0", nn.BatchNorm2d(4)),
            Step("up.1", nn.ConvTranspose2d(4, 3, 4, 2, 1)),
            Step("tanh", nn.Tanh()),
        ]
    ).eval()


def test_names_of_a_file_need_not_be_in_order():
    module = Pipeline([Step("a.0", Plus()), Step("b", Times(10)), Step("a.1", Plus())])
    assert module(torch.zeros(1)).item() == 11  # (0 + 1) · 10 + 1
    assert [name for name, _ in module.named_children()] == ["a", "b"]
    assert list(rows().state_dict())[:3] == ["up.0.weight", "up.0.bias", "up.1.weight"]


def test_steps_may_take_earlier_ones_and_the_class():
    steps = [Step("a", Plus()), Step("b", Times(10)), Step("join", Join("add"), ("a", "b")), Step("c", Plus())]
    assert Pipeline(steps)(torch.zeros(1)).item() == 1 + 10 + 1
    steps = [Step("embed", ClassEmbedding(3), (LATENT, CLASS))]
    module = Pipeline(steps)
    assert module.takes_class and not rows().takes_class
    assert module(torch.zeros(1, 2), torch.eye(3)[1:2]).tolist() == [[0, 0, 0, 1, 0]]


def test_the_rest_is_known_where_each_step_takes_the_one_before():
    module = rows()
    assert [type(part).__name__ for part in module.after("norm.0")] == ["ConvTranspose2d", "Tanh"]
    assert module.after("tanh") == [] and module.after("up") is None
    branch = Pipeline([Step("a", Plus()), Step("b", Plus()), Step("join", Join(), ("a", "b")), Step("c", Plus())])
    assert branch.after("a") is None and branch.after("b") is None and len(branch.after("join")) == 1


def test_a_generator_of_it_skips_what_is_unchanged():
    generator = TorchGenerator(rows())
    check_generator(generator, "norm.0")
    assert generator.below(generator.sample_z(1), "up.0").exact_skip
    with torch.no_grad():
        alone = nn.Sequential(*(generator.module.get_submodule(name) for name in generator.module.order))
        assert torch.equal(generator.module(torch.ones(1, 3, 1, 1)), alone(torch.ones(1, 3, 1, 1)))


def test_a_hook_of_somebody_else_is_not_skipped():
    generator, seen = TorchGenerator(rows()), []
    state = generator.below(generator.sample_z(1), "up.0")
    handle = generator.module.register_forward_hook(lambda *args: seen.append(1))
    generator.above(state)
    handle.remove()
    assert seen


@pytest.mark.parametrize(
    ("names", "words"),
    [(["a", "a"], "of their own"), (["a", "a.b"], "inside another"), ([], "at least one"), ([""], "of their own")],
)
def test_names_must_be_clear(names, words):
    with pytest.raises(ValueError, match=words):
        Pipeline([Step(name, Plus()) for name in names])


def test_a_step_cannot_take_what_comes_later():
    with pytest.raises(ValueError, match="what came before"):
        Pipeline([Step("a", Plus(), ("b",)), Step("b", Plus())])


def test_joining():
    a, b = torch.full((1, 2, 2, 2), 3.0), torch.tensor([[5.0, 7.0]])
    assert Join("concat")(a, b).shape == (1, 4, 2, 2)
    assert Join("multiply")(a, b)[0, :, 0, 0].tolist() == [15, 21]
    assert Join("add")(a, b)[0, :, 1, 1].tolist() == [8, 10]
    with pytest.raises(ValueError, match="how"):
        Join("stack")


def test_an_embedding_of_length_one():
    embedding = ClassEmbedding(2, 2, how=None, unit=True)
    embedding.weight.data = torch.tensor([[3.0, 4.0], [0.0, 2.0]])
    assert torch.allclose(embedding(torch.eye(2)), torch.tensor([[0.6, 0.8], [0.0, 1.0]]))


def test_reshape_and_crop():
    x = torch.arange(12.0)[None]
    assert Reshape((3, 2, 2))(x)[0, 0].tolist() == [[0, 1], [2, 3]]
    assert Reshape((2, 2, 3), channels_last=True)(x)[0, 0].tolist() == [[0, 3], [6, 9]]
    assert Crop(1, 0, 0, 1)(Reshape((3, 2, 2))(x))[0, 0].tolist() == [[2]]


def test_names_for_what_has_none():
    assert free_name("net.3", {"net.3", "net.5"}, "relu") == "net.4"
    assert free_name("net.3", {"net.3", "net.4.conv"}, "relu") == "net.3_relu"
    assert free_name("fc", {"fc", "fc_relu"}, "relu") == "fc_relu_2"


def test_sizes_are_checked_on_paper_before_anything_is_allocated():
    module = Pipeline([Step("up", nn.Upsample(scale_factor=512)), Step("again", nn.Upsample(scale_factor=4096))])
    with pytest.raises(ValueError, match="'again' must give at most"):
        module.check_sizes((3, 8, 8))
    steps = [Step("fc.0", nn.Linear(3, 5)), Step("fc.1", nn.Linear(4, 3))]
    with pytest.raises(ValueError, match=r"'fc\.1' \(Linear\) does not fit"):
        Pipeline(steps).check_sizes((3,))
    rows().check_sizes((3, 1, 1))


@pytest.mark.parametrize(
    ("shape", "classes", "sentence"),
    [
        ((2**31, 2**31, 2**31), 0, "a latent must have 1 to 268,435,456 numbers"),
        ((0,), 0, "a latent must have 1 to"),
        ((10**5000,), 0, r"got the shape \(…\)"),
        ((4,), 100_001, "at most 100,000 classes, got 100,001"),
        ((4,), 10, "a step that takes its 10 classes, but none does"),
    ],
)
def test_latents_and_classes_that_a_few_bytes_claim(shape, classes, sentence):
    with pytest.raises(ValueError, match=sentence):
        Pipeline([Step("one", nn.Identity())]).check_sizes(shape, classes)
