import numpy as np
import pytest
from PIL import Image
from traitlets import TraitError

from ganwidgets import ui
from ganwidgets.ui import axes, charts, fonts, heatmap, palette
from ganwidgets.ui.paper import Paper

LINE = {"name": "by effect", "x": [0, 1, 2], "y": [0.0, 0.2, None], "low": [0.0, 0.1, None], "high": [0.0, 0.3, None]}


def share(picture: Image.Image | None, colour: str | tuple[int, int, int], tolerance: int = 6) -> float:
    """Share of the pixels that have a colour."""
    assert picture is not None
    wanted = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)] if isinstance(colour, str) else colour)
    pixels = np.asarray(picture.convert("RGB")).astype(int)
    return float((np.abs(pixels - wanted).max(-1) <= tolerance).mean())


def columns_of(picture: Image.Image, colour: str) -> np.ndarray:
    """The x at which a colour occurs."""
    wanted = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)])
    return np.argwhere(np.abs(np.asarray(picture).astype(int) - wanted).max(-1) <= 12)[:, 1]


# Curves


def test_a_curve_is_drawn_with_its_lines_in_their_colours() -> None:
    other = {"name": "by IoU", "x": [0, 1, 2], "y": [0, 0.1, 0.2], "color": "#009E73"}
    curve = ui.Curve(lines=[LINE, other], title="Trees", x_label="units", y_label="removed", y_percent=True)
    first, second = (palette.pen_color(color) for color in (palette.CATEGORY_COLORS[0], "#009E73"))
    assert share(curve.picture(), first) > 0
    assert share(curve.picture(), second) > 0
    curve.hidden = ["by IoU"]
    assert share(curve.picture(), second) == 0
    assert share(curve.picture(), first) > 0
    assert repr(curve) == "Curve(2 lines)"


def test_a_line_ends_where_its_numbers_do() -> None:
    picture = ui.Curve(lines=[LINE, {"name": "b", "x": [0, 1, 2], "y": [0, 0, 0]}]).picture()
    assert picture is not None
    columns = [
        columns_of(picture.crop((0, 0, 560, 280)), palette.pen_color(color)) for color in palette.CATEGORY_COLORS[:2]
    ]
    assert columns[0].max() < 0.6 * columns[1].max()


def test_a_curve_without_a_known_number_has_no_picture() -> None:
    assert ui.Curve().picture() is None
    assert ui.Curve(lines=[{"name": "a", "x": [1, 2], "y": [np.nan, None]}]).picture() is None


@pytest.mark.parametrize(
    "traits",
    [
        {"lines": [{"name": "one", "x": [3], "y": [0.5], "low": [0.4], "high": [0.6]}]},
        {"lines": [{"name": "one", "x": [0], "y": [0]}], "log_x": True},
        {"lines": [{"name": "many", "x": range(1, 4000), "y": range(1, 4000)}], "log_x": True},
        {"lines": [{"name": "large", "x": [1, 2], "y": [1e9, -3e12]}], "band": {"x": [1], "low": [0], "high": [1]}},
        {
            "lines": [LINE],
            "y_range": [0, 0.1],
            "band": {"x": [0, 1], "low": [0, 0], "high": [1, 1], "middle": [0, 0.5]},
        },
        {"lines": [{"name": f"r{i}", "group": "random", "x": [0, 1], "y": [0, i]} for i in range(30)]},
        {"lines": [{"name": "a very long name " * 9, "x": [None, 1], "y": [1, 2]}, LINE], "title": "t" * 300},
    ],
)
def test_unusual_curves_are_drawn_too(traits: dict) -> None:
    picture = ui.Curve(**traits).picture()
    assert picture is not None
    assert share(picture, (255, 255, 255)) > 0.2


def test_a_fixed_range_of_y_cuts_lines_off_and_keeps_their_slope() -> None:
    picture = ui.Curve(lines=[{"name": "a", "x": [0, 1], "y": [0, 1]}], y_range=[0, 0.5], title="t").picture()
    assert picture is not None
    places = np.argwhere(np.abs(np.asarray(picture).astype(int) - [6, 98, 150]).max(-1) <= 40)
    assert places[:, 1].max() < 0.6 * picture.width  # at half of the range of x it leaves
    assert places[:, 0].min() > 20  # the title stays clear


@pytest.mark.parametrize(
    ("traits", "message"),
    [
        ({"lines": [LINE, LINE]}, "one line per name, got 'by effect' twice"),
        ({"lines": [LINE | {"colour": "red"}]}, "unknown key 'colour'"),
        ({"lines": [LINE | {"y": [1]}]}, r"`lines\[0\]\['y'\]` needs one number per x \(3\), got 1"),
        ({"lines": [LINE | {"y": ["1", 2, 3]}]}, "must hold numbers or None, got '1' at position 0"),
        ({"lines": [LINE | {"y": 3}]}, "must be a list of numbers, got 3"),
        ({"lines": [LINE | {"color": "red;background:url(x)"}]}, "must be a colour like '#0072b2'"),
        ({"lines": [LINE | {"x": [-1, 1, 2]}], "log_x": True}, "`log_x` needs x of 0 or more"),
        ({"band": {"x": [1], "low": [0]}}, "lacks the key 'high'"),
        ({"band": {"x": [-1], "low": [0], "high": [1]}, "log_x": True}, r"`band\['x'\]` holds -1"),
        ({"y_range": [1, 0]}, r"`y_range` must be \[low, high\] with low < high"),
        ({"y_range": [0]}, "`y_range` must be"),
        ({"chosen": "8"}, "chosen"),
    ],
)
def test_a_curve_refuses_what_it_cannot_draw(traits: dict, message: str) -> None:
    with pytest.raises(TraitError, match=message):
        ui.Curve(**traits)


def test_a_logarithm_is_refused_when_it_comes_later() -> None:
    curve = ui.Curve(lines=[LINE | {"x": [-1, 0, 1]}])
    with pytest.raises(TraitError, match="set `log_x=False`"):
        curve.log_x = True
    assert curve.log_x is False
    curve = ui.Curve(log_x=True)
    with pytest.raises(TraitError, match=r"`band\['x'\]` holds -1"):
        curve.band = {"x": [-1], "low": [0], "high": [1]}


# Scatters


def test_a_scatter_draws_the_chosen_points_on_top_of_pale_ones() -> None:
    points = [{"x": i, "y": i % 3, "group": "ab"[i % 2]} for i in range(40)]
    scatter = ui.Scatter(points=points, x_label="norm", note="n = 40")
    plain = share(scatter.picture(), "#1f2328", 40)
    scatter.selected = [0, 2, 4, 6, 8]
    assert share(scatter.picture(), "#1f2328", 40) > plain
    assert repr(scatter) == "Scatter(40 points, 5 selected)"


def test_the_key_of_a_point_is_its_own_or_its_position() -> None:
    scatter = ui.Scatter(points=[{"x": 1, "y": 1}, {"x": 2, "y": 2, "key": 77}, {"x": np.float32(3), "y": np.nan}])
    scatter.comm.update(selected=[77, 0])
    assert scatter.selected == [77, 0]
    assert scatter.points[2] == {"x": 3.0, "y": None}
    assert [spot.chosen for spot in _spots(scatter)] == [True, True]


def _spots(scatter: ui.Scatter) -> list[charts.Spot]:
    from ganwidgets.ui.scatter import point_key

    places = [(point, point_key(point, i)) for i, point in enumerate(scatter.points) if point["y"] is not None]
    return [charts.Spot(point["x"], point["y"], "", key in scatter.selected) for point, key in places]


def test_unusual_scatters_are_drawn_or_have_no_picture() -> None:
    assert ui.Scatter().picture() is None
    assert ui.Scatter(points=[{"x": 1, "y": None}]).picture() is None
    assert ui.Scatter(points=[{"x": 1, "y": 1}]).picture() is not None
    rng = np.random.default_rng(0)
    many = [{"x": x, "y": y, "group": f"group {i % 12}"} for i, (x, y) in enumerate(rng.normal(size=(2000, 2)))]
    assert ui.Scatter(points=many).picture() is not None


@pytest.mark.parametrize(
    ("traits", "message"),
    [
        ({"points": [{"x": 1}]}, r"`points\[0\]` lacks the key 'y'"),
        ({"points": [{"x": 1, "y": "2"}]}, "must hold numbers or None, got '2'"),
        ({"points": [{"x": 1, "y": True}]}, "got True"),
        ({"points": [{"x": 1, "y": 1, "key": 1}, {"x": 1, "y": 1}]}, "one point per key, got 1 twice"),
        ({"selected": [1.5]}, "keys of points"),
    ],
)
def test_a_scatter_refuses_what_it_cannot_draw(traits: dict, message: str) -> None:
    with pytest.raises(TraitError, match=message):
        ui.Scatter(**traits)


# Matrices


def test_a_matrix_is_drawn_in_the_colours_of_its_values() -> None:
    matrix = ui.Matrix(rows=["a", "b"], columns=["c", "d"], values=[[-1, 0], [1, None]], scale="diverging")
    for value in (-1, 0, 1):
        assert share(matrix.picture(), palette.diverging(value)) > 0.01
    matrix.scale = "sequential"
    assert share(matrix.picture(), palette.viridis(1)) > 0.01
    assert share(matrix.picture(), palette.diverging(-1)) == 0
    assert repr(matrix) == "Matrix(2 × 2)"
    assert ui.Matrix().picture() is None
    assert ui.Matrix(rows=["a"], columns=["c"]).picture() is None


def test_a_large_matrix_draws_its_first_rows_and_says_so() -> None:
    picture = ui.Matrix(
        rows=[f"unit {i}" for i in range(900)], columns=["c"], values=[[i] for i in range(900)]
    ).picture()
    assert picture is not None
    assert picture.height < 1200


def test_a_matrix_is_filled_in_one_step_and_one_message() -> None:
    matrix = ui.Matrix(rows=["a"], columns=["c"], values=[[1]])
    sent = len(matrix.comm.messages)
    matrix.fill(["a", "b"], ["c", "d"], np.eye(2), low=np.zeros((2, 2)), high=np.ones((2, 2)))
    assert len(matrix.comm.messages) == sent + 1
    assert matrix.values == [[1.0, 0.0], [0.0, 1.0]]
    with pytest.raises(TraitError, match=r"`values` must have 1 rows of 1 columns.*got 1 rows of 2"):
        matrix.fill(["x"], ["y"], [[1, 2]])
    assert (matrix.rows, matrix.values) == (["a", "b"], [[1.0, 0.0], [0.0, 1.0]])


@pytest.mark.parametrize(
    ("traits", "message"),
    [
        ({"rows": ["a", "a"]}, "every name once, got 'a' twice"),
        ({"columns": [3]}, "must hold names"),
        ({"rows": ["a"], "columns": ["b"], "values": [[1, 2]]}, r"got 1 rows of 2; `fill\(...\)` replaces all"),
        ({"rows": ["a"], "columns": ["b"], "values": [["x"]]}, "must hold numbers or None, got 'x'"),
        ({"rows": ["a"], "columns": ["b"], "values": [[1]], "low": [[1], [2]]}, "`low` must have 1 rows"),
        ({"values": [3]}, "must be a list, one entry per column"),
        ({"limits": [1, 1]}, "`limits` must be"),
        ({"scale": "rainbow"}, "scale"),
    ],
)
def test_a_matrix_refuses_what_it_cannot_draw(traits: dict, message: str) -> None:
    with pytest.raises(TraitError, match=message):
        ui.Matrix(**traits)


def test_a_matrix_that_does_not_fit_leaves_what_stands() -> None:
    matrix = ui.Matrix(rows=["a"], columns=["c"], values=[[1]])
    with pytest.raises(TraitError, match="replaces all at once"):
        matrix.rows = ["a", "b"]
    assert matrix.rows == ["a"]


# What the pictures are made of


def test_cells_are_written_with_one_number_of_decimals() -> None:
    write = heatmap.cell_writer([[0.031, -0.004, None]], True, True)
    assert [write(value) for value in (0.031, -0.004, None, 0)] == ["+3.1", "−0.4", "", "0.0"]
    assert heatmap.cell_writer([[1200, 3]], False, False)(1200) == "1,200"
    assert heatmap.cell_range([[-0.1, 0.4]], (None, None), True) == (-0.4, 0.4)
    assert heatmap.cell_range([[0.1, 0.4]], (None, 1), False) == (0, 1)


def test_ticks_are_round_and_written_alike() -> None:
    assert axes.ticks(0, 17, 4) == [0, 5, 10, 15, 20]
    assert axes.numbers([0, 0.25, 0.5]) == ["0.00", "0.25", "0.50"]
    assert axes.numbers([-0.2, 0], percent=True) == ["−20 %", "0 %"]
    assert axes.snug(0, 0.74, [0, 0.2, 0.4, 0.6, 0.8]) == (0, 0.8)


def test_zero_stands_apart_on_a_logarithmic_axis() -> None:
    place = axes.logarithmic([0, 1, 2, 4], 0, 300)
    assert place(0) == 0
    assert place(1) > 20
    assert place(2) - place(1) == pytest.approx(place(4) - place(2))


def test_every_mark_has_its_own_shape() -> None:
    outlines = {tuple(charts.shape(i, (0, 0), 1)) for i in range(6)}
    assert len(outlines) == 6


def test_letters_beyond_ascii_are_drawn_as_themselves() -> None:
    drawn = []
    for letter in ("−", "–", "α", "\uffff"):
        paper = Paper(20, 20)
        paper.text((4, 2), letter)
        drawn.append(np.asarray(paper.finished()).tobytes())
    assert len(set(drawn)) == 4


def test_texts_are_cut_to_their_room() -> None:
    assert fonts.cut("wall", 100) == "wall"
    long = fonts.cut("a long name of a concept", 60)
    assert long.endswith("…")
    assert fonts.text_width(long) <= 60


def test_scales_run_as_they_do_in_the_browser() -> None:
    assert (palette.viridis(0), palette.viridis(1), palette.viridis(5)) == ((68, 1, 84), (253, 231, 37), (253, 231, 37))
    assert [palette.diverging(share) for share in (-2, 0, 1)] == [(213, 94, 0), (246, 246, 247), (0, 114, 178)]
    assert palette.pen_color("#F0E442") == "#c6bd3d"
