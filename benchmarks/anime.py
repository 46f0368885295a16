"""Which units of a real anime GAN stand for a colour: `python benchmarks/anime.py generator.h5 [--n 1000]`.

There are no masks of anime faces, but the colour of every pixel has a name: hair, skin and eyes are told apart by it.
The pictures are the generator's own; a unit counts where its IoU lies above its chance level, which is what it reaches
with the colours of other pictures.
"""

import argparse

import ganwidgets as gw
from ganwidgets.segment.colours import PROTOTYPES, colour_names


class ColourNames:
    """Names the colour of every pixel."""

    name = "colour names"
    concepts = tuple(PROTOTYPES)
    categories = ("color",) * len(PROTOTYPES)
    slots = ("color",)

    def __call__(self, images):
        """Number of each pixel's colour, (batch 1 height width)."""
        return colour_names(images)[:, None]

    def fingerprint(self) -> str:
        """Identifies this segmenter in caches."""
        return "colour names 1"


def main() -> None:
    """Print, for every layer with maps, how many units stand for a colour, against chance, and the best of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("generator")
    parser.add_argument("--n", type=int, default=1000, help="pictures")
    chosen = parser.parse_args()
    generator = gw.load(chosen.generator)
    layers = [name for name in generator.map_layers if generator.layers[name].units > generator.image_shape[0]]
    found = gw.dissect.run(generator, layers=layers, segmenter=ColourNames(), n=chosen.n, seed=1)
    print(f"{generator.name}, {found.n} pictures; chance: 95 % quantile with the colours of other pictures")
    print(f"{'layer':28} {'units':>5} {'above chance':>12} {'expected':>8}  best units")
    for name in layers:
        layer = found.layers[name]
        above = layer.label_iou > layer.iou_chance
        best = [unit for unit in layer.label_iou.argsort()[::-1][:3] if above[unit]]
        words = ", ".join(
            f"{unit} {found.concepts[layer.concept[unit]]} {layer.label_iou[unit]:.3f} ({layer.iou_chance[unit]:.3f})"
            for unit in best
        )
        print(f"{name:28} {len(above):5} {int(above.sum()):12} {0.05 * len(above):8.0f}  {words or '-'}")


if __name__ == "__main__":
    main()
