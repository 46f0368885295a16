"""Networks with answers known on paper, and conformance checks for networks of your own."""

from ganwidgets.testing.conformance import check_generator, check_segmenter
from ganwidgets.testing.conformance_classifiers import check_classifier
from ganwidgets.testing.planted import planted_generator, planted_segmenter
from ganwidgets.testing.planted_classifier import planted_classifier, planted_photos
from ganwidgets.testing.planted_linear import best_latent, planted_linear_generator

__all__ = [
    "best_latent",
    "check_classifier",
    "check_generator",
    "check_segmenter",
    "planted_classifier",
    "planted_generator",
    "planted_linear_generator",
    "planted_photos",
    "planted_segmenter",
]
