"""A class beside the latent: fixed, given, or following from the latent; the same inputs are the same picture."""

import pytest
import torch
from torch import nn

from ganwidgets.models.conditional import ConditionalGenerator
from ganwidgets.testing import check_generator


class Grey(nn.Module):
    """Draws a picture as bright as the class says: class k of n is k / (n − 1), in [-1, 1]."""

    def __init__(self, n_classes: int = 5) -> None:
        super().__init__()
        self.values = nn.Parameter(torch.linspace(-1, 1, n_classes))
        self.conv = nn.Conv2d(1, 1, 1)
        nn.init.ones_(self.conv.weight)
        nn.init.zeros_(self.conv.bias)

    def forward(self, z: torch.Tensor, c: torch.Tensor) -> torch.Tensor:
        brightness = (c @ self.values)[:, None, None, None]
        return self.conv((z * 0.01).reshape(-1, 1, 2, 2) + brightness).clamp(-1, 1)


def make(classes=5, **options):
    return ConditionalGenerator(Grey().eval(), (4,), classes, **options)


def brightness(images):
    return ((images.mean((1, 2, 3)) + 1) * 2).round().int().tolist()


def test_a_fixed_label_draws_that_class_only():
    network = make()
    z = network.sample_z(6)
    assert brightness(network.with_label(3).images(z)) == [3] * 6
    assert network.with_label(3).label == 3 and network.label is None
    assert network.with_label(3).with_label(None).labels_of(z).equal(network.labels_of(z))


def test_the_classes_of_latents_are_fixed_and_even():
    network = make()
    z = network.sample_z(1000)
    labels = network.labels_of(z)
    assert brightness(network.images(z[:50])) == labels[:50].tolist()
    assert network.labels_of(z[200:210]).equal(labels[200:210])
    assert network.labels_of(z.double()).equal(labels)
    counts = labels.bincount(minlength=5)
    assert counts.min() > 160 and counts.max() < 240  # 200 each; 3 standard deviations are 38


def test_labels_can_be_given_for_every_latent():
    network = make()
    z = network.sample_z(3)
    assert brightness(network.images((z, torch.tensor([4, 0, 2])))) == [4, 0, 2]
    assert brightness(network.with_label(1).images((z, torch.tensor([4, 0, 2])))) == [4, 0, 2]
    _, acts = network.read((z, torch.tensor([4, 0, 2])), ["conv"])
    assert acts["conv"].shape == (3, 1, 2, 2)


def test_classes_have_names():
    network = make(["crane", "dog", "crane", "cat", "fox"])
    assert network.classes == ("crane (0)", "dog", "crane (2)", "cat", "fox") and network.n_classes == 5
    assert network.with_label("dog").label == 1 and make(["a", "b", "c", "d", "e"], label="c").label == 2
    assert make().classes == ("0", "1", "2", "3", "4")


def test_every_label_is_a_network_of_its_own_that_shares_all_weights():
    network = make()
    second = network.with_label(2)
    assert second.module is network.module and type(second) is ConditionalGenerator
    marks = {network.with_label(k).fingerprint for k in (None, 0, 1, 2)}
    assert len(marks) == 4 and network.fingerprint in marks


@pytest.mark.parametrize("label", [None, 2])
def test_it_keeps_the_promises_of_a_generator(label):
    check_generator(make(label=label))


@pytest.mark.parametrize(
    ("label", "kind", "words"),
    [
        (5, ValueError, "from 0 to 4"),
        (-1, ValueError, "from 0 to 4"),
        (True, ValueError, "from 0 to 4"),
        ("7", ValueError, "a class of this network"),
        (1.5, TypeError, "label"),
    ],
)
def test_labels_that_are_none_are_refused(label, kind, words):
    with pytest.raises(kind, match=words):
        make().with_label(label)


def test_labels_that_do_not_fit_the_latents_are_refused():
    network = make()
    z = network.sample_z(2)
    for labels in (torch.tensor([0]), torch.tensor([0, 5]), torch.tensor([0.0, 1.0])):
        with pytest.raises(ValueError, match="whole numbers from 0 to 4"):
            network.images((z, labels))
    with pytest.raises(ValueError, match="a pair"):
        network.images((z, labels, labels))


@pytest.mark.parametrize(
    ("classes", "kind"), [(0, ValueError), ([], ValueError), ("ab", TypeError), ([1, 2], TypeError)]
)
def test_there_must_be_classes(classes, kind):
    with pytest.raises(kind, match="classes"):
        make(classes)


def test_a_class_vector_stands_for_the_class():
    import pytest
    import torch
    from torch import nn

    from ganwidgets.models import ConditionalGenerator

    class Sum(nn.Module):
        def forward(self, z, c):
            return (z[:, :1] + c @ torch.tensor([[1.0], [10.0]])).reshape(-1, 1, 1, 1).expand(-1, 3, 2, 2) / 100

    network = ConditionalGenerator(Sum(), (4,), 2)
    z, half = network.sample_z(3), network.with_class_vector(torch.tensor([0.5, 0.5]))
    assert torch.equal(half.images(z), network.images((z, torch.full((3, 2), 0.5))))
    assert torch.allclose(half.images(z)[:, 0, 0, 0], (z[:, 0] + 5.5) / 100)
    assert half.fingerprint not in (
        network.fingerprint,
        network.with_class_vector(torch.tensor([1.0, 0.0])).fingerprint,
    )
    assert torch.equal(half.with_label(1).images(z), network.with_label(1).images(z))
    with pytest.raises(ValueError, match="2 finite numbers"):
        network.with_class_vector(torch.ones(3))
