"""A table of coloured cells: a number for every pair of a row and a column."""

from collections.abc import Sequence

import numpy as np
from PIL import Image
from traitlets import Bool, Bunch, Enum, TraitError, Unicode, validate

from ganwidgets.ui import heatmap
from ganwidgets.ui.component import Component, bundle
from ganwidgets.ui.traits import PlainList, require_numbers

Table = Sequence[Sequence[int | float | None]] | np.ndarray


class Matrix(Component):
    """Numbers as colours, and as text where there is room; hovering or the arrow keys read out a cell.

    A click on a name, or Enter, chooses its row or column; on a cell it chooses exactly that row and that column.
    `fill` replaces everything at once; traits that belong together are checked against each other.
    """

    _esm, _css = bundle("matrix")

    rows = PlainList(help="Names of the rows, each once.").tag(sync=True)
    columns = PlainList(help="Names of the columns, each once.").tag(sync=True)
    values = PlainList(help="A list of numbers per row; None where none is known.").tag(sync=True)
    low = PlainList(help="Lower ends of the cells' intervals, shaped like `values`; empty for none.").tag(sync=True)
    high = PlainList(help="Upper ends of the cells' intervals, shaped like `values`; empty for none.").tag(sync=True)
    notes = PlainList(help="A text per cell for its read-out, e.g. its n, shaped like `values`; empty for none.").tag(
        sync=True
    )
    limits = PlainList(help="[low, high] that the colours span; None, or none given, for what the values need.").tag(
        sync=True
    )
    scale = Enum(("sequential", "diverging"), "sequential", help="Diverging: losses and gains around zero.").tag(
        sync=True
    )
    percent = Bool(False, help="The values are shares: write them in %.").tag(sync=True)
    row_label = Unicode("", help="What the rows are.").tag(sync=True)
    column_label = Unicode("", help="What the columns are.").tag(sync=True)
    value_label = Unicode("", help="What a value is, with its unit.").tag(sync=True)
    selected_rows = PlainList(help="Names of the chosen rows.").tag(sync=True)
    selected_columns = PlainList(help="Names of the chosen columns.").tag(sync=True)
    title = Unicode("").tag(sync=True)
    message = Unicode("", help="What to say where cells would be.").tag(sync=True)

    def fill(
        self,
        rows: Sequence[str],
        columns: Sequence[str],
        values: Table,
        *,
        low: Table = (),
        high: Table = (),
        notes: Sequence[Sequence[str]] = (),
    ) -> None:
        """Replaces names, values, intervals and notes in one step and one message.

        Raises:
            traitlets.TraitError: when their shapes do not agree; what stood before stays.
        """
        with self.hold_sync(), self.hold_trait_notifications():
            self.rows, self.columns, self.values = rows, columns, values
            self.low, self.high, self.notes = low, high, notes

    @validate("rows", "columns")
    def _check_names(self, proposal: Bunch) -> list:
        names, trait = proposal["value"], proposal["trait"].name
        for name in names:
            if not isinstance(name, str):
                raise TraitError(f"`{trait}` must hold names (strings), got {name!r}.")
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise TraitError(f"`{trait}` needs every name once, got {twice!r} twice.")
        self._check_shapes(**{trait: names})
        return names

    @validate("values", "low", "high", "notes")
    def _check_table(self, proposal: Bunch) -> list:
        table, trait = proposal["value"], proposal["trait"].name
        for position, row in enumerate(table):
            if not isinstance(row, list):
                raise TraitError(f"`{trait}[{position}]` must be a list, one entry per column, got {row!r}.")
            if trait != "notes":
                require_numbers(f"{trait}[{position}]", row)
        self._check_shapes(**{trait: table})
        return table

    @validate("limits")
    def _check_limits(self, proposal: Bunch) -> list:
        ends = proposal["value"]
        require_numbers("limits", ends)
        if len(ends) not in (0, 2) or (None not in ends and len(ends) == 2 and ends[0] >= ends[1]):
            raise TraitError(f"`limits` must be [low, high] with low < high, or empty, got {ends}.")
        return ends

    def _check_shapes(self, **changed: list) -> None:
        rows, columns = (len(changed.get(name, getattr(self, name))) for name in ("rows", "columns"))
        for name in ("values", "low", "high", "notes"):
            table = changed.get(name, getattr(self, name))
            lengths = sorted({len(row) for row in table})
            if table and (len(table) != rows or lengths != [columns]):
                raise TraitError(
                    f"`{name}` must have {rows} rows of {columns} columns, as `rows` and `columns` name them,"
                    f" got {len(table)} rows of {' or '.join(map(str, lengths))}; `fill(...)` replaces all at once."
                )

    def describe(self) -> str:
        return f"{len(self.rows)} × {len(self.columns)}"

    def picture(self) -> Image.Image | None:
        """The cells with their names, colours and numbers; None without cells."""
        if not (self.rows and self.columns and self.values):
            return None
        return heatmap.matrix(
            self.rows,
            self.columns,
            self.values,
            limits=tuple(self.limits) or (None, None),
            diverging=self.scale == "diverging",
            percent=self.percent,
            title=self.title,
            note=self.value_label,
        )
