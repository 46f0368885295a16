"""The checks pass for what keeps the promises, and name the promise that is broken."""

from contextlib import nullcontext
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from ganwidgets.models.generator import TorchGenerator
from ganwidgets.models.progan import ProGAN
from ganwidgets.testing import check_generator, check_segmenter, planted_generator, planted_segmenter


@pytest.mark.parametrize("options", [{}, {"units": 1}, {"channels": 1}, {"channels": 4, "resolution": (8, 24)}])
def test_planted_networks_conform(options):
    kept = check_generator(planted_generator(**options))
    assert kept == (
        "latents",
        "images",
        "activations",
        "halves",
        "interventions",
        "failures",
        "threads",
        "traces",
        "gradients",
        "nan",
    )
    assert check_segmenter(planted_segmenter()) == ("names", "segmentation", "scores")


def convolutional(*parts):
    torch.manual_seed(0)
    return nn.Sequential(nn.ConvTranspose2d(5, 4, 4), *parts, nn.Conv2d(4, 3, 1), nn.Tanh())


class Noise(nn.Module):
    def forward(self, x):
        return x + torch.randn_like(x)


def test_modules_with_their_own_ways_conform():
    module = convolutional(nn.ReLU(inplace=True), nn.BatchNorm2d(4), Noise())
    module.train()
    state = {key: part.clone() for key, part in module.state_dict().items()}
    check_generator(TorchGenerator(module))
    assert module.training
    assert all(torch.equal(part, state[key]) for key, part in module.state_dict().items())


@pytest.mark.filterwarnings("ignore:.*lie beyond")
def test_progan_conforms():
    torch.manual_seed(0)
    check_generator(TorchGenerator(ProGAN((6, 5, 4))), layer="layer3")


class Broken(TorchGenerator):
    """A generator in which one method is exchanged for a bad one."""

    def __init__(self, **bad):
        super().__init__(convolutional(nn.ReLU(), nn.BatchNorm2d(4)).eval())
        self.__dict__.update(bad)


def leaving_a_hook(g):
    real = g.acts
    g.acts = lambda *args, **options: (g.module[0].register_forward_hook(lambda *a: None), real(*args, **options))[1]


def leaving_train_mode(g):
    real = g.acts
    g.acts = lambda *args, **options: (g.module.train(), real(*args, **options))[1]


def updating_statistics(g):
    real = g.acts
    g.acts = lambda *args, **options: (g.module[2].num_batches_tracked.add_(1), real(*args, **options))[1]


def ignoring_interventions(g):
    g.intervene = lambda layer, edit: edit.check(g.layers[layer].shape) or nullcontext()


def drawing_anew(g):
    g.images = lambda z, clamp=True, **options: torch.rand(len(z), *g.image_shape)


def silent_nan(g):
    real = g.images
    g.images = lambda z, *a, **k: real(z, *a, **k) if z.isfinite().all() else torch.full((len(z), 3, 4, 4), torch.nan)


def beyond_the_range(g):
    real = g.images
    g.images = lambda z, *args, **options: real(z, *args, **options) * 5


def seeded_by_n(g):
    real = g.sample_z
    g.sample_z = lambda n, seed=1, **options: real(n, seed + n, **options)


def showing_everywhere(g):
    entered = []
    real_edits, real_intervene = g._edits, g.intervene
    g._edits = lambda: tuple(entered) or real_edits()

    def intervene(layer, edit):
        context = real_intervene(layer, edit)
        enter, leave = context.__enter__, context.__exit__

        class Shared:
            def __enter__(self):
                entered.append((layer, edit))
                return enter()

            def __exit__(self, *error):
                entered.pop()
                return leave(*error)

        return Shared()

    g.intervene = intervene


@pytest.mark.parametrize(
    ("sabotage", "promise"),
    [
        (leaving_a_hook, "must leave the module's hooks as it was"),
        (leaving_train_mode, "must leave the module's train or eval mode as it was"),
        (updating_statistics, "must leave the module's weights and statistics as it was"),
        (ignoring_interventions, "above must use the activations given"),
        (drawing_anew, "the same latents must give the same images twice"),
        (silent_nan, "NaN must be an error"),
        (beyond_the_range, r"images must lie in \[-1, 1\]"),
        (seeded_by_n, "latent i must be the same for every n"),
        (showing_everywhere, "must not show in another thread"),
    ],
)
def test_a_broken_promise_is_named(sabotage, promise):
    g = Broken()
    sabotage(g)
    with pytest.raises(AssertionError, match=promise):
        check_generator(g)


def test_images_that_depend_on_the_batch_are_found():
    class Mixed(nn.Module):
        def forward(self, x):
            return x - x.mean(0)

    with pytest.raises(AssertionError, match="must not depend on the others of its batch"):
        check_generator(TorchGenerator(convolutional(Mixed())))


def test_a_bare_module_is_told_to_be_wrapped():
    with pytest.raises((AssertionError, TypeError)):
        check_generator(convolutional())


def segmenter(**changes):
    """The planted segmenter with some of it exchanged."""

    class Changed(type(planted_segmenter())):
        def __call__(self, images):
            return changes.get("call", lambda s, i: s)(planted_segmenter()(images), images)

    made = Changed()
    made.__dict__.update({key: value for key, value in changes.items() if key != "call"})
    return made


@pytest.mark.parametrize(
    ("changes", "promise"),
    [
        ({"concepts": ["red"]}, "concepts must be a tuple of names"),
        ({"concepts": ("a", "a", "b", "c")}, "concepts must each have another name"),
        ({"categories": ("object",)}, "categories must be one a concept, got 1"),
        ({"name": None}, "name must be a string"),
        ({"fingerprint": lambda: 5}, "fingerprint.. must be a constant string"),
        ({"call": lambda s, i: s.float()}, "must be a tensor of whole numbers"),
        ({"call": lambda s, i: s.bool()}, "must be a tensor of whole numbers"),
        ({"call": lambda s, i: s.numpy()}, "must be a tensor of whole numbers"),
        (
            {"call": lambda s, i: s[:, :, ::2]},
            r"must be .batch slot height width. \(3, 2, 64, 96\), got \(3, 2, 32, 96\)",
        ),
        ({"call": lambda s, i: s + 5}, "must hold 0 … 4, got 5 … 9"),
        ({"call": lambda s, i: i.clamp_(0) is i and s}, "the images given must not be changed"),
        ({"call": lambda s, i: torch.randint_like(s, 2)}, "the same segmentation twice"),
        ({"call": lambda s, i: s.new_full(s.shape, len(i))}, "must not depend on the other images"),
        ({"scores": lambda i: i}, "scores must be .batch concept height width."),
        ({"scores": lambda i: i[:, :1].expand(-1, 4, -1, -1) * torch.nan}, "scores must be finite"),
        ({"scores": lambda i: i[:, :1].expand(-1, 4, -1, -1).detach()}, "scores must be differentiable"),
    ],
)
def test_a_broken_segmenter_is_named(changes, promise):
    with pytest.raises(AssertionError, match=promise):
        check_segmenter(segmenter(**changes))


def test_scores_and_fingerprints_are_optional():
    plain = SimpleNamespace(concepts=("a",), categories=("x",), slots=("s",), name="plain")

    class Plain(SimpleNamespace):
        def __call__(self, images):
            return (images[:, :1] > 0).long()

    assert check_segmenter(Plain(**vars(plain)))
