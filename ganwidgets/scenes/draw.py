"""Small outdoor scenes whose every pixel has a known name.

A generator can only be judged against answers somebody knows. This file draws a world simple enough for two
CPU cores to learn and rich enough to have real correlations: doors stand on walls, trees on the ground, paths
lead to doors, domes sit on churches. `scene_parameters` rolls the dice, `draw` paints one scene with its exact
labels, `draw_batch` stacks many as arrays.

Colour is painted three times oversized and box-filtered; labels are painted without antialiasing on the same
geometry and read at pixel centres, so a label is the thing that covers the middle of its pixel.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

SIZE = 64
OVERSAMPLE = 3
_CANVAS = SIZE * OVERSAMPLE

OBJECTS = ("sky", "cloud", "sun or moon", "mountain", "grass", "path", "tree", "water", "house", "church")
PARTS = ("wall", "roof", "dome", "spire", "door", "window", "lit window")
CONCEPTS = OBJECTS + PARTS
CATEGORIES = ("object",) * len(OBJECTS) + ("part",) * len(PARTS)
ALWAYS_DRAWN = ("sky", "grass", "house", "church", "wall", "roof")
"""Concepts that `without` cannot remove one by one: a scene has a sky and a ground, a building walls and a roof."""

TIMES = ("day", "sunset", "night")
SEASONS = ("grass", "dry", "snow")

# Object number in the low, part number (1-based within PARTS) in the high bits of one painted byte.
_CODE = {name: number for number, name in enumerate(OBJECTS, 1)}
_PART = {name: number << 4 for number, name in enumerate(PARTS, 1)}

_SKY = {  # top and horizon colour
    "day": ((70, 140, 225), (190, 222, 248)),
    "sunset": ((96, 70, 140), (252, 170, 96)),
    "night": ((8, 10, 38), (36, 44, 88)),
}
_DISC = {"day": (255, 226, 70), "sunset": (255, 78, 40), "night": (240, 240, 214)}
_CLOUD = {"day": (250, 250, 252), "sunset": (242, 150, 140), "night": (70, 76, 108)}
_LIGHT = {"day": (1.0, 1.0, 1.0), "sunset": (1.0, 0.78, 0.66), "night": (0.46, 0.50, 0.66)}
_GROUND = {"grass": (92, 164, 66), "dry": (206, 178, 92), "snow": (238, 242, 248)}
_MOUNTAIN = {"grass": (112, 118, 132), "dry": (146, 116, 92), "snow": (176, 188, 208)}
_CROWN = {"grass": (34, 110, 44), "dry": (176, 96, 30), "snow": (150, 178, 170)}
_CONIFER = {"grass": (22, 84, 54), "dry": (52, 86, 44), "snow": (96, 140, 128)}
_WATER = {"grass": (50, 110, 190), "dry": (60, 126, 170), "snow": (150, 190, 220)}
_HOUSE_WALLS = ((236, 222, 190), (214, 122, 96), (244, 244, 240))
_HOUSE_ROOFS = ((156, 52, 44), (92, 62, 52), (70, 78, 96))
_CHURCH_WALL, _CHURCH_ROOF, _SPIRE, _DOME = (224, 216, 204), (94, 98, 112), (84, 146, 122), (206, 164, 52)
_DOOR, _TRUNK, _PATH, _PANE, _LIT = (98, 56, 30), (92, 62, 40), (200, 180, 146), (60, 84, 116), (255, 232, 110)


@dataclass(frozen=True)
class Scene:
    """One drawing: `image` uint8 (64, 64, 3), `seg` uint8 (2, 64, 64) with object and part numbers, `facts`.

    Numbers in `seg` are 1 + the index into `CONCEPTS`; 0 means nothing. `facts` holds the dice that were rolled.
    """

    image: np.ndarray
    seg: np.ndarray
    facts: dict[str, Any]


def scene_parameters(seed: int, index: int) -> dict[str, Any]:
    """Everything that varies in scene `index` of world `seed`; the same on every machine (numpy RandomState)."""
    random = np.random.RandomState([seed & 0xFFFFFFFF, index])
    u = random.uniform
    time = TIMES[random.choice(3, p=(0.46, 0.27, 0.27))]
    season = SEASONS[random.choice(3, p=(0.5, 0.25, 0.25))]
    building = ("house", "church", "none")[random.choice(3, p=(0.46, 0.42, 0.12))]
    facts: dict[str, Any] = {"time": time, "season": season, "building": building, "horizon": u(33, 38)}
    facts["disc"] = (u(7, 57), u(7, 13) if time != "sunset" else u(18, 28), u(4.0, 5.4)) if u() < 0.8 else None
    facts["clouds"] = [(u(4, 60), u(5, 20), u(6.5, 10.5)) for _ in range(random.choice(4, p=(0.25, 0.35, 0.25, 0.15)))]
    has_mountain = u() < 0.5
    peaks = [(u(4, 60), u(12, 22), u(18, 30)) for _ in range(random.choice((1, 2)))]  # x, height, half-width
    facts["mountains"] = peaks if has_mountain else []
    facts["water"] = (u(8, 56), u(54, 60), u(13, 20), u(4.0, 6.0)) if u() < 0.35 else None
    facts["centre"] = u(19, 45)
    facts["base"] = u(45, 49)
    facts["path"] = u(-9, 9) if u() < 0.75 else None
    facts["width"], facts["height"] = u(22, 28), u(13, 16)
    facts["wall"], facts["house_roof"] = int(random.randint(3)), int(random.randint(3))
    facts["tower_left"], facts["dome"] = bool(u() < 0.5), bool(u() < 0.5)
    facts["lit"] = bool(u() < {"day": 0.0, "sunset": 0.5, "night": 0.85}[time])
    trees = []
    for _ in range(random.choice(5, p=(0.12, 0.26, 0.28, 0.2, 0.14))):
        side = 1 if u() < 0.5 else -1
        away = u(17, 32) if building != "none" else u(0, 30)
        trees.append((facts["centre"] + side * away, u(42, 54), u(0.85, 1.25), bool(u() < 0.5)))
    facts["trees"] = sorted(trees, key=lambda tree: tree[1])  # far ones first
    return facts


class _Painter:
    """Paints colour and label with one call, in scene coordinates (0 to 64)."""

    def __init__(self, facts: dict[str, Any], without: Collection[str]) -> None:
        top, bottom = (np.array(colour, np.float32) for colour in _SKY[facts["time"]])
        ramp = np.clip(np.linspace(0, SIZE / facts["horizon"], _CANVAS, dtype=np.float32), 0, 1)[:, None]
        column = (top * (1 - ramp) + bottom * ramp).astype(np.uint8)[:, None]  # (height 1 rgb)
        self.colour = Image.fromarray(np.ascontiguousarray(np.broadcast_to(column, (_CANVAS, _CANVAS, 3))))
        self.label = Image.new("L", (_CANVAS, _CANVAS), _CODE["sky"])
        self.light, self.without = _LIGHT[facts["time"]], without
        self._colour, self._label = ImageDraw.Draw(self.colour), ImageDraw.Draw(self.label)

    def paint(self, shape: str, at: list, rgb: tuple, concept: str, part: str = "", *, glow: bool = False) -> None:
        """Draw `shape` ('ellipse', 'rectangle' or 'polygon') unless its concept is left out of this world."""
        if concept in self.without or part in self.without:
            return
        points = [v * OVERSAMPLE for v in at]
        shade = rgb if glow else tuple(int(c * light) for c, light in zip(rgb, self.light, strict=True))
        getattr(self._colour, shape)(points, fill=shade)
        getattr(self._label, shape)(points, fill=_CODE[concept] | (_PART[part] if part else 0))

    def finish(self) -> tuple[np.ndarray, np.ndarray]:
        image = np.asarray(self.colour.reduce(OVERSAMPLE))
        middle = OVERSAMPLE // 2
        code = np.asarray(self.label)[middle::OVERSAMPLE, middle::OVERSAMPLE]
        obj, part = code & 15, code >> 4
        return image, np.stack([obj, np.where(part > 0, part + len(OBJECTS), 0).astype(np.uint8)])


def draw(seed: int, index: int, *, without: Collection[str] = ()) -> Scene:
    """Draw scene `index` of world `seed`; `without` leaves concepts out and changes nothing else in the picture.

    A church that loses its dome gets a spire (and the other way round), as real churches have one or the other.

    Raises: ValueError when `without` names an unknown concept or one that no scene can lack (`ALWAYS_DRAWN`).
    """
    removable = [c for c in CONCEPTS if c not in ALWAYS_DRAWN]
    if wrong := sorted(set(without) - set(removable)):
        raise ValueError(f"`without` takes concepts out of {removable}, got {wrong}")
    facts = scene_parameters(seed, index)
    painter = _Painter(facts, without)
    _paint_background(painter, facts)
    if facts["building"] != "none":
        _paint_path(painter, facts)
        (_paint_house if facts["building"] == "house" else _paint_church)(painter, facts)
    for tree in facts["trees"]:
        _paint_tree(painter, facts, *tree)
    image, seg = painter.finish()
    return Scene(image, seg, facts)


def draw_batch(
    n: int, *, seed: int = 0, start: int = 0, without: Collection[str] = ()
) -> tuple[np.ndarray, np.ndarray]:
    """Scenes `start` … `start + n - 1`: images uint8 (n, 64, 64, 3) and segmentations uint8 (n, 2, 64, 64)."""
    images = np.empty((n, SIZE, SIZE, 3), np.uint8)
    segs = np.empty((n, 2, SIZE, SIZE), np.uint8)
    for i in range(n):
        scene = draw(seed, start + i, without=without)
        images[i], segs[i] = scene.image, scene.seg
    return images, segs


def _paint_background(p: _Painter, facts: dict[str, Any]) -> None:
    time, season, horizon = facts["time"], facts["season"], facts["horizon"]
    if facts["disc"]:
        x, y, r = facts["disc"]
        p.paint("ellipse", [x - r, y - r, x + r, y + r], _DISC[time], "sun or moon", glow=True)
    for x, y, r in facts["clouds"]:
        for dx, dy, k in ((-0.75, 0.12, 0.55), (0, -0.12, 0.72), (0.75, 0.12, 0.55)):
            cx, cy, rx, ry = x + dx * r, y + dy * r, k * r, 0.55 * k * r
            p.paint("ellipse", [cx - rx, cy - ry, cx + rx, cy + ry], _CLOUD[time], "cloud", glow=True)
    for x, high, half in facts["mountains"]:
        p.paint(
            "polygon", [x - half, horizon + 1, x, horizon - high, x + half, horizon + 1], _MOUNTAIN[season], "mountain"
        )
    p.paint("rectangle", [0, horizon, SIZE, SIZE], _GROUND[season], "grass")
    if facts["water"]:
        x, y, rx, ry = facts["water"]
        p.paint("ellipse", [x - rx, y - ry, x + rx, y + ry], _WATER[season], "water")


def _paint_path(p: _Painter, facts: dict[str, Any]) -> None:
    if facts["path"] is not None:
        x, y, end = facts["centre"], facts["base"], facts["centre"] + facts["path"]
        p.paint("polygon", [x - 2.5, y, x + 2.5, y, end + 6, SIZE, end - 6, SIZE], _PATH, "path")


def _paint_opening(p: _Painter, building: str, x: float, y: float, lit: bool) -> None:
    """A window of 5 by 5.5 pixels: its pane carries the label, its frame belongs to the wall."""
    p.paint("rectangle", [x - 3, y - 3.2, x + 3, y + 3.2], (250, 250, 250), building, "wall")
    pane, part = (_LIT, "lit window") if lit else (_PANE, "window")
    p.paint("rectangle", [x - 2.2, y - 2.4, x + 2.2, y + 2.4], pane, building, part, glow=lit)


def _paint_door(p: _Painter, building: str, x: float, base: float, high: float) -> None:
    p.paint("rectangle", [x - 2.6, base - high, x + 2.6, base], _DOOR, building, "door")


def _paint_house(p: _Painter, facts: dict[str, Any]) -> None:
    x, base, w, h = facts["centre"], facts["base"], facts["width"] / 2, facts["height"]
    p.paint("rectangle", [x - w, base - h, x + w, base], _HOUSE_WALLS[facts["wall"]], "house", "wall")
    eaves = [x - w - 2.5, base - h, x - w * 0.55, base - h - 10, x + w * 0.55, base - h - 10, x + w + 2.5, base - h]
    p.paint("polygon", eaves, _HOUSE_ROOFS[facts["house_roof"]], "house", "roof")
    _paint_door(p, "house", x, base, 8.5)
    for dx in (-w * 0.62, w * 0.62):
        _paint_opening(p, "house", x + dx, base - h * 0.55, facts["lit"])


def _paint_church(p: _Painter, facts: dict[str, Any]) -> None:
    x, base, w, h = facts["centre"], facts["base"], facts["width"] / 2, facts["height"]
    side = -1 if facts["tower_left"] else 1
    tower, top = x + side * (w - 4.5), base - h - 9
    p.paint("rectangle", [x - w, base - h, x + w, base], _CHURCH_WALL, "church", "wall")
    p.paint("polygon", [x - w - 1.5, base - h, x, base - h - 8, x + w + 1.5, base - h], _CHURCH_ROOF, "church", "roof")
    p.paint("rectangle", [tower - 5, top, tower + 5, base], _CHURCH_WALL, "church", "wall")
    dome = "spire" in p.without if "dome" in p.without else facts["dome"] or "spire" in p.without
    if dome:
        p.paint("ellipse", [tower - 6, top - 7, tower + 6, top + 5], _DOME, "church", "dome")
        p.paint("rectangle", [tower - 5, top, tower + 5, top + 6], _CHURCH_WALL, "church", "wall")
    else:
        p.paint("polygon", [tower - 6, top, tower, top - 15, tower + 6, top], _SPIRE, "church", "spire")
    _paint_door(p, "church", x, base, 9.5)
    _paint_opening(p, "church", tower, base - h - 2, facts["lit"])
    _paint_opening(p, "church", x - side * w * 0.62, base - h * 0.5, facts["lit"])


def _paint_tree(p: _Painter, facts: dict[str, Any], x: float, base: float, size: float, conifer: bool) -> None:
    p.paint("rectangle", [x - 1.1, base - 5 * size, x + 1.1, base], _TRUNK, "tree")
    if conifer:
        for low, high, half in ((4, 12, 5.5), (8, 16, 4.4), (12, 20, 3.2)):
            triangle = [x - half * size, base - low * size, x, base - high * size, x + half * size, base - low * size]
            p.paint("polygon", triangle, _CONIFER[facts["season"]], "tree")
    else:
        cy, r = base - 10.5 * size, 6.4 * size
        p.paint("ellipse", [x - r, cy - r, x + r, cy + r], _CROWN[facts["season"]], "tree")
