"""Which units of a real face GAN stand for brows, eyes, nose, mouth or the face: `python benchmarks/faces.py`.

Dissects `gan-face-generate` (extra `faces`) against face-part masks of 228 of its own samples. The faces are aligned,
so any unit that is bright in the right place overlaps with a mouth: a concept counts only where its best unit lies
above what the best unit reaches with the masks of other samples. Eye and brow masks are rough (their own repeat
agreement is 0.7); the mouth is the one to trust.
"""

from pathlib import Path

import numpy as np

import ganwidgets as gw

TRUTH = Path(__file__).parents[1] / "../shared/data/facepart-truth-digiface64/facepart_digiface64_seed1.npz"
LAYERS = ["main.2", "main.5", "main.8", "main.11"]  # after each ReLU: 4, 8, 16 and 32 pixels
PARTS = {
    "brow": ("brow_left", "brow_right"),
    "eye": ("eye_left", "eye_right"),
    "nose": ("nose",),
    "mouth": ("mouth",),
    "face": ("face_oval",),
}


def labelled_faces():
    """The face GAN restricted to its 228 trusted samples, their images (n 64 64 3) and {part: masks (n 64 64)}."""
    truth = np.load(TRUTH)
    trusted, names = truth["ok"], [str(name) for name in truth["names"]]
    masks = truth["masks"][trusted]
    parts = {part: masks[:, [names.index(name) for name in group]].max(1) for part, group in PARTS.items()}
    whole = gw.load("faces")
    z = np.random.RandomState(1).standard_normal((len(trusted), *whole.z_shape)).astype(np.float32)[trusted]
    generator = gw.TorchGenerator(whole.module, z_shape=whole.z_shape, name="faces", sampler=lambda n, seed: z[:n])
    return generator, truth["images"][trusted], parts


def dissect_part(generator, images, masks, part):
    """Dissection of every layer against one part alone, so that its chance level is that part's own."""
    segmenter = gw.segment.FixedSegmentation.from_masks(images, masks[:, None], (part,), name=f"{part} masks")
    return gw.dissect.run(generator, layers=LAYERS, segmenter=segmenter, n=len(images), seed=1)


def main() -> None:
    """Print, for every layer and part, the best unit's IoU against chance and how many units lie above theirs."""
    generator, images, parts = labelled_faces()
    print(f"{len(images)} samples of gan-face-generate; chance: 95 % quantile with the masks of other samples")
    row = "{:8} {:>5}  {:6} {:>9} {:>6} {:>10} {:>10}  {}"
    print(
        row.format("layer", "units", "part", "best unit", "IoU", "its chance", "any chance", "units above their chance")
    )
    for part, masks in parts.items():
        dissection = dissect_part(generator, images, masks, part)
        for layer in LAYERS:
            found = dissection.layers[layer]
            iou, chance = found.iou[:, 0], found.iou_chance
            best = int(iou.argmax())
            values = (f"{value:.3f}" for value in (iou[best], chance[best], chance.max()))
            above = f"{int((iou > chance).sum())} ({0.05 * len(iou):.0f} expected)"
            verdict = f"{above}  <- above any chance" if iou[best] > chance.max() else above
            print(row.format(layer, len(iou), part, best, *values, verdict))


if __name__ == "__main__":
    main()
