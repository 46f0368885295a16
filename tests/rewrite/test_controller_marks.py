"""Sessions that hold marks and judge edits: files of them, the brush, reports and advice."""

import gzip

import numpy as np
import pytest
import torch
from traitlets import TraitError


def box(top, left, bottom, right, size=16):
    region = np.zeros((size, size), np.float32)
    region[top:bottom, left:right] = 1
    return region


HERE, THERE = box(2, 2, 8, 8), box(8, 8, 14, 14)


# Files

# Files


def test_edits_and_marks_come_back_from_their_files(marked, make_session, tmp_path):
    marked.mark("examples", 7, HERE)
    marked.apply("rule", wait=True)
    marked.wait(20.0)
    path = marked.save(tmp_path / "rule.safetensors")
    other = make_session()
    other.load(path)
    other.load_request(marked.request_json().encode())
    other.wait(20.0)
    assert other.edits[0].name == "rule" and other.edits[0].update.equal(marked.edits[0].update)
    assert [place.image for place in (*other.trays.object, *other.trays.paste, *other.trays.examples)] == [0, 1, 7]
    assert other.numbers == (0, 1, 7)
    assert (other.after == marked.after[[0, 1, 7]]).all()
    other.undo()
    assert other.edits == ()


def test_an_edit_remembers_the_sample_and_all_that_was_marked(make_session):
    from ganwidgets.rewrite.request import request_from_dict
    from ganwidgets.rewrite.trays import KINDS, Trays

    session = make_session(truncation=0.7, seed=3)
    for kind, image, region in (
        ("object", 0, HERE),
        ("paste", 1, THERE),
        ("paste", 4, HERE / 2),
        ("examples", 5, HERE),
        ("preserve", 6, THERE),
    ):
        session.mark(kind, image, region)
    session.apply(wait=True)
    other = make_session()
    other.load(session.to_bytes())
    details = other.edits[0].details
    assert (details["truncation"], details["seed"], details["n_sample"]) == (0.7, 3, 30)
    again = Trays.of(request_from_dict(details["request"]))
    for kind in KINDS:
        for there, was in zip(again.all(kind), session.trays.all(kind), strict=True):
            assert there.image == was.image and float((there.region - was.region).abs().max()) < 1 / 255


def test_edits_of_another_network_become_those_of_this_one(marked):
    from ganwidgets.models import ProGAN, TorchGenerator
    from ganwidgets.rewrite.controller import RewriteController

    marked.apply(wait=True)
    torch.manual_seed(1)
    other = TorchGenerator(ProGAN((8, 8, 8, 8)), name="other", output_range=(-50, 50))
    session = RewriteController(other, n_sample=8, layer="layer4", refining=False)
    with pytest.raises(ValueError, match="was made for 'tiny'"):
        session.load(marked.to_bytes())
    session.load(marked.to_bytes(), force=True)
    session.wait(20.0)
    assert session.error == "" and (session.after != session.before).any()
    assert session.edits[0].details["made for"]["network"] == "tiny"
    session.mark("examples", 1, HERE)
    session.zero(wait=True)
    session.wait(20.0)
    assert session.error == "" and len(session.edits) == 2 and session.to_bytes()
    session.close()


def test_a_request_that_only_searches_is_refused_and_the_trays_stay(marked):
    from ganwidgets.rewrite.examples import Example
    from ganwidgets.rewrite.request import EditRequest, request_to_json

    trays = marked.trays
    with pytest.raises(ValueError, match="marks nothing that a rule could be made of"):
        marked.load_request(request_to_json(EditRequest(query=Example(2, torch.ones(4, 4)))).encode())
    assert marked.trays is trays


def test_all_places_to_paste_come_back_and_soft_edges_as_one_likes(marked):
    marked.mark("paste", 2, HERE / 2)
    saved = marked.request_json().encode()
    marked.load_request(saved)
    first, second = marked.trays.paste
    assert (first.image, second.image) == (1, 2) and float(second.region.max()) == pytest.approx(128 / 255)
    marked.legacy_alpha = True
    marked.load_request(saved)
    assert float(marked.trays.paste[1].region.max()) == 1
    marked.load_request(saved, legacy_alpha=False)
    assert float(marked.trays.paste[1].region.max()) < 0.6


def test_a_request_of_the_original_needs_a_sample_that_holds_its_pictures(make_session, request):
    saved = request.path.parents[1] / "data/rewriting/requests/proggan_church_sky2tree.json.gz"
    content = gzip.decompress(saved.read_bytes())
    session = make_session()
    with pytest.raises(ValueError, match=r"the sample holds 30 \(0 to 29\): sample at least"):
        session.load_request(content)
    assert session.trays.object == ()
    session.n_sample = 1000
    session.load_request(content)
    assert session.trays.object and session.trays.paste and session.image < 1000


def test_another_seed_takes_the_marks_away_and_another_size_those_beyond_it(marked):
    marked.mark("paste", 25, HERE)
    marked.n_sample = 40
    assert len(marked.trays.paste) == 2
    marked.n_sample = 25
    assert [place.image for place in (*marked.trays.object, *marked.trays.paste)] == [0, 1]
    marked.seed = 2
    assert not marked.trays.object and marked.found is None


def test_latents_of_ones_own_cannot_be_squeezed_and_marks_stay():
    from ganwidgets.models import ProGAN, TorchGenerator
    from ganwidgets.rewrite.controller import RewriteController

    sampler = lambda n, seed: np.random.RandomState(seed + n).standard_normal((n, 8, 1, 1))  # noqa: E731
    torch.manual_seed(0)
    module = ProGAN((8, 8, 8, 8))
    network = TorchGenerator(module, z_shape=(8, 1, 1), sampler=sampler, name="own", output_range=(-50, 50))
    session = RewriteController(network, n_sample=8, layer="layer4")
    session.mark("paste", 1, HERE)
    with pytest.raises(TraitError, match=r"`truncation` must be None for own: .*has its own `sampler`"):
        session.truncation = 0.5
    assert session.truncation is None and len(session.trays.paste) == 1
    session.n_sample = 9  # draws others altogether
    assert session.trays.paste == ()
    session.close()


# The brush


@pytest.fixture
def marking(marked):
    from ganwidgets.rewrite.controller_marking import MarkingController

    made = MarkingController(marked)
    yield made
    made.close()


def test_strokes_grow_into_one_region_until_it_is_put_into_a_tray(marked, marking):
    marking.paint(HERE)
    marking.paint(THERE)
    assert (marking.region == 255 * np.maximum(HERE, THERE)).all()
    marking.paint(box(0, 0, 16, 5), erase=True)
    marking.undo()
    assert (marking.region == 255 * np.maximum(HERE, THERE)).all() and marking.can_redo
    marked.image = 9
    assert marking.region is None and not marking.can_undo  # it belonged to the other picture
    marking.paint(HERE)
    place = marking.put("preserve")
    assert (place.image, float(place.region.sum())) == (9, 36.0) and marking.region is None
    with pytest.raises(ValueError, match="Nothing is painted yet"):
        marking.put("preserve")


def test_a_place_that_is_looked_at_again_is_exchanged(marked, marking):
    marking.open("paste", 0)
    assert marked.image == 1 and (marking.region == 255 * THERE).all() and marking.opened[0] == "paste"
    marking.paint(HERE)
    marking.put("paste")
    assert [float(place.region.sum()) for place in marked.trays.paste] == [72.0] and marking.opened == ()
    marking.open("paste", 0)
    marked.clear("paste")
    marking.put("paste")  # gone meanwhile: it comes back as a new one
    assert len(marked.trays.paste) == 1
    marking.open("paste", 0)
    marking.put("examples")  # for something else: both are there
    assert len(marked.trays.paste) == len(marked.trays.examples) == 1


def test_a_region_can_be_searched_for(marked, marking):
    marked.image = 4
    marking.paint(HERE)
    marking.search(wait=True)
    assert marked.numbers == marked.found.images and len(marked.found.maps) == 12


# Judges


def test_a_report_judges_the_edits_in_force(marked, reader):
    from ganwidgets.rewrite.controller_report import ReportController

    judge = ReportController(marked, reader, n=6)
    assert judge.missing() == "There is no edit to judge: apply one first."
    with pytest.raises(ValueError, match="A segmenter is needed"):
        ReportController(marked).run()
    marked.apply(wait=True)
    judge.run(wait=True)
    assert judge.error == "" and judge.report.n == 6 and judge.report.methods == ("the edits", "random keys")
    assert judge.judged == judge.active
    marked.mute(0)
    assert judge.active == () and judge.missing()


def test_a_report_looks_at_pictures_on_which_nothing_was_found(make_session, reader):
    from dataclasses import replace

    from ganwidgets.rewrite.controller_report import ReportController

    session = make_session(seed=1001)
    session.mark("object", 0, HERE)
    session.mark("paste", 1, THERE)
    session.apply(wait=True)
    judge = ReportController(session, reader, n=6)
    judge.run(wait=True)
    assert judge.seed == 1001 and judge.drawn == 1002
    (edit,) = session.edits
    details = {**edit.details, "generalised": {"seed": 1002}}
    session.better(replace(edit, details=details), than=edit, step=True)
    session.seed = 1003  # the edit is still of 1001
    judge.run(wait=True)
    assert judge.drawn == 1004


def test_advice_tries_layers_and_sets_what_is_taken(marked):
    from ganwidgets.rewrite.controller_advice import AdviceController

    judge = AdviceController(marked)
    judge.run(wait=True)
    assert judge.error == "" and {trial.layer for trial in judge.advice.trials} > {"layer4.conv"}
    l2 = judge.advice.trials
    marked.norm, marked.objective = "l1", "map"
    judge.run(wait=True)
    assert judge.error == "" and judge.advice.trials != l2  # the session's settings are meant
    judge.use("layer3.conv", 2)
    assert (marked.layer, marked.rank) == ("layer3.conv", 2)
    marked.clear()
    with pytest.raises(ValueError, match="`object` must be there"):
        judge.run()
