"""Whether an inversion fits a network: what a file says of itself is checked part by part, and nothing runs over."""

from dataclasses import replace

import pytest
import torch


@pytest.fixture(scope="module")
def late():
    from ganwidgets.testing.planted_late import planted_late_generator

    return planted_late_generator()


@pytest.fixture(scope="module")
def photo(late):
    from ganwidgets.invert import adapt
    from ganwidgets.testing.planted_late import planted_late_photo

    found = planted_late_photo(late)
    return found.with_adaptation(adapt(late, found, steps=3, rate=0.05))


@pytest.fixture(scope="module")
def classed():
    """A generator that draws by class."""
    from torch import nn

    from ganwidgets.models.conditional import ConditionalGenerator

    class Classed(nn.Module):
        def __init__(self):
            super().__init__()
            self.make = nn.Sequential(nn.Linear(7, 3 * 32 * 32), nn.Unflatten(1, (3, 32, 32)), nn.Tanh())

        def forward(self, z, c):
            return self.make(torch.cat([z, c], 1))

    return ConditionalGenerator(Classed().eval(), (4,), 3)


@pytest.fixture(scope="module")
def style():
    from ganwidgets.models.checkpoints import load
    from ganwidgets.models.mapping import MappingSize
    from ganwidgets.models.stylegan2 import StyleGAN2

    return load(StyleGAN2((4, 4, 4), 8, 2, mapping=MappingSize(8, 8, 2, n_classes=0)).eval())


def adapted(photo, **changes):
    return photo.with_adaptation(replace(photo.adaptation, **changes))


def low_rank():
    from ganwidgets.results.adaptation import LowRank

    return LowRank(torch.ones(2, 1), torch.ones(1, 2), (2, 2))


SMALL = torch.zeros(3, 8, 8)
LIES = {
    "image": lambda p: p.replaced(image=SMALL, reconstruction=SMALL),
    "nan": lambda p: p.replaced(image=torch.full((3, 32, 32), torch.nan)),
    "class vector": lambda p: p.replaced(class_vector=torch.ones(3) / 3),
    "w": lambda p: p.replaced(space="w"),
    "ws": lambda p: p.replaced(space="ws", latent=torch.zeros(1, 4, 8)),
    "latent": lambda p: p.replaced(latent=torch.zeros(1, 7)),
    "batch": lambda p: p.replaced(latent=torch.zeros(2, 4)),
    "huge": lambda p: p.replaced(latent=torch.full((1, 4), 3e38)),
    "infinite": lambda p: p.replaced(latent=torch.full((1, 4), torch.inf)),
    "layer": lambda p: p.replaced(layer="nope"),
    "residual": lambda p: p.replaced(residuals={"layer1": SMALL}),
    "residual layer": lambda p: p.replaced(residuals={"nope": SMALL}),
    "map": lambda p: adapted(p, scales={"layer2": torch.zeros(1, 3, 3)}),
    "map layer": lambda p: adapted(p, scales={"nope": torch.zeros(1, 3, 3)}),
    "weight": lambda p: adapted(p, weights={"nope": low_rank()}),
    "adapted picture": lambda p: adapted(p, image=SMALL),
}


@pytest.mark.parametrize("lie", LIES)
def test_what_does_not_fit_is_refused_everywhere(late, photo, lie):
    from ganwidgets.paint.photo_canvas import PhotoCanvas
    from ganwidgets.results.inverted import check_fits, check_network, inverted

    check_network(late, photo)  # as it is, it is fine
    bad = LIES[lie](photo)
    for check in (check_fits, check_network, inverted, PhotoCanvas):
        with pytest.raises(ValueError):
            check(late, bad)


@pytest.mark.parametrize("lie", LIES)
@pytest.mark.parametrize("painted", [False, True])
def test_no_file_hides_it_behind_a_refined_picture(late, photo, lie, painted):
    from ganwidgets.paint import Stroke
    from ganwidgets.paint.photo_files import PaintedPhoto, from_bytes, to_bytes

    bad = LIES[lie](photo)
    strokes = [Stroke("layer1", [0], torch.ones(4, 4), 1.0)] if painted else []
    with pytest.raises(ValueError):
        from_bytes(to_bytes(PaintedPhoto(bad, strokes, photo.image if painted else None), late), late)


def test_what_only_drawing_tells_is_told(late, photo):
    from ganwidgets.paint import Stroke
    from ganwidgets.paint.photo_files import PaintedPhoto, from_bytes, to_bytes

    sizes = {"layer1": 8, "layer2": 16, "layer3": 32}
    bad = photo.replaced(residuals={layer: torch.full((6, side, side), 3e38) for layer, side in sizes.items()})
    strokes = [Stroke("layer1", [0], torch.ones(4, 4), 1.0)]
    for painted in (PaintedPhoto(bad), PaintedPhoto(bad, strokes, photo.image)):
        with pytest.raises(ValueError, match="cannot draw this photo"):
            from_bytes(to_bytes(painted, late), late)


def test_a_class_vector_has_one_number_a_class(classed, photo):
    from ganwidgets.results.inverted import check_fits, inverted

    plain = photo.with_adaptation(None).replaced(residuals={}, layer="make.0")
    check_fits(classed, plain)
    fine = plain.replaced(class_vector=torch.ones(3) / 3)
    assert inverted(classed, fine).images(fine.latent).shape == (1, 3, 32, 32)
    for vector in (torch.ones(2) / 2, torch.full((3,), torch.nan)):
        with pytest.raises(ValueError, match="`class_vector` must be 3 finite numbers"):
            check_fits(classed, plain.replaced(class_vector=vector))


def test_a_stylegan_takes_latents_of_every_space(style, photo):
    from ganwidgets.results.inverted import check_fits

    image = torch.zeros(style.image_shape)
    plain = photo.with_adaptation(None).replaced(
        image=image, reconstruction=image, residuals={}, layer=next(iter(style.layers))
    )
    shapes = {"z": (1, 8), "w": (1, 8), "ws": (1, style.n_latent, 8)}
    for space, shape in shapes.items():
        check_fits(style, plain.replaced(space=space, latent=torch.zeros(shape)))
        for wrong in ((1, 7), (1, style.n_latent + 1, 8), (1, 2, 4)):
            with pytest.raises(ValueError, match="`latent` must be"):
                check_fits(style, plain.replaced(space=space, latent=torch.zeros(wrong)))
