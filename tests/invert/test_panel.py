"""The inverting panel: its components say what the sessions say, and ask them for what a person asks for."""

import io
import re

import numpy as np
import pytest
import torch
from PIL import Image

from ganwidgets.testing import planted_generator


@pytest.fixture
def made():
    """A panel on the planted generator that begins by itself, and does not judge."""
    from ganwidgets.invert import panel

    found = panel(planted_generator(), steps=4, judge=False)
    found.wait(60.0)
    yield found
    found.close()


def png(width=20, height=16):
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (height, width, 3), np.uint8)).save(file, "PNG")
    return file.getvalue()


def pixels(data):
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def own(made):
    return made.network.images(made.network.sample_z(1, 3))[0]


def test_before_a_photo_is_there_it_says_what_to_do(made):
    assert made.run_bar.disabled == "open a photo first" and made.judge_bar.disabled == "find a photo first"
    assert made.buttons.disabled["paint"] == "find a photo first" and made.snippet.code == ""
    assert made.facts.sentence == "" and made.facts.message and made.compare.before == made.compare.after == b""
    assert list(made.examples.sheets) == ["Its own pictures"] and repr(made).endswith("nothing found yet)")


def test_a_file_from_the_browser_is_found_and_shown(made):
    made._take("my photo.png", png())
    assert made.session.searching == "running"  # it begins by itself
    made.wait(60.0)
    assert made.crop.size == [20, 16] and made.crop.box == pytest.approx([0, 0.1, 1, 0.9])
    assert (pixels(made.compare.before) == made.session.target).all()
    assert (pixels(made.compare.after) == made.session.image).all()
    assert made.error.sheets["error"]["scale"] == ["exact", "20% of the range or more"]
    assert [line["name"] for line in made.nearness.lines] == ["search"] and len(made.loss.lines[0]["x"]) >= 2
    assert made.run_bar.status == "done" and re.match(r"[\d.]+ dB", made.run_bar.note)
    assert (made.run_bar.n_done, made.run_bar.n_total, made.run_bar.noun) == (made.session.step, 4, "step")
    assert [fact["label"] for fact in made.facts.facts] == ["Nearness", "Editable", "Search"]
    assert made.inversion is made.session.inversion and made.run_bar.disabled == ""


def test_the_bar_offers_to_go_on_with_what_was_stopped(made, monkeypatch):
    from ganwidgets.invert import engine

    monkeypatch.setattr(engine, "SHOW_EVERY", 0.0)  # every step, or a fast search is over before it is stopped
    bar, session, stopped = made.run_bar, made.session, []

    def stop(change):
        if session.step >= 3 and not stopped:
            stopped.append(session.step)
            session.cancel()

    session.steps = 400
    session.observe(stop, "step")
    made.open(png(16, 16), wait=True)
    assert bar.status == "cancelled" and bar.resumable and 0 < bar.n_done < bar.n_total == 400
    bar._handlers["resume"]()
    made.wait(60.0)
    assert bar.status == "done" and not bar.resumable and bar.n_total == 400 and made.inversion.steps > 3


def test_what_is_no_photo_is_said_where_it_was_dropped(made):
    made.open(own(made), wait=True)
    found = made.inversion
    for name, content in (("a.png", b""), ("a.png", b"<html>"), ("a.safetensors", b"12345678"), ("b.jpg", png()[:200])):
        with pytest.raises(ValueError):
            made._take(name, content)
    assert made.inversion is found


def test_a_box_that_is_dragged_shows_another_part_and_waits_for_a_press(made):
    made.open(png(40, 20), wait=True)
    before = made.compare.before
    made.crop.box = [0, 0, 1, 0.5]
    made.wait(60.0)
    assert (
        made.session.box == (0, 0, 1, 0.5) and made.run_bar.note == "The photo or a setting has changed: press Invert."
    )
    assert made.compare.before == before  # of what was found, until there is something else
    made.run()
    assert made.compare.before != before and "changed" not in made.run_bar.note
    made.crop.fit = "letterbox"
    assert made.fit == "letterbox"
    made.box = (0, 0, 0.5, 0.5)
    assert made.crop.box == [0, 0, 0.5, 0.5]
    with pytest.raises(Exception, match="`box` must be"):
        made.box = (0, 0, 0, 0.5)


def test_settings_go_both_ways_and_what_is_refused_goes_back(made):
    made.settings.values = {"strategy": "ridge"}
    assert made.strategy == "ridge"
    made.settings.values = {"strategy": "ws"}
    assert made.settings.values["strategy"] == "ridge" and "needs a StyleGAN" in made.run_bar.error
    made.more.values = {**made.more.values, "seed": 5}
    assert made.session.seed == 5
    offered = [option["value"] for option in made.settings.fields[0]["options"]]
    assert "ws" not in offered and "ridge+r" in offered
    assert all(option["hint"].endswith(".") for option in made.settings.fields[0]["options"])


def test_an_example_that_is_chosen_is_opened(made):
    made.examples.selected = [2]
    made.wait(60.0)
    assert made.session.photo_name == "own picture 2" and made.inversion is not None
    assert "photo = G.images(G.sample_z(6, 7))[2]" in made.snippet.code
    made.open(own(made), wait=True)
    assert made.examples.selected == []


def test_the_code_beside_the_pictures_gives_the_same_inversion(made):
    made.session.starts, made.session.seed = 2, 3
    made.examples.selected = [1]
    made.wait(60.0)
    code = made.snippet.code
    assert "# G is your generator" in code
    code = re.sub(r"gw\.paint\.panel.*", "", code)
    space = {"G": made.network}
    exec(code, space)
    assert (space["inversion"].reconstruction - made.inversion.reconstruction).abs().max() < 0.01


def test_the_code_of_a_drawn_scene_and_of_a_file():
    from ganwidgets.invert.panel_code import code

    settings = {
        "strategy": "ridge+r",
        "steps": 0,
        "starts": 1,
        "seed": 1,
        "fit": "crop",
        "layer": "a",
        "usual_layer": "a",
    }
    drawn = code("scenes", "draw(2026, 1).image", settings | {"box": (0, 0, 1, 1), "class": None}, None)
    assert "from ganwidgets.scenes.draw import draw" in drawn and "G = gw.load('scenes')" in drawn
    assert "gw.invert.invert(G, photo, 'ridge+r')" in drawn
    yours = code("scenes", "", settings | {"box": (0, 0.1, 1, 0.9), "class": "tabby"}, None)
    assert "# yours" in yours and "box=(0, 0.1, 1, 0.9)" in yours and "G.with_label('tabby')" in yours


def test_files_are_saved_and_opened(made, tmp_path):
    with pytest.raises(ValueError, match="no inversion yet"):
        made._file("inversion")
    made.open(own(made), wait=True)
    name, content = made._file("inversion")
    assert name == "planted-the photo.safetensors"
    picture = made._file("picture")[1]
    assert (pixels(picture) == made.session.image).all()
    made.open(np.zeros((16, 16, 3), np.uint8), wait=True)
    made._take(name, content)
    assert made.session.photo_name == "the photo of a saved inversion"
    assert made.crop.size == [16, 16] and made.run_bar.status == "done"
    (tmp_path / "a.safetensors").write_bytes(content)
    found = made.inversion
    made.open(tmp_path / "a.safetensors")
    assert torch.equal(made.inversion.latent, found.latent)


def test_a_verdict_is_told_when_it_comes(made):
    made.open(own(made), wait=True)
    assert made.facts.sentence == "Not compared with the generator's own pictures yet."
    made.judging.n = 2
    made.judging.run(wait=True)
    assert made.facts.sentence == made.inversion.verdict.sentence and made.facts.tone in ("good", "warning")


def test_errors_of_a_search_stand_at_its_button(made):
    made.network.module.forward = torch.no_grad()(made.network.module.forward)
    made.open(own(made), wait=True)
    assert made.run_bar.status == "failed" and "must give gradients" in made.run_bar.error


def test_it_is_exported_and_drawn_for_saved_notebooks(made, tmp_path):
    made.open(own(made), wait=True)
    page = made.to_html(tmp_path / "page.html").read_text(encoding="utf-8")
    assert "CropBox" in page and "Facts" in page
    assert made.layout.picture() is not None


def test_the_painting_panel_stands_below_and_the_next_one_replaces_it(made):
    with pytest.raises(ValueError, match="no inversion yet"):
        made.paint()
    made.open(own(made), wait=True)
    first = made.paint()
    assert made.below.children == [first.layout] and made.painting is first
    made.buttons._handlers["press"](name="paint")
    assert made.painting is not first and made.below.children == [made.painting.layout] and first.layout.farewell


def test_a_painted_photo_is_opened_with_its_painting_below(made):
    from ganwidgets.paint import photo_files

    made.open(own(made), wait=True)
    content = photo_files.to_bytes(photo_files.PaintedPhoto(made.inversion), made.network)
    latent = made.inversion.latent
    made.open(np.zeros((16, 16, 3), np.uint8), wait=True)
    made._take("painted.safetensors", content)
    assert torch.equal(made.inversion.latent, latent) and made.painting is not None
