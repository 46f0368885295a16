"""Points in two dimensions: how two numbers of the same things go together."""

from PIL import Image
from traitlets import Bool, Bunch, TraitError, Unicode, validate

from ganwidgets.ui import charts
from ganwidgets.ui.axes import Axis
from ganwidgets.ui.component import Component, bundle, plural
from ganwidgets.ui.traits import PlainList, require_keys, require_numbers


class Scatter(Component):
    """A mark per point, coloured and shaped by group; a click, a box or the keys choose points.

    Drag a box over points (with Shift or Ctrl: in addition); with the keyboard, arrows go from point to point, Space
    chooses, Shift and arrows draw a box that Enter takes. Thousands of points are drawn on one canvas.
    """

    _esm, _css = bundle("scatter")

    points = PlainList(help="{x, y, key?, label?, group?}; None for a number that is not known.").tag(sync=True)
    selected = PlainList(help="Keys of the chosen points; the key of a point without one is its position.").tag(
        sync=True
    )
    groups = PlainList(help="Groups in the order in which they take colours; empty: alphabetical.").tag(sync=True)
    x_label = Unicode("", help="What x is, with its unit.").tag(sync=True)
    y_label = Unicode("", help="What y is, with its unit.").tag(sync=True)
    x_percent = Bool(False, help="The x are shares: write them in %.").tag(sync=True)
    y_percent = Bool(False, help="The y are shares: write them in %.").tag(sync=True)
    note = Unicode("", help="One line below, e.g. a correlation with its interval and n.").tag(sync=True)
    title = Unicode("").tag(sync=True)
    message = Unicode("", help="What to say where points would be.").tag(sync=True)

    @validate("points")
    def _check_points(self, proposal: Bunch) -> list:
        points = proposal["value"]
        require_keys("points", points, ("x", "y"), ("key", "label", "group"))
        for axis in ("x", "y"):
            require_numbers(f"points[...][{axis!r}]", [point[axis] for point in points])
        keys = [point_key(point, position) for position, point in enumerate(points)]
        if len(set(keys)) < len(keys):
            twice = next(key for key in keys if keys.count(key) > 1)
            raise TraitError(f"`points` needs one point per key, got {twice!r} twice.")
        return points

    @validate("selected")
    def _check_selected(self, proposal: Bunch) -> list:
        for key in proposal["value"]:
            if isinstance(key, bool) or not isinstance(key, int | str):
                raise TraitError(f"`selected` must hold keys of points (numbers or strings), got {key!r}.")
        return proposal["value"]

    def describe(self) -> str:
        return f"{plural(len(self.points), 'point')}, {len(self.selected)} selected"

    def picture(self) -> Image.Image | None:
        """The points with their axes, the chosen ones outlined; None when none has a place."""
        chosen = set(self.selected)
        groups = self.groups or sorted({point.get("group") or "" for point in self.points} - {""})
        spots = [
            charts.Spot(point["x"], point["y"], point.get("group") or "", point_key(point, position) in chosen)
            for position, point in enumerate(self.points)
            if point["x"] is not None and point["y"] is not None
        ]
        return charts.scatter(
            spots,
            groups,
            title=self.title,
            note=self.note,
            x=Axis(self.x_label, percent=self.x_percent),
            y=Axis(self.y_label, percent=self.y_percent),
        )


def point_key(point: dict, position: int) -> int | str:
    """What `selected` holds for a point: its key, else its position."""
    key = point.get("key")
    return position if key is None else key
