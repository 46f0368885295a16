"""Python that repeats what a panel shows: the generator, the dissection and the ablation."""

from dataclasses import MISSING, fields

from ganwidgets.ablate.controller import N_RANDOM_SETS, Shown
from ganwidgets.dissect.options import USUAL_FRACTION, Options
from ganwidgets.results.dissection import Dissection

ALWAYS = ("n", "seed", "rule")  # settings that are written down even where they are the usual ones
_USUAL = {field.name: field.default for field in fields(Options) if field.default is not MISSING}


def code(
    network: str,
    segmenter: str | None,
    shown: Shown | None,
    result: Dissection | None = None,
    layer: str = "",
    drawn: str | None = "",
) -> str:
    """The program.

    Args:
        network: name of the generator; "" if it has none that `ganwidgets.load` knows.
        segmenter: name of the segmenter, "" likewise; None if there is none.
        shown: what the pictures are of, if there are any.
        result: the dissection that is shown, if there is one.
        layer: that it shows.
        drawn: name of the class that is drawn; None for all; "" if nothing need be said of it.
    """
    if shown is None and result is None:
        return ""
    lines = ["import ganwidgets as gw", "", f"G = gw.load({network!r})" if network else "# G is your generator"]
    if drawn != "":
        lines.append(f"G = G.with_label({drawn!r})")
    counts = shown is not None and bool(shown.ablation.units) and segmenter is not None
    if result is not None or counts:
        lines.append(f"S = gw.segment.load({segmenter!r})" if segmenter else "# S is your segmenter")
    if result is not None:
        lines += ["", *_dissection(result, layer)]
    if shown is not None:
        lines += ["", *_ablation(shown, counts)]
    return "\n".join(lines)


def _dissection(result: Dissection, layer: str) -> list[str]:
    chosen = {name: result.options[name] for name in _USUAL if name in result.options}
    usual = _USUAL | {"top_fraction": USUAL_FRACTION.get(result.rule)}
    given = {name: value for name, value in chosen.items() if name in ALWAYS or value != usual[name]}
    if result.rule == "iqr":
        given.pop("top_fraction", None)
    named = ", ".join(f"{name}={value!r}" for name, value in given.items())
    call = f"d = gw.dissect.run(G, segmenter=S, layer={layer!r}, {named})"
    return [call] if result.complete else [f"# shown are the first {result.n:,} of these images", call]


def _ablation(shown: Shown, counts: bool) -> list[str]:
    ablation = shown.ablation
    squeezed = "" if shown.truncation is None else f", truncation={shown.truncation!r}"
    lines = [f"z = G.sample_z({shown.n_images}, seed={shown.seed}{squeezed})", "before = G.images(z)"]
    if ablation.units:
        layer, units = repr(ablation.layer), repr(list(ablation.units))
        how = "" if ablation.strength == 1 else f", strength={ablation.strength!r}"
        lines += [f"with G.intervene({layer}, gw.zero_units({units}{how})):", "    after = G.images(z)"]
        if counts:
            lines += [
                f"effect = gw.ablate.ablation_effect(G, {layer}, {units}, S, z{how}, n_random_sets={N_RANDOM_SETS})",
                "effect.to_frame()",
            ]
    return lines
