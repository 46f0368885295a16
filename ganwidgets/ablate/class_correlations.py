"""Does an attribute of a unit foretell what switching it off does? Correlations across the units of a layer.

Drops are skewed (most units cost nothing), and a layer may have ten units: the interval must bear both, and hold its
own estimate. On Fisher's scale z = artanh r it does: for Pearson's r a jackknife over units with t quantiles, which
needs no normal distribution; for Spearman's, whose ranks have the same distribution whatever is ranked, a standard
error that depends on n and r alone. `tests/ablate/test_class_correlations.py` says how often they hold a planted truth.

Sources: Zhou, Sun, Bau, Torralba, "Revisiting the Importance of Individual Units in CNNs via Ablation", 2018:
selectivity says little about the overall drop and more about the highest class drop. Hinkley, "Improving the jackknife
with special reference to correlation estimation", Biometrika 65, 1978; Bonett and Wright, "Sample size requirements for
estimating Pearson, Kendall and Spearman correlations", Psychometrika 65, 2000 (standard error of Spearman's z:
√((1 + r²/2) / (n − 3))). That a perfect order of ranks is read half a step below 1, so that its interval has a lower
end, is ours.
"""

from collections.abc import Iterable

import numpy as np
import pandas as pd
from jaxtyping import Float
from scipy.special import stdtrit
from scipy.stats import rankdata

from ganwidgets.ablate.class_attributes import ATTRIBUTES
from ganwidgets.ablate.class_result import ClassAblation
from ganwidgets.nn.proportions import Z

TARGETS = ("overall_drop", "max_class_drop", "max_class_drop_corrected")
"""What attributes are compared with. The uncorrected one is what the literature uses; believe the corrected one."""

FEWEST = 4  # units
NEARLY_ONE = 1 - 1e-9  # artanh is finite up to here


def attribute_correlations(
    ablation: ClassAblation, attributes: pd.DataFrame, *, columns: Iterable[str] | None = None
) -> pd.DataFrame:
    """Pearson and Spearman correlation of each attribute with each kind of drop, over the units of a layer.

    Args:
        ablation: of the units.
        attributes: a row per unit with a column "unit"; `unit_attributes` makes one, and further columns (an IoU, say)
            may be added.
        columns: which attributes; None takes those of `unit_attributes`.

    Returns:
        A row per attribute and drop, with 95 % intervals over the `n_units` units; `n` is the number of images. An
        attribute or drop that is the same for all units has no correlation and is left out.

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
    rows = []
    for name in columns:
        for target in TARGETS:
            x, y = table[name].to_numpy(float), np.asarray(getattr(ablation, target), float)
            if not np.isfinite(x + y).all() or np.ptp(x) == 0 or np.ptp(y) == 0:
                continue
            row = {"attribute": name, "drop": target}
            for kind, interval in (("pearson", pearson_interval), ("spearman", spearman_interval)):
                value, low, high = interval(x, y)
                row |= {kind: value, f"{kind}_low": low, f"{kind}_high": high}
            rows.append(row | {"n": ablation.n, "n_units": len(table)})
    return pd.DataFrame(rows)


def pearson_interval(x: Float[np.ndarray, " unit"], y: Float[np.ndarray, " unit"]) -> tuple[float, float, float]:
    """Pearson's correlation and its 95 % interval: a jackknife over units of artanh r, with t quantiles."""
    n = len(x)
    x, y = ((part - part.mean()) / part.std() for part in (x, y))
    value = float(_correlations(x[None], y[None])[0])
    kept = ~np.eye(n, dtype=bool)
    left_out = [np.broadcast_to(part, (n, n))[kept].reshape(n, n - 1) for part in (x, y)]
    z = np.arctanh(_correlations(*left_out).clip(-NEARLY_ONE, NEARLY_ONE))
    error = np.sqrt((n - 1) / n * np.square(z - z.mean()).sum())
    return _around(value, value, stdtrit(n - 2, 0.975) * error)


def spearman_interval(x: Float[np.ndarray, " unit"], y: Float[np.ndarray, " unit"]) -> tuple[float, float, float]:
    """Spearman's correlation and its 95 % interval after Bonett and Wright."""
    n = len(x)
    value = float(_correlations(rankdata(x)[None], rankdata(y)[None])[0])
    most = 1 - 6 / (n * (n**2 - 1))  # half a step below a perfect order: two neighbours changed cost 12 / (n³ − n)
    middle = min(max(value, -most), most)
    return _around(value, middle, Z * np.sqrt((1 + middle**2 / 2) / (n - 3)))


def _around(value: float, middle: float, half: float) -> tuple[float, float, float]:
    """A correlation, and the interval of this half width on Fisher's scale; it holds the correlation."""
    z = np.arctanh(min(max(middle, -NEARLY_ONE), NEARLY_ONE))
    return value, min(value, float(np.tanh(z - half))), max(value, float(np.tanh(z + half)))


def _correlations(x: Float[np.ndarray, "row unit"], y: Float[np.ndarray, "row unit"]) -> Float[np.ndarray, " row"]:
    """Pearson's correlation of each row; 0 where one of the two is constant."""
    x, y = (part - part.mean(1, keepdims=True) for part in (x, y))
    size = np.sqrt(np.square(x).sum(1) * np.square(y).sum(1))
    there = size > 1e-12 * size.max()
    return np.divide((x * y).sum(1), size, out=np.zeros_like(size), where=there).clip(-1, 1)
