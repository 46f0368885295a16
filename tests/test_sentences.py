"""What a person may type by mistake is answered with one sentence that names it, without any type checker's help.

The other tests run under one (`--jaxtyping-packages`), which would answer first. Here a plain interpreter tries every
case, once, and says what it got.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

SETUP = """
import json, math
import numpy as np, pandas as pd, torch
from ganwidgets import ablate, paint
from ganwidgets.models import TorchClassifier, set_units, zero_units
from ganwidgets.testing import planted_classifier, planted_generator, planted_photos, planted_segmenter

G, S, C = planted_generator(resolution=8), planted_segmenter(), planted_classifier()
z, z0 = G.sample_z(4, seed=3), G.sample_z(4)[:0]
images, labels = planted_photos(16)
real = G.images(G.sample_z(40, seed=9))
ranking = ablate.class_ablation(C, "mix", images, labels)
curve = ablate.removal_curve(G, "layer1", {"IoU": (0, 1)}, "red", S, z, n_random_sets=0)
context = ablate.insertion_context(G, "layer1", [0], 1.0, "red", S, z, n_random_sets=0)
found = ablate.find_artifact_units(G, "layer1", real=real, n=20, top_k=4, n_random_sets=20)
whole, nan, inf = np.ones((8, 8), np.float32), float("nan"), float("inf")
stroke = paint.Stroke("layer1", [0], whole, 1.0)
stack = paint.StrokeStack().push(stroke).push(stroke)
clip = paint.copy_region(G, z[:1], "layer1", whole)


def effect(units=(0,), z=z, **more):
    return ablate.ablation_effect(G, "layer1", units, S, z, **more)


def insert(units=(0,), value=1.0, **more):
    return ablate.insertion_effect(G, "layer1", units, value, S, z, **more)


def causal(units=(0,), value=1.0, **more):
    return ablate.average_causal_effect(G, "layer1", units, value, S, z, **more)


def places(units=(0,), value=1.0, concept="red", **more):
    return ablate.insertion_context(G, "layer1", units, value, concept, S, z, **more)


def alpha(**more):
    few = {"n_search": 40, "n_train": 8, "n_eval": 4, "epochs": 1}
    return ablate.optimise_alpha(G, "layer1", "red", S, **few | more)


def removal(orders=(("IoU", (0, 1)),), **more):
    return ablate.removal_curve(G, "layer1", dict(orders), "red", S, z, **more)


def closer(units=(0,), **more):
    return ablate.removal_effect(G, "layer1", units, G.sample_z(40), real=real, **more)


def classes(images=images, labels=labels, **more):
    return ablate.class_ablation(C, "mix", images, labels, **more)


def class_curve(orders=(("mine", (0, 1)),), **more):
    return ablate.cumulative_curve(C, "mix", images, labels, dict(orders), **more)


def brush(units=(0,), region=whole, value=1.0, **more):
    return paint.Stroke("layer1", units, region, value, **more)
"""

INTO_IMAGES = "effect insert causal places"
INSERTIONS = "insert causal places"
NO_LIST = "`units` must be a list of unit numbers"
NOTHING = "`units` must hold at least one"
NOT_FINITE = "the activations of 'layer2' hold NaN or infinity"
NO_STROKE = "`which` must be the number of a stroke (0 to 1) or its uid, got"


def each(words, case, told):
    """A case for each of some words, written where the case has a *."""
    return {case.replace("*", word): told for word in words.split()}


CASES = {
    # units
    **each(f"{INTO_IMAGES} closer classes brush", "*(units=3)", NO_LIST),
    **each("['a'] [0.5] 'ab' None", "effect(units=*)", NO_LIST),
    "ablate.unit_effects(G, 'layer1', S, z, units=3)": NO_LIST,
    "ablate.most_active_latents(G, 'layer1', 3)": NO_LIST,
    "ablate.top_pictures(found, G, 3)": NO_LIST,
    "removal({'IoU': 3})": NO_LIST,
    "class_curve({'mine': 3})": NO_LIST,
    "paint.paste(clip, units=3)": NO_LIST,
    **each(f"{INTO_IMAGES} closer classes", "*(units=[])", NOTHING),
    "ablate.unit_effects(G, 'layer1', S, z, units=[])": NOTHING,
    "ablate.most_active_latents(G, 'layer1', [])": NOTHING,
    "ablate.top_pictures(found, G, [])": NOTHING,
    "removal({'IoU': []})": "`orders['IoU']` must hold at least one",
    "class_curve({'mine': []})": "`orders['mine']` must hold at least one",
    "brush(units=[])": "`units` must name at least one unit",
    "paint.paste(clip, units=[])": "`units` must name at least one unit",
    # strength, value, regions
    **each("effect insert brush", "*(strength='a')", "`strength` must be a number in [0, 1]"),
    "zero_units([0], 'a')": "`strength` must be a number in [0, 1]",
    "paint.paste(clip, strength='a')": "`strength` must be a number in [0, 1]",
    "stack.with_strength(0, 'a')": "`strength` must be a number in [0, 1]",
    **each(f"{INSERTIONS} brush", "*(value='a')", "`value` must be a number"),
    **each(f"{INSERTIONS} brush", "*(value=None)", "`value` must be a number"),
    "set_units([0], 'a')": "`value` must be a number",
    "alpha(value='a')": "`value` must be one number for each unit",
    **each("effect insert causal removal brush", "*(region='a')", "`region` must be (height, width)"),
    **each("effect insert causal removal", "*(measure='a')", "`measure` must be (height, width)"),
    "zero_units([0], 1.0, 'a')": "`region` must be (height, width)",
    **each("region measure", "removal(at='cell', *=whole)", 'must be left out with at="cell"'),
    # NaN and infinity: the argument is named, or the layer in which they begin
    **each(INSERTIONS, "*(value=nan)", "`value` must be finite"),
    **each(INSERTIONS, "*(value=-inf)", "`value` must be finite"),
    **each(f"{INSERTIONS} alpha", "*(value=torch.full((8,),nan))", "`value` must be finite"),
    "brush(value=nan)": "`value` must be finite",
    **each("nan inf -1", "alpha(weight=*)", "`weight` must be finite and at least 0"),
    "alpha(weight='a')": "`weight` must be a number",
    "alpha(start=torch.full((8,), nan))": "`start` must hold 8 numbers in [0, 1]",
    **each(INSERTIONS, "*(value=3e38)", NOT_FINITE),
    "alpha(value=torch.full((8,), 3e38))": NOT_FINITE,
    "paint.apply_to_many(G, [brush(value=3e38)], z)": NOT_FINITE,
    # how many
    **each(
        f"{INTO_IMAGES} alpha removal closer class_curve", "*(n_random_sets=-1)", "`n_random_sets` must be at least 0"
    ),
    **each("effect alpha removal closer", "*(n_random_sets=1.5)", "`n_random_sets` must be a whole number"),
    "ablate.important_sets(C, 'mix', images, labels, ranking, n_random_sets=-1)": "`n_random_sets` must be at least 0",
    "ablate.find_artifact_units(G, 'layer1', real=real, n_random_sets=-1)": "`n_random_sets` must be at least 1",
    "alpha(n_search=0.5)": "`n_search` must be a whole number",
    "removal(sizes=(0.5,))": "`sizes` must be a list of whole numbers",
    **each("removal class_curve", "*(sizes=3)", "`sizes` must be a list of whole numbers"),
    **each("0 -3", "classes(batch=*)", "`batch` must be at least 1"),
    "ablate.unit_attributes(C, 'mix', images, labels, batch=0)": "`batch` must be at least 1",
    "class_curve(batch=0)": "`batch` must be at least 1",
    "ablate.important_sets(C, 'mix', images, labels, ranking, batch=0)": "`batch` must be at least 1",
    "ablate.rotation_comparison(C, 'mix', images, labels, batch=0)": "`batch` must be at least 1",
    "ablate.rotation_comparison(C, 'mix', images, labels, axes=0)": "`axes` must be at least 1",
    # none at all
    "effect(z=z0)": "`z` must hold at least 1 latent",
    "paint.apply_to_many(G, [stroke], z0)": "`z` must hold at least 1 latent",
    "ablate.insertion_value(G, 'layer1', z0)": "`z` must hold at least 1 latent",
    "classes(images[:0], [])": "`images` must hold at least one image",
    "classes(images[:0], None, to='mean')": "`images` must hold at least one image",
    "ablate.classes.unit_edits(C, 'mix', images[:0], [0], 'mean')": "`images` must hold at least one image",
    # names
    "curve.side_effects('iou')": "`order` must be one of ['IoU'], got 'iou'. Did you mean 'IoU'?",
    "curve.size_for('zzz', 0.5)": "`order` must be one of ['IoU'], got 'zzz'",
    "context.answer('bleu')": "got 'bleu'. Did you mean 'blue'?",
    "context.answer(3)": "`stood` must be one of",
    # strokes
    **each("scenes n_random_sets", "paint.report(G, [stroke], z[:1], S, *=-1)", "must be at least 0, got -1"),
    "stack[0:2]": f"{NO_STROKE} slice(0, 2, None)",
    **each("-1 2 0.5 None [0] 'zzz' True", "stack[*]", NO_STROKE),
    **each("(nan,0) (0,inf) (0,) 3 'ab' None", "paint.paste(clip, move=*)", "`move` must be two finite numbers"),
    "brush(resize=3)": "`resize` must be one of",
    # classifiers
    **each(
        "'a' (1,8) (1,8.0,8) None (2,8,8) np.int64(0)",
        "TorchClassifier(C.module, image_shape=*)",
        "`image_shape` must be (1, 3 or 4 channels, height, width)",
    ),
}


@pytest.fixture(scope="module")
def answers():
    """What each case gives in a plain interpreter: kind and text of the error, or what it returned."""
    script = f"""{SETUP}
answers = {{}}
for case in {list(CASES)!r}:
    try:
        answers[case] = ("returned", repr(eval(case))[:200])
    except Exception as error:
        answers[case] = (type(error).__name__, str(error))
print(json.dumps(answers))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=Path(__file__).parents[1])
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("case", CASES)
def test_it_is_one_sentence(answers, case):
    kind, told = answers[case]
    assert kind in ("ValueError", "TypeError"), (kind, told)
    assert CASES[case] in told, told
    assert re.match(r"`[\w\[\]']+`", told) and "\n" not in told, told


def test_numbers_of_numpy_are_numbers():
    import numpy as np
    from torch import nn

    from ganwidgets.models import TorchClassifier

    module = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 2))
    for shape in (np.int64(8), (np.int64(3), np.int32(8), 8), tuple(np.array([3, 8, 8]))):
        found = TorchClassifier(module, image_shape=shape)
        assert found.image_shape == (3, 8, 8) and all(type(size) is int for size in found.image_shape)
