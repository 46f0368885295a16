"""What the bundled generator's units cause: take away its trees, put doors on its walls: `python benchmarks/trees.py`.

    python benchmarks/trees.py [--n 2000] [--sets 50] [--scenes 50] [--layers layer3 layer4 layer5 layer6]

Trees: in every layer strengths are optimised that take out trees and spare the other concepts (`optimise_removal`), and
on other latents the layer, the number of units and a scale of the strengths are chosen. On `--n` further latents these
units are switched off as far as that says, beside `--sets` random sets with the same strengths, and what each concept
loses is printed.
Doors: what to set the units to is learned on some scenes (`optimise_insertion`: doors on walls, none in the sky); on
`--scenes` others a brush is painted once on the wall and once in the sky, and the door pixels gained inside it are
compared with the area of the median door; beside it, the values the search began with (`concept_contrast`).
"""

import argparse
import time
from dataclasses import dataclass
from itertools import product

import numpy as np
import torch

import ganwidgets as gw
from ganwidgets.ablate.brush_places import BrushPlaces, find_places
from ganwidgets.ablate.contrast import concept_contrast
from ganwidgets.ablate.counts import concept_pixels, finish
from ganwidgets.ablate.effect import EffectResult, ablation_effect
from ganwidgets.ablate.insertion_search import InsertionValue, optimise_insertion
from ganwidgets.ablate.sparing import RemovalAlpha, optimise_removal

SEARCH, CHOICE, FINAL, DOOR_SEEDS = 10, 101, 106, (105, 103, 107)  # seeds of the latents
ENOUGH, SIDE, DRIFT = 0.5, 0.10, 0.05  # removed at least; others changed at most; random sets on average at most
SIZES = (16, 32, 64)  # units
SCALES = (0.6, 0.8, 1.0)  # their strengths are multiplied with
BRUSH = (16, 12)  # height and width [pixels]


@dataclass(frozen=True)
class Choice:
    """Units of a layer, how far each is switched off, and what that did on the latents of the choice."""

    layer: str
    units: tuple[int, ...]
    strengths: tuple[float, ...]
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


def optimised(network, segmenter, layers, quick: bool) -> dict[str, RemovalAlpha]:
    """Strengths that take out trees and spare the rest, in every layer."""
    sizes = {"n_search": 64, "steps": 4, "batch": 16} if quick else {"n_search": 1536, "steps": 200, "batch": 64}
    found = {}
    for layer in layers:
        begun = time.perf_counter()
        found[layer] = optimise_removal(network, layer, "tree", segmenter, seed=SEARCH, **sizes)
        last = found[layer].history[-1]
        say(
            f"  {layer}: removes {last['removed']:.2f} by scores, most changed other {last['concept']} "
            f"{last['other']:.2f}; {(found[layer].alpha > 0.05).sum()} strengths above 0.05, sum "
            f"{found[layer].alpha.sum():.1f}  ({time.perf_counter() - begun:.0f} s)"
        )
    return found


def surest_side(result: EffectResult, concept: str) -> float:
    """Largest relative change of another concept, by the end of its 95 % interval that is nearer to 0."""
    low, high = result.removed_interval.T
    near = np.where((low <= 0) & (high >= 0), 0.0, np.minimum(np.abs(low), np.abs(high)))
    near[result.concepts.index(concept)] = 0.0
    return float(np.nanmax(near))


def choose(network, segmenter, found: dict[str, RemovalAlpha], n: int) -> Choice:
    """The layer and number of units that come nearest to what is wanted, on latents that are used for nothing else."""
    z, choices = network.sample_z(n, seed=CHOICE), []
    for layer, alpha in found.items():
        row = []
        for size, scale in product(SIZES, SCALES):
            units, strengths = alpha.units(size), tuple(scale * strength for strength in alpha.strengths(size))
            done = ablation_effect(network, layer, units, segmenter, z, strength=strengths, n_random_sets=4, seed=1)
            tree = done.to_frame().set_index("concept").loc["tree"]
            side = surest_side(done, "tree")
            choices.append(Choice(layer, units, strengths, tree.fraction_removed, side, tree.chance_removed))
            row.append(f"{size} · {scale}: {tree.fraction_removed:.2f}/{side:.2f}/{tree.chance_removed:+.2f}")
        say(f"  {layer}: removed/surest other change/random sets  {'  '.join(row)}")
    best = min(choices, key=lambda c: (c.miss, c.side))
    say(f"  chosen on {n} latents: {best.layer}, {len(best.units)} units, strengths sum {sum(best.strengths):.1f}")
    return best


def trees(network, segmenter, given: argparse.Namespace) -> None:
    """Choose strengths that take out trees; measure them on other latents."""
    say("trees: strengths of each layer that take out trees and spare the rest")
    found = optimised(network, segmenter, given.layers, given.quick)
    best = choose(network, segmenter, found, 64 if given.quick else 256)
    say(f"\nmeasuring on {given.n:,} other latents, seed {FINAL}")
    z = network.sample_z(given.n, seed=FINAL)
    result = ablation_effect(
        network, best.layer, best.units, segmenter, z, strength=best.strengths, n_random_sets=given.sets
    )
    print_effect(result, "tree")


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


def door_gains(network, segmenter, places: BrushPlaces, layer: str, units, value) -> np.ndarray:
    """Door pixels gained inside the brush, per scene."""
    door, gains = segmenter.concepts.index("door"), []
    for z, brush in zip(places.z, places.regions, strict=True):
        state = network.below(z[None], layer)
        acts = gw.set_units(units, value, brush).apply(state.acts)
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
    for z in network.sample_z(500, seed=DOOR_SEEDS[1]).split(32):
        areas += concept_pixels(network.images(z), segmenter)[:, door].tolist()
    return float(np.median([area for area in areas if area]))


def brush_places(network, segmenter, count: int, seed: int) -> dict[str, BrushPlaces]:
    """Scenes with room for a brush on a wall without a door, and others with room in the sky."""
    wall = find_places(network, segmenter, "wall", BRUSH, n=count, without="door", seed=seed)
    return {"wall": wall, "sky": find_places(network, segmenter, "sky", BRUSH, n=count, covered=1.0, seed=seed)}


def doors(network, segmenter, given: argparse.Namespace) -> None:
    """Learn on some scenes how to paint a door, choose the layer on others, try it on further ones."""
    area = median_door(network, segmenter)
    sizes = (12, 6, 4) if given.quick else (96, 30, given.scenes)
    learn, choice, final = (brush_places(network, segmenter, *of) for of in zip(sizes, DOOR_SEEDS, strict=True))
    scenes = [len(places["wall"]) for places in (learn, choice, final)]
    say(f"  median door {area:.0f} pixels; brush {BRUSH[1]} x {BRUSH[0]}; scenes {scenes}")
    options, z = [], network.sample_z(100 if given.quick else 600, seed=SEARCH)
    for layer in given.layers:
        contrast = concept_contrast(network, layer, "door", "wall", segmenter, z)
        found = optimise_insertion(
            network,
            layer,
            "door",
            segmenter,
            learn["wall"],
            contrast,
            avoid=learn["sky"],
            steps=4 if given.quick else 60,
        )
        gains = {on: door_gains(network, segmenter, choice[on], layer, found.units, value(found)) for on in choice}
        shares = {on: (gains[on] >= area / 4).mean() for on in gains}
        options.append((shares["wall"] - shares["sky"], layer, found))
        say(f"  {layer}: a quarter of a door on {shares['wall']:.0%} of the walls, in {shares['sky']:.0%} of the skies")
    _, layer, found = max(options, key=lambda option: option[0])
    say(f"  chosen: {layer}, all of its {len(found.units)} units\n")
    for on, places in final.items():
        gains = door_gains(network, segmenter, places, layer, found.units, value(found))
        began = door_gains(network, segmenter, places, layer, found.units, torch.from_numpy(found.start))
        enough, before = gains >= area / 4, (began >= area / 4).mean()
        low, high = wilson(enough.mean(), len(enough))
        say(
            f"on the {on}: a quarter of a median door gained in {enough.mean():.0%} of {len(gains)} scenes "
            f"[{low:.0%}, {high:.0%}]; median gain {np.median(gains):.0f} px; values it began with: {before:.0%}; "
            f"its changes dealt to other units: {dealt(network, segmenter, places, layer, found, area):.0%}"
        )


def wilson(share: float, n: int, z: float = 1.96) -> tuple[float, float]:
    """95 % interval of a share of n scenes; not of width 0 where all or none of them agree (Wilson 1927)."""
    middle, half = share + z * z / (2 * n), z * (share * (1 - share) / n + z * z / (4 * n * n)) ** 0.5
    return (middle - half) / (1 + z * z / n), (middle + half) / (1 + z * z / n)


def value(found: InsertionValue) -> torch.Tensor:
    """As a tensor."""
    return torch.from_numpy(found.value)


def dealt(network, segmenter, places: BrushPlaces, layer: str, found: InsertionValue, area: float) -> float:
    """Chance: the share of scenes for values that were given to random units, each moved as far as it was."""
    random, shares, moved = np.random.RandomState(0), [], found.value - found.start
    for _ in range(5):
        other = torch.from_numpy(found.start + moved[random.permutation(len(moved))])
        shares.append((door_gains(network, segmenter, places, layer, found.units, other) >= area / 4).mean())
    return float(np.mean(shares))


def main() -> None:
    """Both experiments."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=2000)
    parser.add_argument("--sets", type=int, default=50)
    parser.add_argument("--scenes", type=int, default=50)
    parser.add_argument("--layers", nargs="+", default=["layer3", "layer4", "layer5", "layer6"])
    parser.add_argument("--parts", nargs="+", choices=["trees", "doors"], default=["trees", "doors"])
    parser.add_argument("--quick", action="store_true", help="small searches, to see that it runs")
    given = parser.parse_args()
    torch.set_num_threads(1)
    network, segmenter = gw.load("scenes"), gw.segment.load("scenes")
    begun = time.perf_counter()
    if "trees" in given.parts:
        trees(network, segmenter, given)
    if "doors" in given.parts:
        say("\ndoors: values of each layer that draw doors on walls and none in the sky")
        doors(network, segmenter, given)
    say(f"({time.perf_counter() - begun:.0f} s in all)")


if __name__ == "__main__":
    main()
