"""Two dissections side by side: which concepts gained units, and which units kept theirs."""

from typing import TYPE_CHECKING

from ganwidgets.results.dissection import Dissection

if TYPE_CHECKING:
    import pandas


def compare(a: Dissection, b: Dissection, layer_a: str | None = None, layer_b: str | None = None) -> "pandas.DataFrame":
    """Labelled units and best IoU of every concept in two dissections: layers of one model, or two models.

    Args:
        a: first dissection.
        b: second one; the same object with another layer compares layers.
        layer_a: may be left out when there is one layer.
        layer_b: likewise.

    Returns:
        A table by concept: category, units_a, units_b, difference, best_iou_a, best_iou_b. A concept that one of them
        does not know has NaN there.
    """
    import pandas

    sides = []
    for dissection, layer in ((a, layer_a), (b, layer_b)):
        result = dissection.layer(layer)
        alive = result.iou[result.status == "ok"]
        best = alive.max(0) if len(alive) else result.iou[:0].sum(0)
        table = {"category": dissection.categories, "units": result.labelled_units, "best_iou": best}
        sides.append(pandas.DataFrame(table, index=list(dissection.concepts)))
    concepts = pandas.Index(dict.fromkeys([*a.concepts, *b.concepts]), name="concept")
    one, other = (side.reindex(concepts) for side in sides)
    return pandas.DataFrame(
        {
            "category": one["category"].fillna(other["category"]),
            "units_a": one["units"],
            "units_b": other["units"],
            "difference": other["units"] - one["units"],
            "best_iou_a": one["best_iou"],
            "best_iou_b": other["best_iou"],
        }
    )
