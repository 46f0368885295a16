"""What it costs to switch off every unit of a SqueezeNet layer: `python benchmarks/classes.py`.

    python benchmarks/classes.py [--images 8] [--units 48] [--repeats 3] [--conditions]

`class_ablation` runs each image up to the layer once and only the rest for each unit; the plain way is to run the whole
network once per unit. Both are timed in turn on the same images and units, in CPU time of one thread, at layers of the
last third of SqueezeNet 1.0 (ImageNet, 224 pixels; with random weights, which cost the same, where `../shared/data` has
none), and it is made sure that both predict the same classes. The aim is a ratio of 5. To measure fewer than all units
is to the advantage of the plain way, because the first part of the network is shared out among fewer.

The second table is for a ResNet-20 (CIFAR-10): from `layer3` on it is an average and a linear layer, where the effect
of a unit has a closed form.

`--conditions` instead trains small networks on MNIST (8,000 of the 10,000 digits in `../shared/data`) without and with
batch norm and with dropout, three each, and says how much single units matter in them on the other 2,000 digits.
"""

import argparse
import statistics
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn

import ganwidgets as gw
from ganwidgets.ablate.classes import class_ablation, compare_networks
from ganwidgets.models.classifier_sources import load_classifier
from ganwidgets.models.classifiers import TorchClassifier

DATA = Path(__file__).parents[1] / "../shared/data"
AIM = 5


def squeezenet() -> TorchClassifier:
    """The network with its published weights, or with random ones."""
    weights = DATA / "squeezenet1_0-imagenet-deepcompression/model.safetensors"
    if weights.exists():
        return load_classifier("squeezenet1_0", weights)
    from torchvision import models

    return TorchClassifier(models.squeezenet1_0(weights=None), image_shape=224, normalise="imagenet", name="random")


def resnet() -> TorchClassifier | None:
    """ResNet-20 for 32 × 32 images, if its weights are there."""
    weights = DATA / "cls-cifar10-resnet-akamaster/resnet20.safetensors"
    return load_classifier(weights) if weights.exists() else None


def pictures(n: int, size: int) -> torch.Tensor:
    """Drawn scenes at another size."""
    scenes, _ = gw.scenes.draw.draw_batch(n)
    images = torch.from_numpy(scenes).permute(0, 3, 1, 2).float() / 127.5 - 1
    return torch.nn.functional.interpolate(images, size=(size, size), mode="bilinear").clamp(-1, 1)


def plain(classifier, layer: str, images: torch.Tensor, units: list[int]) -> np.ndarray:
    """The whole network once per unit."""
    found = []
    for unit in units:
        with classifier.intervene(layer, gw.zero_units([unit])):
            found.append(classifier.predict(images).numpy())
    return np.stack(found)


def print_ratios(classifier, layers: list[str], images: torch.Tensor, n_units: int, repeats: int) -> None:
    """Both ways in turn, layer by layer."""
    classes = len(classifier.classes)
    labels = torch.arange(len(images)) % classes
    print(f"{classifier.name}, {len(images)} images of {images.shape[2]} pixels, {repeats} repeats, one thread")
    row = "{:14}{:>7}{:>10}{:>13}{:>13}{:>9}{:>14}{:>7}"
    print(row.format("layer", "units", "measured", "plain [s]", "ours [s]", "ratio", "range", "aim"))
    for layer in layers:
        total = classifier.layer_info(layer).units
        units = np.linspace(0, total - 1, min(n_units, total)).round().astype(int).tolist()
        times, ratios = [], []
        for _ in range(repeats):
            start = time.process_time()
            expected = plain(classifier, layer, images, units)
            middle = time.process_time()
            found = class_ablation(classifier, layer, images, labels, units=units, batch=len(images))
            end = time.process_time()
            assert (found.after == expected).all(), f"{layer}: the two ways disagree"
            times.append((middle - start, end - middle))
            ratios.append((middle - start) / (end - middle))
        whole, ours = (statistics.median(column) for column in zip(*times, strict=True))
        spread = f"{min(ratios):.1f}-{max(ratios):.1f}"
        print(
            row.format(
                layer, total, len(units), f"{whole:.2f}", f"{ours:.3f}", f"{statistics.median(ratios):.1f}", spread, AIM
            ),
            flush=True,
        )


def trained(seed: int, images: torch.Tensor, labels: torch.Tensor, *, norm: bool, dropout: float) -> TorchClassifier:
    """A small network for digits: two convolutions and a linear layer, two rounds of training."""
    torch.manual_seed(seed)
    parts, units = [], 1
    for wider in (8, 24):
        parts += [nn.Conv2d(units, wider, 3, 2, 1), *([nn.BatchNorm2d(wider)] if norm else []), nn.ReLU()]
        units = wider
    last = f"{len(parts) - 1}"
    module = nn.Sequential(*parts, nn.Dropout2d(dropout), nn.Flatten(), nn.Linear(24 * 49, 10))
    optimiser = torch.optim.Adam(module.parameters(), 3e-3)
    for _ in range(2):
        for rows in torch.randperm(len(images)).split(64):
            optimiser.zero_grad()
            nn.functional.cross_entropy(module(images[rows]), labels[rows]).backward()
            optimiser.step()
    return TorchClassifier(module, image_shape=(1, 28, 28), name=last)  # named after its last ReLU


def print_conditions() -> None:
    """What single units are worth in networks that were trained in different ways."""
    file = np.load(DATA / "mnist-t10k/mnist_t10k.npz")
    images, labels = torch.from_numpy(file["images"])[:, None], torch.from_numpy(file["labels"]).long()
    found = {}
    ways = {
        "plain": {"norm": False, "dropout": 0.0},
        "batch norm": {"norm": True, "dropout": 0.0},
        "dropout": {"norm": False, "dropout": 0.5},
    }
    for way, options in ways.items():
        for seed in range(3):
            classifier = trained(seed, images[:8000].float() / 127.5 - 1, labels[:8000], **options)
            name = f"{way} {seed}"
            found[name] = class_ablation(classifier, classifier.name, images[8000:], labels[8000:], batch=500)
    table = compare_networks(found)
    print(table.round(4).T.to_string(header=False))


def main() -> None:
    """Print everything."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=8)
    parser.add_argument("--units", type=int, default=48)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--conditions", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(1)
    if given.conditions:
        print_conditions()
        return
    layers = ["features.10", "features.11", "features.12", "classifier.1", "classifier.2"]
    print_ratios(squeezenet(), layers, pictures(given.images, 224), given.units, given.repeats)
    if network := resnet():
        print()
        print_ratios(network, ["layer2", "layer3.0", "layer3"], pictures(64, 32), given.units, given.repeats)


if __name__ == "__main__":
    main()
