"""What the bundled generator's units cause: take away its trees, put doors on its walls: `python benchmarks/trees.py`.

    python benchmarks/trees.py [--n 2000] [--sets 50] [--scenes 50] [--layers layer3 layer4 layer5 layer6]

Trees: α is optimised in every layer, and on one sample of latents the layer and the number of units (in the order of α)
are chosen. On `--n` other latents the set is switched off everywhere, beside `--sets` random sets of equal size, and
what every concept loses is printed. Doors: units, number and value are chosen on some scenes; on `--scenes` others a
brush as large as a door is painted once on the wall and once in the sky, and the door pixels gained inside it are
compared with the area of the median door.
"""

import argparse
import time
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional as F

import ganwidgets as gw
from ganwidgets.ablate.alpha import AlphaResult, optimise_alpha
from ganwidgets.ablate.counts import concept_pixels, finish, random_sets
from ganwidgets.ablate.effect import EffectResult, ablation_effect
from ganwidgets.ablate.insertion import insertion_value
from ganwidgets.ablate.unit_sets import RemovalCurve, rank_by_alpha, rank_by_iou, removal_curve

CHOICE, FINAL, DOOR_CHOICE, DOOR_FINAL = 101, 102, 103, 104  # seeds of the latents; α searches with 10 and 11
ENOUGH, SIDE, DRIFT = 0.5, 0.10, 0.05  # removed at least; others changed at most; random sets on average at most
SIZES = (2, 4, 6, 8, 12, 16, 20, 24)
WIDTH, HEIGHT = 8, 12  # of the brush [pixels]


@dataclass(frozen=True)
class Choice:
    """A layer, an order of its units, and how many of them."""

    layer: str
    units: tuple[int, ...]
    removed: float
    side: float
    drift: float

    @property
    def miss(self) -> float:
        """How far this is from what is wanted, with a margin; 0 if all is reached."""
        wanted = (ENOUGH + 0.05 - self.removed, self.side - 0.8 * SIDE, abs(self.drift) - 0.8 * DRIFT)
        return sum(max(0.0, gap) for gap in wanted)


def say(text: str) -> None:
    """Print at once: this runs for a while."""
    print(text, flush=True)


def alphas(network, segmenter, dissection, layers, concept: str, quick: bool) -> dict[str, AlphaResult]:
    """α of every layer, begun at IoU / largest IoU as in the original."""
    sizes = {"n_search": 120, "n_train": 40, "n_eval": 20} if quick else {"n_search": 400, "n_train": 200, "n_eval": 50}
    found = {}
    for layer in layers:
        begun, iou = time.perf_counter(), dissection.layer(layer).iou[:, segmenter.concepts.index(concept)]
        found[layer] = optimise_alpha(
            network, layer, concept, segmenter, start=iou / max(iou.max(), 1e-9), chance_sets=5, **sizes
        )
        a = found[layer]
        say(
            f"  {layer}: effect at single cells {a.history[0]['ace']:+.3f} -> {a.ace:+.3f} "
            f"[{a.interval[0]:+.3f}, {a.interval[1]:+.3f}], chance {a.chance.mean():+.3f}; "
            f"{a.n_train} + {a.n_eval} pairs; best {list(a.units(8))}  ({time.perf_counter() - begun:.0f} s)"
        )
    return found


def worst_side(curve: RemovalCurve, order: str, place: int) -> float:
    """Largest relative change of another concept whose 95 % interval lies beyond 0, by the near end of its interval."""
    low, high = curve.share_interval[order][place].T
    near = np.where((low <= 0) & (high >= 0), 0.0, np.minimum(np.abs(low), np.abs(high)))
    near[curve.concepts.index(curve.concept)] = 0.0
    return float(np.nanmax(near))


def choose(network, segmenter, dissection, found: dict[str, AlphaResult], n: int) -> Choice:
    """The layer and size that come nearest to what is wanted, on latents that are used for nothing else."""
    z, choices = network.sample_z(n, seed=CHOICE), []
    for layer, alpha in found.items():
        orders = {"alpha": rank_by_alpha(alpha), "iou": rank_by_iou(dissection, alpha.concept, layer)}
        curve = removal_curve(network, layer, orders, alpha.concept, segmenter, z, sizes=SIZES, random_sets=4, seed=1)
        for place, size in enumerate(SIZES):
            removed, drift = float(curve.removed["alpha"][place]), float(curve.random[:, place].mean())
            side = worst_side(curve, "alpha", place)
            choices.append(Choice(layer, orders["alpha"][:size], removed, side, drift))
        row = "  ".join(f"{s}: {a:.2f}/{i:.2f}" for s, a, i in zip(SIZES, *curve.removed.values(), strict=True))
        say(f"  {layer}: removed by α / by IoU  {row}")
    best = min(choices, key=lambda c: (c.miss, c.side))
    say(
        f"  chosen on {n} latents: {best.layer}, {len(best.units)} units {list(best.units)}; removes "
        f"{best.removed:.2f}, surest other change {best.side:.2f}, random sets {best.drift:+.3f}"
    )
    return best


def print_effect(result: EffectResult, concept: str) -> None:
    """The table of every concept, and the three statements."""
    frame = result.to_frame()
    say(f"\n{'concept':14}{'pixels before':>14}{'removed':>9}{'95 % interval':>18}{'random sets':>13}{'5-95 %':>18}")
    for row in frame.itertuples():
        say(
            f"{row.concept:14}{row.before:14,}{row.fraction_removed:9.3f}{row.removed_low:+10.3f}{row.removed_high:+8.3f}"
            f"{row.chance_removed:13.3f}{row.chance_removed_low:+10.3f}{row.chance_removed_high:+8.3f}"
        )
    own = frame.set_index("concept").loc[concept]
    others = frame[frame.concept != concept]
    beyond = others[(others.removed_low > SIDE) | (others.removed_high < -SIDE)].concept.tolist()
    say(f"\n{concept} pixels removed: {own.fraction_removed:.1%} (wanted: at least {ENOUGH:.0%})")
    say(f"other concepts wholly beyond a {SIDE:.0%} change: {beyond or 'none'}")
    say(
        f"{len(result.chance)} random sets: {own.chance_removed:+.1%} on average (wanted: within ± {DRIFT:.0%}), "
        f"5-95 % band {own.chance_removed_low:+.1%} to {own.chance_removed_high:+.1%}"
    )


@dataclass(frozen=True, eq=False)
class Scenes:
    """Scenes with room for a brush on a wall and in the sky."""

    z: torch.Tensor
    wall: torch.Tensor  # (scene height width) 0 or 1
    sky: torch.Tensor


@torch.no_grad()
def find_scenes(network, segmenter, count: int, seed: int) -> Scenes:
    """The first scenes in which a brush can lie on wall (at least 90 %) without a door, and wholly in the sky."""
    number = {name: 1 + segmenter.concepts.index(name) for name in ("wall", "sky", "door")}
    kept: list[tuple[torch.Tensor, ...]] = []
    for z in network.sample_z(40 * count, seed=seed).split(32):
        seg = segmenter(network.images(z))
        masks = {name: (seg == n).any(1).float()[:, None] for name, n in number.items()}
        free = masks["wall"] - 10 * masks["door"]
        for i in range(len(z)):
            wall, on_wall = best_brush(free[i])
            sky, in_sky = best_brush(masks["sky"][i])
            if on_wall >= 0.9 and in_sky >= 1:
                kept.append((z[i], wall, sky))
        if len(kept) >= count:
            break
    return Scenes(*(torch.stack(part) for part in zip(*kept[:count], strict=True)))


def best_brush(mask: torch.Tensor) -> tuple[torch.Tensor, float]:
    """The rectangle of the brush's size with the highest mean, and that mean."""
    means = F.avg_pool2d(mask, (HEIGHT, WIDTH), stride=1)[0]
    row, column = divmod(int(means.argmax()), means.shape[1])
    brush = torch.zeros(mask.shape[1:])
    brush[row : row + HEIGHT, column : column + WIDTH] = 1
    return brush, float(means.max())


def door_gains(network, segmenter, scenes: Scenes, brushes, layer: str, units, value) -> np.ndarray:
    """Door pixels gained inside the brush, per scene."""
    door, gains = segmenter.concepts.index("door"), []
    for z, brush in zip(scenes.z, brushes, strict=True):
        state = network.below(z[None], layer)
        acts = gw.set_units(units, value[list(units)], brush).apply(state.acts)
        counted = brush > 0
        before, after = (
            concept_pixels(images, segmenter, counted)[0, door]
            for images in (network.above(state), finish(network, state, acts))
        )
        gains.append(int(after - before))
    return np.array(gains)


@torch.no_grad()
def median_door(network, segmenter) -> float:
    """Area of the median door, over images that have one; an image's doors count as one."""
    door, areas = segmenter.concepts.index("door"), []
    for z in network.sample_z(500, seed=DOOR_CHOICE).split(32):
        areas += concept_pixels(network.images(z), segmenter)[:, door].tolist()
    return float(np.median([area for area in areas if area]))


def doors(network, segmenter, found: dict[str, AlphaResult], count: int) -> None:
    """Choose on some scenes how to paint a door; try it on others."""
    area = median_door(network, segmenter)
    choice, final = (find_scenes(network, segmenter, count, seed) for seed in (DOOR_CHOICE, DOOR_FINAL))
    say(f"  median door {area:.0f} pixels; brush {WIDTH} x {HEIGHT}; {len(final.z)} scenes")
    options = []
    for layer, alpha in found.items():
        high = insertion_value(network, layer, network.sample_z(500, seed=DOOR_CHOICE))
        for name, value in (("0.995 quantile", high), ("mean where present", torch.from_numpy(alpha.value))):
            for size in (5, 10, 20, 40):
                gains = [
                    door_gains(network, segmenter, choice, brushes, layer, alpha.units(size), value) >= area / 4
                    for brushes in (choice.wall, choice.sky)
                ]
                options.append((gains[0].mean() - gains[1].mean(), layer, size, name, value, alpha))
        best = max((o for o in options if o[1] == layer), key=lambda o: o[0])
        say(f"  {layer}: share of scenes on wall minus in sky {best[0]:+.2f} with {best[2]} units at the {best[3]}")
    _, layer, size, name, value, alpha = max(options, key=lambda o: o[0])
    say(f"  chosen: {layer}, {size} units {list(alpha.units(size))} set to the {name}\n")
    sets = [alpha.units(size), *random_sets(size, len(value), 5, seed=0)]
    for where, brushes in (("wall", final.wall), ("sky", final.sky)):
        gains = [door_gains(network, segmenter, final, brushes, layer, units, value) for units in sets]
        enough = [(g >= area / 4).mean() for g in gains]
        low, high = np.quantile(
            np.random.RandomState(0).choice(gains[0] >= area / 4, (1000, len(gains[0]))).mean(1), [0.025, 0.975]
        )
        say(
            f"on the {where}: a quarter of a median door gained in {enough[0]:.0%} of {len(gains[0])} scenes "
            f"[{low:.0%}, {high:.0%}]; median gain {np.median(gains[0]):.0f} px, mean {gains[0].mean():.1f} px; "
            f"5 random sets: {np.mean(enough[1:]):.0%}"
        )


def main() -> None:
    """Both experiments."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=2000)
    parser.add_argument("--sets", type=int, default=50)
    parser.add_argument("--scenes", type=int, default=50)
    parser.add_argument("--layers", nargs="+", default=["layer3", "layer4", "layer5", "layer6"])
    parser.add_argument("--quick", action="store_true", help="small searches, to see that it runs")
    given = parser.parse_args()
    torch.set_num_threads(1)
    network, segmenter = gw.load("scenes"), gw.segment.load("scenes")
    n = 64 if given.quick else 256
    dissection = gw.dissect.run(network, segmenter=segmenter, layers=tuple(given.layers), n=n, chance=False)
    begun = time.perf_counter()
    say(f"trees: α of each layer, begun with the IoU of a dissection of {n} images")
    found = alphas(network, segmenter, dissection, given.layers, "tree", given.quick)
    best = choose(network, segmenter, dissection, found, n)
    z = network.sample_z(given.n, seed=FINAL)
    say(f"\nmeasuring on {given.n:,} other latents, seed {FINAL}")
    result = ablation_effect(network, best.layer, best.units, segmenter, z, chance_sets=given.sets)
    print_effect(result, "tree")
    say(f"({time.perf_counter() - begun:.0f} s)\n\ndoors: α of each layer")
    found = alphas(network, segmenter, dissection, given.layers, "door", given.quick)
    doors(network, segmenter, found, given.scenes)
    say(f"({time.perf_counter() - begun:.0f} s in all)")


if __name__ == "__main__":
    main()
