"""Results that capabilities hand to each other: frozen values that can be saved, loaded, compared and shown."""

from ganwidgets.results.dissection import Dissection, Exemplars, LayerResult

__all__ = ["Dissection", "Exemplars", "LayerResult"]
