"""The painting components with a kernel behind them: mouse, finger and keys paint, Python decides, nothing is lost."""

import pytest
from playwright.sync_api import expect

SETUP = """
import io, numpy as np
from PIL import Image
from ganwidgets import ui

def png(array):
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "PNG")
    return buffer.getvalue()

picture = np.full((48, 64, 3), (70, 110, 60), np.uint8)
edits, undone, refusing = [], [], []
painter = ui.MaskPainter(size=[64, 48], brush_size=8, softness=0)
stack = ui.EditStack(title="Edits")
compare = ui.Compare(before=png(picture))

def show():
    drawn = picture.astype(float)
    for edit in edits:
        if not edit["muted"]:
            alpha = edit["mask"][..., None] * edit["strength"]
            drawn = (1 - alpha) * drawn + alpha * np.array([220, 40, 40])
    painter.image = compare.after = png(drawn.round().astype(np.uint8))
    painter.can_undo = stack.can_undo = bool(edits)
    painter.can_redo = stack.can_redo = bool(undone)
    stack.entries = [{k: v for k, v in edit.items() if k != "mask"} | {"title": f"Stroke {i + 1}"}
                     for i, edit in enumerate(edits)]

def paint(mask, tool):
    if refusing:
        raise ValueError("Choose a brush first.")
    edits.append({"id": f"s{len(edits) + len(undone)}", "mask": mask, "detail": tool, "strength": 1.0, "muted": False})
    undone.clear()
    show()

def change():
    def apply(entry, **fields):
        next(edit for edit in edits if edit["id"] == entry).update(fields)
        show()
    return apply

def move(entry, to):
    edit = next(edit for edit in edits if edit["id"] == entry)
    edits.remove(edit)
    edits.insert(to, edit)
    show()

def undo():
    undone.append(edits.pop())
    show()

def redo():
    edits.append(undone.pop())
    show()

painter.on_stroke(paint)
for part in (painter, stack):
    part.on_request("undo", undo)
    part.on_request("redo", redo)
stack.on_request("mute", change())
stack.on_request("strength", change())
stack.on_request("move", move)
stack.on_request("delete", lambda entry: (edits.remove(next(e for e in edits if e["id"] == entry)), show()))
show()
"""


@pytest.fixture(scope="module")
def notebook(open_cells):
    cells = [SETUP, "ui.Layout.of(ui.row(painter, ui.column(stack, compare)))", "painter"]
    with open_cells("paint.ipynb", *cells) as opened:
        opened.run(0)
        opened.run(1)
        yield opened


@pytest.fixture
def view(notebook):
    shown = notebook.cell(1)
    expect(shown.locator(".gw-mask-painter")).to_have_attribute("data-ready", "1", timeout=30_000)
    expect(shown.locator(".gw-stage")).to_be_visible()
    notebook.ask("(edits.clear(), undone.clear(), refusing.clear(), show())")
    stage = shown.locator(".gw-stage")
    stage.scroll_into_view_if_needed()
    expect(stage).to_have_attribute("data-strokes", "0")
    return shown


@pytest.fixture
def hand(view, hand_on):
    return hand_on(view)


def colour(view, x, y):
    """The colour that the picture shows at a point."""
    return view.locator(".gw-stage canvas").first.evaluate(
        "(c, [x, y]) => [...c.getContext('2d').getImageData(x * c.width, y * c.height, 1, 1).data]", [x, y]
    )[:3]


def painted(notebook, x, y):
    """The opacity of the newest stroke at a pixel of the picture."""
    return float(notebook.ask(f"edits[-1]['mask'][{y}, {x}]"))


def test_the_mouse_paints_and_the_picture_follows(view, hand, notebook):
    hand.drag((0.2, 0.5), (0.8, 0.5))
    expect(view.locator(".gw-stage")).to_have_attribute("data-strokes", "1")  # at once
    notebook.eventually(lambda: colour(view, 0.5, 0.5) == [220, 40, 40])
    expect(view.locator(".gw-stage")).to_have_attribute("data-strokes", "0")  # and gone with the new picture
    assert [painted(notebook, x, 24) for x in (16, 32, 48)] == [1.0, 1.0, 1.0]
    assert painted(notebook, 32, 8) == 0.0
    assert colour(view, 0.5, 0.1) == [70, 110, 60]


def test_a_finger_paints_and_two_zoom(view, hand, notebook):
    hand.touch(*(((x, 0.3),) for x in (0.3, 0.4, 0.5, 0.6)))
    notebook.eventually(lambda: notebook.ask("len(edits)") == "1")
    assert painted(notebook, 32, 14) == 1.0
    hand.touch(((0.4, 0.5), (0.6, 0.5)), ((0.3, 0.5), (0.7, 0.5)))
    whole = view.locator(".gw-paint-zoom button").nth(1)
    expect(whole).not_to_have_text("100 %")
    whole.click()
    expect(whole).to_have_text("100 %")
    assert notebook.ask("len(edits)") == "1"


def test_the_keys_paint(view, notebook):
    keyboard, stage = view.page.keyboard, view.locator(".gw-stage")
    stage.focus()
    view.page.mouse.move(0, 0)
    for _ in range(4):
        keyboard.press("ArrowUp")
    expect(view.locator(".gw-brush")).to_be_visible()
    keyboard.press("Enter")
    notebook.eventually(lambda: notebook.ask("len(edits)") == "1")
    assert painted(notebook, 32, 16) == 1.0
    stage.focus()
    keyboard.down(" ")
    for _ in range(8):
        keyboard.press("ArrowRight")
    keyboard.up(" ")
    notebook.eventually(lambda: notebook.ask("len(edits)") == "2")
    assert painted(notebook, 40, 24) == 1.0


def test_escape_cancels_and_no_cell_is_lost(view, hand, notebook):
    cells = notebook.page.locator(".jp-Notebook .jp-Cell").count()
    mouse = view.page.mouse
    mouse.move(*hand.place(0.3, 0.3))
    mouse.down()
    mouse.move(*hand.place(0.6, 0.3), steps=4)
    view.page.keyboard.press("Escape")
    mouse.up()
    for key in "ddxb":
        view.page.keyboard.press(key)
    expect(view.locator(".gw-stage")).to_have_attribute("data-strokes", "0")
    assert notebook.ask("len(edits)") == "0"
    assert notebook.page.locator(".jp-Notebook .jp-Cell").count() == cells


def test_undo_and_redo_from_the_picture_and_from_the_list(view, hand, notebook):
    hand.drag((0.2, 0.5), (0.8, 0.5))
    notebook.eventually(lambda: colour(view, 0.5, 0.5) == [220, 40, 40])
    view.page.keyboard.press("Control+z")
    notebook.eventually(lambda: colour(view, 0.5, 0.5) == [70, 110, 60])
    view.page.keyboard.press("Control+Shift+z")
    notebook.eventually(lambda: colour(view, 0.5, 0.5) == [220, 40, 40])
    view.locator(".gw-edit-stack").get_by_role("button", name="Undo").click()
    notebook.eventually(lambda: colour(view, 0.5, 0.5) == [70, 110, 60])


def test_the_list_mutes_weakens_moves_and_deletes(view, hand, notebook):
    hand.drag((0.2, 0.3), (0.8, 0.3))
    hand.drag((0.2, 0.7), (0.8, 0.7))
    rows = view.locator(".gw-stack-row")
    expect(rows).to_have_count(2)
    notebook.hovering(rows.nth(1), lambda: notebook.ask("stack.hovered") == "s0")
    rows.nth(1).get_by_role("button", name="Mute").click()
    notebook.eventually(lambda: colour(view, 0.5, 0.3) == [70, 110, 60])
    rows.nth(0).focus()
    for _ in range(10):
        view.page.keyboard.press("ArrowLeft")
    notebook.eventually(lambda: colour(view, 0.5, 0.7) == [145, 75, 50])  # half of each
    grip = rows.nth(0).locator(".gw-stack-grip").bounding_box()
    mouse = view.page.mouse
    mouse.move(grip["x"] + 5, grip["y"] + 5)
    mouse.down()
    mouse.move(grip["x"] + 5, grip["y"] + 60, steps=5)
    mouse.up()
    notebook.eventually(lambda: notebook.ask("[edit['id'] for edit in edits]") == "['s1', 's0']")
    rows.nth(0).focus()
    view.page.keyboard.press("Delete")
    expect(rows).to_have_count(1)
    assert notebook.ask("[edit['id'] for edit in edits]") == "['s1']"


def test_a_burst_of_strokes_all_arrives_in_order(view, hand, notebook):
    hand.burst(200)
    notebook.eventually(lambda: notebook.ask("len(edits)") == "200", 30)
    middles = "[float((e['mask'].sum(0) * np.arange(64)).sum() / e['mask'].sum()) for e in edits]"
    assert notebook.ask(f"{middles} == sorted({middles})") == "True"
    expect(hand.stage).to_have_attribute("data-strokes", "0", timeout=20_000)


def test_a_refused_stroke_stays_and_can_be_sent_again(view, hand, notebook):
    notebook.ask("refusing.append(True)")
    hand.drag((0.2, 0.5), (0.8, 0.5))
    status = view.locator(".gw-paint-status")
    expect(status).to_contain_text("This stroke was not taken and is kept here: Choose a brush first.")
    expect(view.locator(".gw-stage")).to_have_attribute("data-strokes", "1")
    notebook.ask("refusing.clear()")
    status.get_by_role("button", name="Send again").click()
    notebook.eventually(lambda: colour(view, 0.5, 0.5) == [220, 40, 40])
    assert notebook.ask("(len(edits), painter.error)") == "(1, '')"


def test_two_views_of_one_painter_show_the_same_picture(view, notebook, hand_on):
    notebook.run(2)
    other = notebook.cell(2)
    expect(other.locator(".gw-mask-painter")).to_have_attribute("data-ready", "1")
    other.locator(".gw-stage").scroll_into_view_if_needed()
    hand_on(other).drag((0.2, 0.5), (0.8, 0.5))
    notebook.eventually(lambda: colour(other, 0.5, 0.5) == [220, 40, 40])
    notebook.eventually(lambda: colour(view, 0.5, 0.5) == [220, 40, 40])
    expect(view.locator(".gw-stack-row")).to_have_count(1)


def test_the_line_between_before_and_after_follows_pointer_and_keys(view, hand, notebook):
    hand.drag((0.2, 0.5), (0.8, 0.5))
    line = view.locator(".gw-compare-line")
    expect(line).to_be_visible()
    line.scroll_into_view_if_needed()
    box = view.locator(".gw-compare-stage").bounding_box()
    mouse = view.page.mouse
    mouse.move(box["x"] + box["width"] * 0.9, box["y"] + 20)
    mouse.down()
    mouse.move(box["x"] + box["width"] * 0.25, box["y"] + 20, steps=5)
    mouse.up()
    notebook.eventually(lambda: abs(float(notebook.ask("compare.position")) - 0.25) < 0.01)
    line.focus()  # asking Python took it away
    view.page.keyboard.press("End")
    notebook.eventually(lambda: notebook.ask("compare.position") == "1.0")
    view.locator(".gw-compare").get_by_role("radio", name="Difference").click()
    expect(view.locator(".gw-compare-legend")).to_contain_text("Largest change")
