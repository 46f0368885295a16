"""What comes with the bundled generators: pictures of the data, and features to tell good pictures by."""

from collections.abc import Callable
from typing import Any

from ganwidgets.panels import is_scenes

DRAWINGS = 800
SEED = 2  # of drawings that nothing was trained on


def bundled_data(network: Any) -> tuple[Callable[[], Any] | None, Any]:
    """A function that draws pictures of the bundled world, and its discriminator's features; None for others."""
    if not is_scenes(network):
        return None, None
    from ganwidgets.scenes.features import discriminator_features

    return _drawn, discriminator_features()


def _drawn() -> Any:
    from ganwidgets.scenes.draw import draw_batch
    from ganwidgets.scenes.measure import to_images

    return to_images(draw_batch(DRAWINGS, seed=SEED)[0])
