"""An inversion as a picture: photo, reconstruction, what an adaptation adds, and where the error is."""

from matplotlib.backends.backend_agg import FigureCanvasAgg

from ganwidgets.results.inversion import Inversion, as_uint8
from ganwidgets.results.plot import BarGraph


def plot(inversion: Inversion) -> BarGraph:
    """The figure, on a canvas of its own (no pyplot state)."""
    pictures = {"photo": inversion.image, f"reconstruction, {inversion.errors.psnr:.1f} dB": inversion.reconstruction}
    if inversion.adaptation is not None:
        pictures[f"adapted, {inversion.adaptation.errors.psnr:.1f} dB"] = inversion.adapted
    figure = BarGraph(figsize=(2.6 * (len(pictures) + 1), 3), layout="constrained")
    FigureCanvasAgg(figure)
    panes = figure.subplots(1, len(pictures) + 1)
    for axes, (title, image) in zip(panes, pictures.items(), strict=False):
        shown = as_uint8(image)
        axes.imshow(shown[..., 0] if shown.shape[2] == 1 else shown, cmap="gray", vmin=0, vmax=255)
        axes.set_title(title, fontsize=9)
    drawn = panes[-1].imshow(inversion.error_map.cpu().numpy(), cmap="viridis", vmin=0)
    panes[-1].set_title("error, share of the range", fontsize=9)
    figure.colorbar(drawn, ax=panes[-1], shrink=0.8)
    for axes in panes:
        axes.set_axis_off()
    return figure
