"""Scenes composed of cut-out pictures on drawn or photographed backgrounds, every pixel named exactly.

Cut-outs (64 × 64 RGBA with a name each, such as a set of emoji) are pasted at random places and sizes; where a cut-out
is more opaque than not, the pixel carries its name. Drawn backgrounds bring the labels of the bundled world, photos
have none. Scene i of a seed is the same on every machine and is composed when it is asked for.
"""

import hashlib
import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image
from torch import Tensor

from ganwidgets.models.latents import whole_number
from ganwidgets.models.layers import did_you_mean
from ganwidgets.nn.images import to_uint8
from ganwidgets.nn.photo_folder import photo_folder
from ganwidgets.scenes import draw
from ganwidgets.segment.labelled import check_labelled
from ganwidgets.segment.labelled_scenes import as_tensors, drawing, scene
from ganwidgets.segment.masks import resized_mask, size_pair

MOST_BYTES = 2**29
"""Of an unpacked file of cut-outs."""

USUAL = {
    "animal": "cat face, dog face, tiger face, lion face, bear face, panda face, koala, elephant, zebra face, penguin, "
    "owl, parrot, flamingo, lady beetle, honeybee, butterfly, tropical fish, turtle, octopus",
    "food": "slice of pizza, hamburger, hot dog, banana, lemon, red apple, strawberry, tangerine, grapes, bell pepper, "
    "broccoli, pretzel, doughnut, soft ice cream",
    "vehicle": "automobile, bus, fire engine, steam locomotive, bicycle, rocket, helicopter, sailboat, tractor",
    "plant": "sunflower, rose, cactus, palm tree, mushroom",
    "thing": "soccer ball, umbrella, television, alarm clock, teapot, violin, guitar, balloon, traffic light, bell",
}
"""Names of the pictures that are taken when none are asked for, by category; those a file lacks are left out."""


class PastedScenes:
    """Cut-out pictures pasted on backgrounds, composed when they are asked for.

    Args:
        pictures: an .npz with `rgba` uint8 (picture, height, width, 4); beside it `names.json`, a list of
            {"name": …} in the same order.
        n: number of scenes.
        seed: which.
        size: of images and masks, a side or (height, width).
        names: of the pictures to take: a list, or {name: category}; None takes `USUAL` ones.
        backgrounds: None draws scenes of the bundled world; or a folder of photos.
        objects: fewest and most pictures in a scene.
        scale: smallest and largest side of a pasted picture, as a share of the image's shorter side.

    Raises:
        FileNotFoundError: no such file, or no names beside it.
        ValueError: a file of another kind, or a name that it does not have.
    """

    def __init__(
        self,
        pictures: str | Path,
        n: int = 2000,
        seed: int = 0,
        *,
        size: int | tuple[int, int] = 128,
        names: Sequence[str] | Mapping[str, str] | None = None,
        backgrounds: str | Path | None = None,
        objects: tuple[int, int] = (1, 4),
        scale: tuple[float | int, float | int] = (0.25, 0.6),
    ) -> None:
        self.n, self.seed = whole_number("n", n, 1), whole_number("seed", seed, 0)
        self.image_shape = (3, *size_pair("size", size))
        self.objects, self.scale = _span("objects", objects, 1, 64), _span("scale", scale, 0.02, 1.0)
        rgba, known = _read(Path(pictures))
        chosen = _chosen(names, known)
        self._cutouts = rgba[[known.index(name) for name in chosen]]
        drawn = backgrounds is None
        self._photos = None if drawn else _photos(Path(backgrounds))
        self.name = f"{Path(pictures).stem} on {'drawn scenes' if drawn else Path(backgrounds).name}"
        twice = set(chosen) & set(draw.CONCEPTS) if drawn else set()
        pasted = tuple(f"{name} (pasted)" if name in twice else name for name in chosen)
        self.concepts = (*(draw.CONCEPTS if drawn else ()), *pasted)
        self.categories = (*(draw.CATEGORIES if drawn else ()), *chosen.values())
        self.slots = ("object", "part") if drawn else ("object",)
        check_labelled(self)

    def __len__(self) -> int:
        return self.n

    def batch(self, numbers: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Images in [-1, 1], and their segmentations."""
        return as_tensors([self._scene(int(number)) for number in numbers], self.image_shape, len(self.concepts))

    def fingerprint(self) -> str:
        """SHA-256 of the pictures, the backgrounds and all choices."""
        choices = self.n, self.seed, self.image_shape, self.objects, self.scale, self.concepts, self.categories
        digest = hashlib.sha256(repr((choices, drawing())).encode() + self._cutouts.tobytes())
        for photo in self._photos or ():
            digest.update(repr(photo.shape).encode() + photo.tobytes())
        return digest.hexdigest()

    def _scene(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        random = np.random.RandomState([self.seed & 0xFFFFFFFF, number])
        image, seg = self._background(random, number)
        first = len(self.concepts) - len(self._cutouts) + 1
        height, width = self.image_shape[1:]
        for _ in range(random.randint(self.objects[0], self.objects[1] + 1)):
            which = random.randint(len(self._cutouts))
            side = max(2, round(min(height, width) * random.uniform(*self.scale)))
            cut = Image.fromarray(self._cutouts[which]).resize((side, side), Image.Resampling.BILINEAR)
            if random.uniform() < 0.5:
                cut = cut.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
            top, left = random.randint(height - side + 1), random.randint(width - side + 1)
            image.alpha_composite(cut, (left, top))
            opaque = np.asarray(cut)[..., 3] > 127
            there = seg[:, top : top + side, left : left + side]
            there[:, opaque] = 0
            there[0, opaque] = first + which
        return np.asarray(image.convert("RGB")), seg

    def _background(self, random: np.random.RandomState, number: int) -> tuple[Image.Image, np.ndarray]:
        size = self.image_shape[1:]
        if self._photos is None:
            picture, labels = scene(self.seed, number)
            seg = resized_mask(labels, size).astype(np.int16)
        else:
            picture = _cropped(self._photos[random.randint(len(self._photos))], size, random)
            seg = np.zeros((1, *size), np.int16)
        return Image.fromarray(picture).resize(size[::-1], Image.Resampling.BILINEAR).convert("RGBA"), seg


def _cropped(photo: np.ndarray, size: tuple[int, int], random: np.random.RandomState) -> np.ndarray:
    """A part of a photo with the shape of `size`, at least half as large as fits."""
    fit = min(photo.shape[0] / size[0], photo.shape[1] / size[1]) * random.uniform(0.5, 1.0)
    height, width = (max(1, int(side * fit)) for side in size)
    top, left = random.randint(photo.shape[0] - height + 1), random.randint(photo.shape[1] - width + 1)
    return np.ascontiguousarray(photo[top : top + height, left : left + width])


def _photos(folder: Path) -> list[np.ndarray]:
    photos = [to_uint8(photo[None])[0] for photo in photo_folder(folder, check=False)]
    if not photos:
        raise FileNotFoundError(f"`backgrounds` must be a folder of photos, but {folder.name!r} has none")
    return photos


def _read(path: Path) -> tuple[UInt8[np.ndarray, "picture height width rgba"], list[str]]:
    if not path.is_file():
        raise FileNotFoundError(f"`pictures` must be an .npz of cut-outs, but there is no {str(path)!r}")
    beside = path.with_name("names.json")
    if not beside.is_file():
        raise FileNotFoundError(f"`pictures` must have its names beside it, but {path.parent.name!r} has no names.json")
    try:
        with zipfile.ZipFile(path) as archive:
            declared = sum(part.file_size for part in archive.infolist())
        if declared > MOST_BYTES:
            raise ValueError(f"it unpacks to {declared / 2**20:.0f} MiB, over {MOST_BYTES // 2**20}")
        with np.load(path, allow_pickle=False) as file:
            rgba = file["rgba"]
        names = [str(entry["name"]) for entry in json.loads(beside.read_text(encoding="utf-8"))]
    except (ValueError, KeyError, TypeError, EOFError, OSError, zipfile.BadZipFile) as error:
        raise ValueError(f"`pictures` must be an .npz with `rgba`, and names.json a list of names: {error}") from error
    if rgba.dtype != np.uint8 or rgba.ndim != 4 or rgba.shape[3] != 4 or len(rgba) != len(names):
        raise ValueError(
            "`pictures` must hold `rgba` uint8 (picture, height, width, 4) with a name each, got "
            f"{rgba.dtype} {rgba.shape} and {len(names)} names"
        )
    return rgba, names


def _chosen(names: Sequence[str] | Mapping[str, str] | None, known: Sequence[str]) -> dict[str, str]:
    """Category of each chosen name."""
    if names is None:
        usual = {name: category for category, listed in USUAL.items() for name in listed.split(", ")}
        found = {name: category for name, category in usual.items() if name in known}
        return found or dict.fromkeys(list(dict.fromkeys(known))[:64], "thing")
    if isinstance(names, str):
        raise TypeError(f"`names` must be a list of names or {{name: category}}, got {names!r}")
    chosen = dict(names) if isinstance(names, Mapping) else dict.fromkeys(names, "thing")
    unknown = [name for name in chosen if name not in known]
    if unknown:
        raise ValueError(
            f"`names` must be among the {len(known)} of names.json, got {unknown[0]!r}."
            f"{did_you_mean(unknown[0], known)}"
        )
    return chosen


def _span(
    name: str, given: tuple[float | int, float | int], least: float | int, most: float | int
) -> tuple[float | int, float | int]:
    low, high = given
    if not least <= low <= high <= most:
        raise ValueError(f"`{name}` must be (fewest, most) between {least} and {most}, got {given!r}")
    return low, high
