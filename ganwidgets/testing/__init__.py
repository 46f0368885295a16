"""Networks with answers known on paper, and conformance checks for networks of your own."""

from ganwidgets.testing.conformance import check_generator, check_segmenter
from ganwidgets.testing.planted import planted_generator, planted_segmenter

__all__ = ["check_generator", "check_segmenter", "planted_generator", "planted_segmenter"]
