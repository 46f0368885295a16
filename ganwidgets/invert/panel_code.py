"""Python that repeats what an inverting panel shows."""

from typing import Any

from ganwidgets.results.inversion import Inversion

_USUAL = {"steps": 0, "starts": 1, "seed": 1, "fit": "crop"}


def code(network: str, photo: str, settings: dict[str, Any], inversion: Inversion | None) -> str:
    """The program.

    Args:
        network: name of the generator; "" if it has none that `ganwidgets.load` knows.
        photo: Python that gives the photo; "" if it came from a file or a browser.
        settings: of the search: strategy, steps, starts, seed, layer, fit, box, and the usual `layer`.
        inversion: what was found, if anything was.
    """
    given = [repr(settings["strategy"])]
    given += [f"{name}={settings[name]!r}" for name, usual in _USUAL.items() if settings[name] != usual]
    given += [f"layer={settings['layer']!r}"] if settings["layer"] != settings["usual_layer"] else []
    if (box := tuple(round(side, 4) for side in settings["box"])) != (0, 0, 1, 1):
        given.append(f"box={box}")
    drawn = ["from ganwidgets.scenes.draw import draw"] if photo.startswith("draw(") else []
    lines = ["import ganwidgets as gw", *drawn, "", f"G = gw.load({network!r})" if network else "# G is your generator"]
    if settings.get("class"):
        lines.append(f"G = G.with_label({settings['class']!r})")
    lines.append(f"photo = {photo}" if photo else 'photo = "photo.jpg"  # yours')
    lines.append(f"inversion = gw.invert.invert(G, photo, {', '.join(given)})")
    if inversion is not None and inversion.adaptation is not None:
        lines.append(f"adaptation = gw.invert.adapt(G, inversion, form={inversion.adaptation.form!r})")
        lines.append("inversion = inversion.with_adaptation(adaptation)")
    return "\n".join([*lines, "gw.paint.panel(inversion, network=G)"])
