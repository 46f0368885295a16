"""What classifiers detect, against chance: layers, random weights, a turned basis.

    python benchmarks/network_dissection.py CLASSIFIER --pictures noto_emoji_64.npz [--n 2000] [--size 112]
    python benchmarks/network_dissection.py CLASSIFIER --photos FOLDER --segmenter hf:DIRECTORY

CLASSIFIER is what `ganwidgets.load_classifier` takes: a weights file, "hf:DIRECTORY", or "squeezenet1_0=WEIGHTS" for a
network of torchvision. Pictures are cut-outs with names beside them, pasted on scenes of the bundled world; colours are
named, too. Prints tables; nothing is written.
"""

import argparse
import time

import ganwidgets as gw


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("classifier")
    parser.add_argument("--pictures", help=".npz of cut-outs, names.json beside it")
    parser.add_argument("--photos", help="folder of photos")
    parser.add_argument("--segmenter", default="scenes", help="names the pixels of the photos")
    parser.add_argument("--n", type=int, default=2000, help="scenes that are composed")
    parser.add_argument("--size", type=int, default=112, help="of the scenes and masks [pixels]")
    parser.add_argument("--layers", nargs="*", help="by default up to 8, spread over the network")
    parser.add_argument("--turn", help="layer whose basis is turned; by default the last one")
    parser.add_argument("--rotations", type=int, default=2)
    chosen = parser.parse_args()
    name, _, weights = chosen.classifier.partition("=")
    network = gw.load_classifier(name, weights or None)
    if chosen.photos:
        data = gw.segment.SegmentedPhotos(
            chosen.photos, gw.segment.load(chosen.segmenter), size=network.image_shape[1:]
        )
    else:
        data = gw.segment.WithColours(gw.segment.PastedScenes(chosen.pictures, chosen.n, size=chosen.size))
    layers = chosen.layers or gw.dissect.depth_layers(network, most=8)
    print(f"{network.name}, {data.name}: {len(data)} images, {len(data.concepts)} concepts")
    began = time.perf_counter()
    profile = gw.dissect.depth_profile(network, data, layers)
    print(f"{len(layers)} layers and those of random weights: {time.perf_counter() - began:.0f} s")
    for counting in ("one label", "per category"):
        print(f"\nunique detectors, {counting}\n{profile.to_frame(counting).to_string()}")
    for what, found in (("trained", profile.found), ("random weights", profile.random)):
        frame = found.to_frame()
        told = frame.groupby("layer", sort=False).agg(
            units=("unit", "size"),
            labelled=("labelled", "sum"),
            above_chance=("above_chance", "sum"),
            median_iou=("iou", "median"),
            median_chance=("iou_chance", "median"),
        )
        told["both"] = (
            frame[frame.labelled & frame.above_chance].groupby("layer").size().reindex(told.index, fill_value=0)
        )
        chance = gw.dissect.detectors(found).query("counting == 'one label' and category == 'all'")
        told["labelled_by_chance"] = chance.set_index("layer").by_chance.round(1)
        print(f"\n{what}\n{told.round(3).to_string()}")
    best = profile.found.to_frame().query("above_chance and labelled").sort_values("iou", ascending=False)
    columns = ["layer", "unit", "concept", "iou", "iou_chance"]
    print(f"\nbest units\n{best[columns].head(15).round(3).to_string(index=False)}")
    turn = chosen.turn or layers[-1]
    turned = gw.dissect.basis_rotation(network, data, turn, rotations=chosen.rotations, alphas=(0, 0.5, 1))
    print(f"\nbasis of {turn}, turned\n{turned.to_frame().round(1).to_string(index=False)}")


if __name__ == "__main__":
    main()
