"""The inverting panel in a real JupyterLab, on the bundled generator: a photo is found, painted on and kept."""

import base64
import io

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

SETUP = """
import ganwidgets as gw
p = gw.invert.panel("scenes", steps=100_000, judge=False)
p.adapting.steps = 4
"""
DROP = """([zone, content, name, type]) => {
  const bytes = Uint8Array.from(atob(content), sign => sign.charCodeAt(0));
  const data = new DataTransfer();
  data.items.add(new File([bytes], name, {type}));
  const event = type => new DragEvent(type, {dataTransfer: data, bubbles: true, cancelable: true});
  for (const kind of ["dragenter", "dragover", "drop"]) zone.dispatchEvent(event(kind));
}"""
PASTE = """([zone, content]) => {
  const bytes = Uint8Array.from(atob(content), sign => sign.charCodeAt(0));
  const data = new DataTransfer();
  data.items.add(new File([bytes], "image.png", {type: "image/png"}));
  zone.dispatchEvent(new ClipboardEvent("paste", {clipboardData: data, bubbles: true, cancelable: true}));
}"""


def photo(kind="JPEG", size=(120, 80), **options):
    """A landscape of sky, grass and a sun, as the bytes of a file."""
    pixels = np.zeros((size[1], size[0], 3), np.uint8)
    pixels[:] = (110, 170, 235)
    pixels[size[1] * 5 // 8 :] = (90, 160, 70)
    rows, columns = np.mgrid[: size[1], : size[0]]
    pixels[np.hypot(rows - size[1] / 4, columns - size[0] / 4) < size[1] / 10] = (250, 220, 80)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, **options)
    return file.getvalue()


def text(content):
    return base64.b64encode(content).decode()


@pytest.fixture(scope="module")
def notebook(open_cells):
    with open_cells("invert.ipynb", SETUP, "p") as opened:
        opened.run(0)
        opened.run(1)
        yield opened


@pytest.fixture(scope="module")
def view(notebook):
    shown = notebook.cell(1).locator(".gw-layout").first
    expect(shown).to_have_attribute("data-ready", "1", timeout=60_000)
    return shown


@pytest.fixture
def zone(view):
    found = view.locator(".gw-drop").first
    found.scroll_into_view_if_needed()
    return found


def drop(zone, content, name="photo.jpg", kind="image/jpeg"):
    zone.evaluate("(zone, given) => (" + DROP + ")([zone, ...given])", [text(content), name, kind])


def test_a_photo_is_dropped_found_stopped_adapted_painted_undone_saved_and_opened(
    view, zone, notebook, hand_on, tmp_path
):
    drop(zone, photo())
    expect(zone.get_by_role("status")).to_have_text("photo.jpg was opened.", timeout=30_000)
    expect(view.locator(".gw-crop-stage")).to_be_visible(timeout=30_000)
    bar = view.locator(".gw-run-bar").first
    expect(bar.locator(".gw-run-status")).to_contain_text("of 100,000 steps", timeout=120_000)  # it converges
    expect(view.locator(".gw-compare-stage")).to_have_attribute("data-shown", "slider", timeout=30_000)
    bar.get_by_role("button", name="Cancel").click()
    expect(bar.get_by_role("button", name="Invert")).to_be_visible(timeout=60_000)
    notebook.eventually(lambda: notebook.ask("p.inversion is not None and p.inversion.stopped") == "cancelled", 20)
    steps = int(notebook.ask("p.inversion.steps"))
    bar.get_by_role("button", name="Resume").click()  # it goes on from there
    notebook.eventually(lambda: int(notebook.ask("p.session.step")) > steps, 30)
    bar.get_by_role("button", name="Cancel").click()
    notebook.eventually(
        lambda: notebook.ask("p.session.searching == 'cancelled' and p.session.resumable") == "True", 20
    )
    assert int(notebook.ask("p.inversion.steps")) > steps
    lines = view.locator(".gw-curve svg path")
    assert lines.count() > 0

    view.get_by_role("button", name="Adapt to this photo").click()
    notebook.eventually(lambda: notebook.ask("p.inversion.adaptation is not None") == "True", 60)
    expect(view.locator(".gw-facts").first).to_contain_text("Adapted")

    view.get_by_role("button", name="Paint on this photo").click()
    hand = hand_on(view)
    expect(hand.stage).to_be_visible(timeout=60_000)
    notebook.ask("(setattr(p.painting, 'brush', 'cloud'), p.painting.wait(60.0)) and None")
    hand.stage.scroll_into_view_if_needed()
    hand.drag((0.6, 0.2), (0.8, 0.2))
    rows = view.locator(".gw-stack-row")
    expect(rows).to_have_count(1, timeout=30_000)
    view.locator(".gw-edit-stack").get_by_role("button", name="Undo").click()
    expect(rows).to_have_count(0)
    view.locator(".gw-edit-stack").get_by_role("button", name="Redo").click()
    expect(rows).to_have_count(1)

    kept = notebook.ask("round(float(p.inversion.latent.sum()), 4)")
    paths = {"inversion": "Save inversion", "photo": "Save photo"}
    for name, button in paths.items():
        with view.page.expect_download() as download:
            view.get_by_role("button", name=button).click()
        download.value.save_as(tmp_path / f"{name}.safetensors")
    drop(zone, photo(size=(80, 80)), "other.jpg")
    notebook.eventually(lambda: notebook.ask("p.session.photo_name") == "other.jpg", 30)
    zone.locator("input").set_input_files(tmp_path / "inversion.safetensors")
    saved = "the photo of a saved inversion"
    notebook.eventually(lambda: notebook.ask("p.session.photo_name") == saved, 30)
    assert notebook.ask("round(float(p.inversion.latent.sum()), 4)") == kept
    expect(view.locator(".gw-facts").first).to_contain_text("you: the best so far is kept")
    zone.locator("input").set_input_files(tmp_path / "photo.safetensors")
    notebook.eventually(lambda: notebook.ask("len(p.painting.strokes)") == "1", 60)
    expect(rows).to_have_count(1, timeout=30_000)
    expect(zone.get_by_role("status")).to_have_text("photo.safetensors was opened.", timeout=30_000)


def test_a_picture_is_pasted_and_a_large_one_made_smaller_the_right_way_up(view, zone, notebook):
    zone.evaluate("(zone, given) => (" + PASTE + ")([zone, given])", text(photo("PNG", (64, 48))))
    expect(zone.get_by_role("status")).to_have_text("image.png was opened.", timeout=30_000)
    exif = Image.Exif()
    exif[0x0112] = 6  # held upright, stored on its side
    drop(zone, photo(size=(3000, 1500), exif=exif), "large.jpg")
    said = "from 1,500 × 3,000 pixels to 1,024 × 2,048"
    expect(zone.get_by_role("status")).to_contain_text(said, timeout=60_000)
    notebook.eventually(lambda: notebook.ask("p.session.photo_size") == "(1024, 2048)", 30)
    notebook.ask("p.session.cancel()")


def test_what_is_no_picture_is_said_beside_the_button(view, zone, notebook):
    before = notebook.ask("p.session.photo_name")
    drop(zone, b"<!doctype html>", "page.png", "image/png")
    expect(view.locator(".gw-file-drop").first.get_by_role("alert")).to_contain_text("a web page", timeout=30_000)
    drop(zone, b"x", "notes.txt", "text/plain")
    expect(zone.get_by_role("status")).to_contain_text("notes.txt ends in none of")
    assert notebook.ask("p.session.photo_name") == before


def test_the_box_is_dragged_by_hand_and_by_the_keys(view, zone, notebook):
    notebook.ask("setattr(p.session, 'starts_itself', False)")
    drop(zone, photo("PNG"), "wide.png", "image/png")
    notebook.eventually(lambda: notebook.ask("p.session.photo_name") == "wide.png", 30)
    frame = view.locator(".gw-crop-frame")
    frame.scroll_into_view_if_needed()
    expect(frame).to_have_attribute("aria-label", "Part of the picture: 80 × 80 of 120 × 80 pixels")
    box, mouse = frame.bounding_box(), view.page.mouse
    mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    mouse.down()
    mouse.move(box["x"] - 200, box["y"] + box["height"] / 2, steps=4)
    mouse.up()
    notebook.eventually(lambda: notebook.ask("p.box[1] == 0 and round(p.box[3], 3)") == "0.667", 20)
    frame.focus()
    view.page.keyboard.press("ArrowRight")
    notebook.eventually(lambda: notebook.ask("round(p.box[1], 3)") == "0.01", 20)
    view.get_by_role("radio", name="Letterbox").click()
    notebook.eventually(lambda: notebook.ask("p.fit, p.box") == "letterbox (0.0, 0.0, 1.0, 1.0)", 20)
    notebook.eventually(lambda: notebook.ask("int(p.session.target[0, 0, 0])") == "128", 20)
