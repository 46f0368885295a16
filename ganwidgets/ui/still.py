"""Pictures that stay in a saved notebook: what it shows when it is opened and no kernel runs.

A picture travels beside the widget in one output, and every viewer that cannot run widgets takes it. JupyterLab can,
so in a notebook it trusts, one's own, it tries the widget, finds no kernel behind it, and shows an error where the
picture could be. Hence a second output: a style sheet with the picture in it, which paints it exactly there. It takes
no room while the widget lives, and does nothing in other viewers.
"""

import hashlib
import io
from base64 import b64decode
from typing import Any

from PIL import Image

WORDS = "Saved picture: run the cell to go on."

GONE = ".jp-OutputArea-child:not(:has(> .jp-OutputArea-output > *))"
"""The output of a widget that is not there: it holds words and no element."""

# NAME tells pictures of one notebook apart. A nested :has() would be invalid.
STYLE = """
.NAME { display: none; width: WIDTHpx; max-width: 100%; aspect-ratio: WIDTH / HEIGHT; background: center / contain
  no-repeat url(data:image/png;base64,PICTURE); }
.jp-OutputArea-child:has(> .jp-OutputArea-output > .NAME) { display: none; }
GONE + .jp-OutputArea-child:has(> .jp-OutputArea-output > .NAME) { display: flex; }
GONE + .jp-OutputArea-child .NAME { display: block; }
GONE:has(+ .jp-OutputArea-child .NAME) > .jp-OutputArea-output { font-size: 0; }
GONE:has(+ .jp-OutputArea-child .NAME) > .jp-OutputArea-output::before { content: "WORDS"; font-size: 13px; }
"""


def show(bundle: tuple[dict[str, Any], dict[str, Any]] | None) -> None:
    """Display a widget's mime bundle, and after it, if it has a picture, the picture for later."""
    from IPython.display import display

    if bundle is None:
        return
    data, metadata = bundle
    display(data, metadata=metadata, raw=True)
    if "image/png" in data:
        display({"text/html": still(data["image/png"])}, raw=True)


def still(png: str) -> str:
    """HTML that paints a picture (PNG as base64) over a widget that is not there."""
    with Image.open(io.BytesIO(b64decode(png))) as picture:
        width, height = picture.size
    name = f"gw-still-{hashlib.sha256(png.encode()).hexdigest()[:12]}"
    known = {"GONE": GONE, "NAME": name, "WORDS": WORDS, "WIDTH": str(width), "HEIGHT": str(height), "PICTURE": png}
    style = STYLE
    for word, value in known.items():
        style = style.replace(word, value)
    return f'<style>{style}</style><div class="gw-still {name}" role="img" aria-label="{WORDS}"></div>'
