"""What the mouth units of a real face GAN cause: switch them off, look where the pictures change.

    python benchmarks/mouth.py [--n 100] [--sets 20] [--layers main.5 main.8 main.11]

Units of `gan-face-generate` (extra `faces`) are ranked by their IoU with the mouth masks of its 228 trusted samples,
see faces.py. Masks exist for unedited pictures only, so there are two measurements, each beside random unit sets:

1. On the same samples: how far pixels change inside the mouth mask (one pixel wider than the lips) and outside it.
2. On `--n` other latents: how many mouth pixels go, by a small segmenter trained here on three quarters of the samples.
   In a quarter of what it learns from, the mouth is filled with the skin around it and labelled "no mouth"; without
   that it says "mouth" wherever a mouth should be, since the faces are aligned.

Intervals are 95 % bootstrap intervals over pictures; of random sets the mean and the middle 90 % are shown.
"""

import argparse
import time
from collections.abc import Sequence

import numpy as np
import torch
from faces import dissect_part, labelled_faces  # benchmarks/faces.py: the samples and their masks
from torch import Tensor, nn
from torch.nn import functional as F

import ganwidgets as gw
from ganwidgets.ablate.counts import BATCH, finish, off, random_sets, ratio_interval, resampled
from ganwidgets.ablate.counts import mean_interval as interval
from ganwidgets.ablate.unit_sets import rank_by_iou, removal_curve

LAYERS = ("main.5", "main.8", "main.11")  # 8, 16 and 32 pixels
SIZES = (1, 4, 8, 16)
OTHERS = 2  # seed of the other latents; the samples are those of seed 1
STEPS, ERASED, SHIFT = 400, 4, 2  # of training: steps, pictures of 16 without their mouth, pixels


# --- 1. pixel change inside and outside the mask ---------------------------------------------------------------------


def wider(masks: np.ndarray | Tensor, by: int = 1) -> Tensor:
    """Masks (n height width) grown by some pixels on every side, 0 or 1."""
    return F.max_pool2d(torch.as_tensor(masks > 0).float()[:, None], 2 * by + 1, 1, by)[:, 0]


@torch.no_grad()
def pixel_change(network, layer: str, sets: Sequence[Sequence[int]], z: Tensor, mouths: Tensor) -> np.ndarray:
    """Mean absolute change (set image 2) [grey levels of 255] inside and outside each picture's mouth."""
    changes = np.zeros((len(sets), len(z), 2))
    for start in range(0, len(z), BATCH):
        here = slice(start, start + BATCH)
        state, inside = network.below(z[here], layer), mouths[here]
        before = network.above(state)
        for number, units in enumerate(sets):
            change = (finish(network, state, off(units)(state.acts, None)) - before).abs().mean(1) * 127.5
            for side, mask in enumerate((inside, 1 - inside)):
                changes[number, here, side] = ((change * mask).sum((1, 2)) / mask.sum((1, 2))).numpy()
    return changes


def ratios(changes: np.ndarray) -> np.ndarray:
    """Change inside over change outside, of the means over pictures, one per set."""
    means = changes.mean(1)
    return means[:, 0] / means[:, 1]


def print_changes(network, dissection, z: Tensor, mouths: Tensor, layers: Sequence[str], sets: int) -> None:
    """The first table: one row per layer and number of units."""
    weights = resampled(len(z), 0)
    print(
        f"\n1. change of {len(z)} pictures [grey levels of 255] in the mouth ({mouths.mean():.1%} of the pixels) and "
        f"outside, {sets} random sets\n"
        f"{'layer':8}{'units':>5}  {'inside':24}{'outside':24}{'inside / outside':24}{'random: inside':25}random: ratio"
    )
    for layer in layers:
        order, units = rank_by_iou(dissection, "mouth", layer), network.layers[layer].units
        for size in SIZES:
            chosen = [order[:size], *random_sets(size, units, sets, seed=size)]
            changes = pixel_change(network, layer, chosen, z, mouths)
            (inside, outside), bounds = changes[0].mean(0), interval(changes[0], weights)
            between = ratio_interval(changes[0, :, 0], changes[0, :, 1], weights)
            ratio = ratios(changes)
            cells = (
                with_range(inside, *bounds[0]),
                with_range(outside, *bounds[1]),
                with_range(ratio[0], *between),
                chance(changes[1:, :, 0].mean(1)),
                chance(ratio[1:]),
            )
            print(f"{layer:8}{size:5}  " + "".join(f"{cell:24}" for cell in cells), flush=True)


# --- 2. mouth pixels, by a segmenter ---------------------------------------------------------------------------------


def block(channels: int, out: int, stride: int = 1) -> nn.Sequential:
    """Convolution, batch norm, ReLU."""
    return nn.Sequential(nn.Conv2d(channels, out, 3, stride, 1, bias=False), nn.BatchNorm2d(out), nn.ReLU())


class MouthNet(nn.Module):
    """A U-Net from pictures to mouth logits (batch 1 height width), with 49,000 weights."""

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.first, self.second = block(3, width, 2), block(width, 2 * width, 2)
        self.third = nn.Sequential(block(2 * width, 2 * width, 2), block(2 * width, 2 * width))
        self.to_quarter, self.to_half = block(4 * width, 2 * width), block(3 * width, width)
        self.out = nn.Conv2d(width, 4, 1)
        nn.init.constant_(self.out.bias, -2.0)  # few pixels are mouth

    def forward(self, images: Tensor) -> Tensor:
        """Positive where there is a mouth."""
        half = self.first(images)
        quarter = self.second(half)
        up = nn.Upsample(scale_factor=2, mode="bilinear")
        again = self.to_quarter(torch.cat([up(self.third(quarter)), quarter], 1))
        return F.pixel_shuffle(self.out(self.to_half(torch.cat([up(again), half], 1))), 2)


class MouthSegmenter:
    """A trained `MouthNet` behind the segmenter protocol."""

    name, concepts, categories, slots = "mouth net", ("mouth",), ("part",), ("part",)

    def __init__(self, net: nn.Module) -> None:
        self.net = net

    @torch.no_grad()
    def __call__(self, images: Tensor) -> Tensor:
        """1 where there is a mouth, (batch 1 height width)."""
        return (self.net(images) > 0).to(torch.uint8)


def without_mouth(images: Tensor, masks: Tensor) -> Tensor:
    """The pictures with the mouth filled by the mean of what lies within eight pixels, softly."""

    def blurred(values: Tensor, by: int) -> Tensor:
        return F.avg_pool2d(F.pad(values, [by] * 4, mode="replicate"), 2 * by + 1, 1)

    mouth = wider(masks[:, 0], 2)[:, None]
    skin = blurred(images * (1 - mouth), 8) / blurred(1 - mouth, 8).clamp(min=1e-4)
    soft = blurred(mouth, 1)
    return images * (1 - soft) + skin * soft


def varied(images: Tensor, masks: Tensor, random: np.random.RandomState) -> tuple[Tensor, Tensor]:
    """A batch with mouths taken from some, mirrored and moved together, in another light each."""
    images = torch.cat([without_mouth(images[:ERASED], masks[:ERASED]), images[ERASED:]])
    masks = torch.cat([torch.zeros_like(masks[:ERASED]), masks[ERASED:]])
    if random.rand() < 0.5:
        images, masks = images.flip(3), masks.flip(3)
    down, right = random.randint(-SHIFT, SHIFT + 1, 2)
    window = (..., slice(SHIFT + down, SHIFT + down + 64), slice(SHIFT + right, SHIFT + right + 64))
    images = F.pad(images, [SHIFT] * 4, mode="replicate")[window]
    light, colour = (torch.from_numpy(random.randn(len(images), c, 1, 1)).float() for c in (1, 3))
    return images * (1 + 0.2 * light) + 0.1 * colour, F.pad(masks, [SHIFT] * 4)[window]


def train_segmenter(images: Tensor, masks: Tensor, steps: int = STEPS, seed: int = 0) -> MouthSegmenter:
    """A segmenter from images in [-1, 1] and masks (n 1 height width): cross-entropy plus Dice, one rate cycle."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = MouthNet()
    random, adam = np.random.RandomState(seed), torch.optim.Adam(net.parameters())
    cycle = torch.optim.lr_scheduler.OneCycleLR(adam, 1e-2, total_steps=steps)
    for _ in range(steps):
        batch = random.choice(len(images), 16, replace=False)
        seen, wanted = varied(images[batch], masks[batch], random)
        logits = net(seen)
        found = logits.sigmoid()
        dice = 1 - 2 * (found * wanted).sum() / (found + wanted).sum()
        adam.zero_grad()
        (F.binary_cross_entropy_with_logits(logits, wanted) + dice).backward()
        adam.step()
        cycle.step()
    return MouthSegmenter(net.eval().requires_grad_(False))


def print_agreement(name: str, found: Tensor, masks: Tensor) -> None:
    """IoU over all pixels of these pictures together, with an interval over pictures."""
    found, masks = found > 0, masks > 0
    both, either = ((part.sum((1, 2, 3))).numpy() for part in (found & masks, found | masks))
    bounds = ratio_interval(both, either, resampled(len(masks), 0))
    print(f"   {name:34}{with_range(both.sum() / either.sum(), *bounds)}")


def trained_and_judged(images: np.ndarray, masks: np.ndarray, steps: int) -> MouthSegmenter:
    """The segmenter, after its agreement with the held-out quarter has been printed."""
    pictures = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 127.5 - 1
    mouths = torch.from_numpy(masks > 0).float()[:, None]
    order = torch.from_numpy(np.random.RandomState(0).permutation(len(images)))
    learn, held = order[: 3 * len(order) // 4], order[3 * len(order) // 4 :]
    begun = time.perf_counter()
    segmenter = train_segmenter(pictures[learn], mouths[learn], steps)
    seconds = time.perf_counter() - begun
    print(f"\n2. segmenter from {len(learn)} pictures in {seconds:.0f} s; IoU with the masks of {len(held)} others:")
    mean = (mouths[learn].mean(0) > 0.4).expand(len(held), -1, -1, -1)
    print_agreement("segmenter", segmenter(pictures[held]), mouths[held])
    print_agreement("the mean mask of the others > 0.4", mean, mouths[held])
    left = segmenter(without_mouth(pictures[held], mouths[held])).sum((1, 2, 3)).numpy()
    known = segmenter(pictures[held]).sum((1, 2, 3)).numpy()
    removed = with_range(1 - left.sum() / known.sum(), *ratio_interval(known - left, known, resampled(len(held), 0)))
    print(f"   mouths filled with skin: it finds {removed} of the mouth pixels removed (1 is right)")
    return segmenter


def print_removed(network, dissection, segmenter, z: Tensor, layers: Sequence[str], sets: int) -> None:
    """The second table: one row per layer and number of units."""
    print(
        f"   fraction of mouth pixels removed in {len(z)} other pictures, {sets} random sets (negative: more mouth)\n"
        f"{'layer':8}{'units':>5}  {'removed':26}random"
    )
    for layer in layers:
        order = {"iou": rank_by_iou(dissection, "mouth", layer)}
        curve = removal_curve(network, layer, order, "mouth", segmenter, z, sizes=SIZES, n_random_sets=sets)
        for place, size in enumerate(SIZES):
            removed = with_range(curve.removed["iou"][place], *curve.interval["iou"][place])
            print(f"{layer:8}{size:5}  {removed:26}{chance(curve.random[:, place])}", flush=True)


def with_range(value: float, low: float, high: float) -> str:
    """A number and the bounds of its interval."""
    return f"{value:.2f} [{low:.2f}, {high:.2f}]"


def chance(values: np.ndarray) -> str:
    """Mean and middle 90 % of random sets."""
    return with_range(values.mean(), *np.quantile(values, [0.05, 0.95]))


def main() -> None:
    """Both measurements."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=100, help="other latents")
    parser.add_argument("--sets", type=int, default=20, help="random unit sets")
    parser.add_argument("--layers", nargs="+", default=LAYERS)
    parser.add_argument("--steps", type=int, default=STEPS, help="of the segmenter's training")
    given = parser.parse_args()
    torch.set_num_threads(1)
    begun = time.perf_counter()
    network, images, parts = labelled_faces()
    mouths, z = parts["mouth"], network.sample_z(len(images), seed=1)
    dissection = dissect_part(network, images, mouths, "mouth")
    for layer in given.layers:
        print(f"{layer}: mouth units by IoU {rank_by_iou(dissection, 'mouth', layer)[: max(SIZES)]}")
    print_changes(network, dissection, z, wider(mouths), given.layers, given.sets)
    print(f"({time.perf_counter() - begun:.0f} s, {time.process_time():.0f} s of them computing)")
    segmenter = trained_and_judged(images, mouths, given.steps)
    others = gw.load("faces").sample_z(given.n, seed=OTHERS)
    print_removed(network, dissection, segmenter, others, given.layers, given.sets)
    print(f"({time.perf_counter() - begun:.0f} s in all, {time.process_time():.0f} s of them computing)")


if __name__ == "__main__":
    main()
