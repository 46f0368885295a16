"""Does an attribute of a unit foretell what switching it off does? Correlations across the units of a layer.

Source: Zhou, Sun, Bau, Torralba, "Revisiting the Importance of Individual Units in CNNs via Ablation", 2018:
selectivity says little about the overall drop and more about the highest class drop. Intervals are ours: bootstrap over
units.
"""

from collections.abc import Iterable

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from ganwidgets.ablate.class_attributes import ATTRIBUTES
from ganwidgets.ablate.class_result import ClassAblation

TARGETS = ("overall_drop", "max_class_drop", "max_class_drop_corrected")
"""What attributes are compared with. The uncorrected one is what the literature uses; believe the corrected one."""

RESAMPLES = 1000  # of the units
FEWEST = 4  # units


def attribute_correlations(
    ablation: ClassAblation,
    attributes: pd.DataFrame,
    *,
    columns: Iterable[str] | None = None,
    seed: int = 0,
) -> pd.DataFrame:
    """Pearson and Spearman correlation of each attribute with each kind of drop, over the units of a layer.

    Args:
        ablation: of the units.
        attributes: a row per unit with a column "unit"; `unit_attributes` makes one, and further columns (an IoU, say)
            may be added.
        columns: which attributes; None takes those of `unit_attributes`.
        seed: of the bootstrap.

    Returns:
        A row per attribute and drop, with 95 % bootstrap intervals over `n` units; an attribute or drop that is the
        same for all units has no correlation and is left out.

    Raises:
        ValueError: fewer than four units, units without attributes, or a column that is not there.
    """
    table = attributes.set_index("unit")
    if missing := [unit for unit in ablation.units if unit not in table.index]:
        raise ValueError(f"`attributes` must have a row for every unit of the ablation, but lacks {missing[:5]}")
    if len(ablation.units) < FEWEST:
        raise ValueError(f"`ablation` must be of at least {FEWEST} units to correlate over, got {len(ablation.units)}")
    columns = [name for name in ATTRIBUTES if name in table] if columns is None else list(columns)
    if wrong := [name for name in columns if name not in table]:
        raise ValueError(f"`columns` must be columns of `attributes`, {list(table)}, got {wrong[0]!r}")
    table = table.loc[list(ablation.units)]
    n = len(table)
    draws = np.random.RandomState(seed).randint(n, size=(RESAMPLES, n))
    rows = []
    for name in columns:
        for target in TARGETS:
            x, y = table[name].to_numpy(float), np.asarray(getattr(ablation, target), float)
            if not np.isfinite(x + y).all() or np.ptp(x) == 0 or np.ptp(y) == 0:
                continue
            row = {"attribute": name, "drop": target}
            for kind, (a, b) in {"pearson": (x, y), "spearman": (rankdata(x), rankdata(y))}.items():
                low, high = _interval(x, y, draws, kind)
                row |= {kind: float(np.corrcoef(a, b)[0, 1]), f"{kind}_low": low, f"{kind}_high": high}
            rows.append(row | {"n": n})
    return pd.DataFrame(rows)


def _interval(x: np.ndarray, y: np.ndarray, draws: np.ndarray, kind: str) -> tuple[float, float]:
    a, b = x[draws], y[draws]  # (resample unit)
    if kind == "spearman":
        a, b = rankdata(a, axis=1), rankdata(b, axis=1)
    a, b = (part - part.mean(1, keepdims=True) for part in (a, b))
    size = np.sqrt((a**2).sum(1) * (b**2).sum(1))
    varied = size > 1e-12 * max(1.0, float(size.max()))
    low, high = np.quantile((a * b).sum(1)[varied] / size[varied], [0.025, 0.975])
    return float(low), float(high)
