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
        sides.append(pandas.DataFrame(table, index=pandas.Index(dissection.concepts, name="concept")))
    both = sides[0].join(sides[1], how="outer", lsuffix="_a", rsuffix="_b", sort=False)
    both.insert(0, "category", both.pop("category_a").fillna(both.pop("category_b")))
    both.insert(3, "difference", both.pop("units_b"))
    both.insert(2, "units_b", both["difference"])
    both["difference"] = both["units_b"] - both["units_a"]
    return both[["category", "units_a", "units_b", "difference", "best_iou_a", "best_iou_b"]]
