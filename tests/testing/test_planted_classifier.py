"""The planted classifier is what its description says, and check_classifier finds what is broken."""

import pytest
import torch
from torch import nn


@pytest.mark.parametrize(("resolution", "channels", "units"), [(8, 1, 10), ((12, 5), 3, 6), (16, 4, 24)])
def test_it_keeps_the_promises_of_a_classifier(resolution, channels, units):
    from ganwidgets.testing import check_classifier, planted_classifier, planted_photos

    classifier = planted_classifier(units, resolution, channels=channels)
    kept = check_classifier(classifier)
    assert {"scores", "halves", "heads", "traces", "threads"} <= set(kept)
    images, labels = planted_photos(16, resolution, channels=channels)
    right = classifier.predict(images) == labels
    assert [right[labels == k].float().mean().item() for k in range(4)] == [0.5, 1, 1, 0]


def test_its_photos_hold_each_class_in_turn():
    from ganwidgets.testing import planted_photos

    images, labels = planted_photos(8)
    assert labels.tolist() == [0, 1, 2, 3, 0, 1, 2, 3] and images.shape == (8, 1, 8, 8)
    lit = (images[:, 0] > 0).float().mean(2)[:, ::2]  # (image band)
    assert lit.tolist() == [[0, 0, 0, 1], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0] * 4, *lit[1:4].tolist()]


@pytest.mark.parametrize(("units", "resolution"), [(5, 8), (6, 10)])
def test_a_plan_that_does_not_fit_is_refused(units, resolution):
    from ganwidgets.testing import planted_classifier

    with pytest.raises(ValueError, match="multiple of 4 high and `units` at least 6"):
        planted_classifier(units, resolution)


class Odd(nn.Module):
    """A classifier with one fault, chosen by name."""

    def __init__(self, fault: str) -> None:
        super().__init__()
        self.conv, self.head, self.fault, self.calls = nn.Conv2d(3, 4, 3), nn.Linear(4, 3), fault, 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.conv(x)
        if self.fault == "depends on the others":
            x = x - x.mean(0)
        scores = self.head(x.mean((2, 3)))
        self.calls += 1
        return scores + self.calls if self.fault == "never the same" else scores


@pytest.mark.parametrize(
    ("fault", "promise"),
    [
        ("never the same", "the same images must give the same scores twice"),
        ("depends on the others", "scores must not depend on the other images"),
    ],
)
def test_a_broken_promise_is_named(fault, promise):
    from ganwidgets.models.classifiers import TorchClassifier
    from ganwidgets.testing import check_classifier

    torch.manual_seed(0)
    check_classifier(TorchClassifier(Odd("none"), image_shape=8))
    with pytest.raises(AssertionError, match=promise):
        check_classifier(TorchClassifier(Odd(fault), image_shape=8))


def test_a_bare_module_is_no_classifier():
    from ganwidgets.testing.conformance_classifiers import check_classifier

    with pytest.raises(Exception, match="Classifier"):
        check_classifier(nn.Linear(2, 2))
