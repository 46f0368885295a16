"""The session behind photos and their inversions: what is lost, kept for each concept, class and comparison."""

import threading

import numpy as np
import pytest
from PIL import Image
from traitlets import TraitError

FAST = {"resamples": 50, "permutations": 100, "halves": 20}


@pytest.fixture
def omitting(make, forgetful):
    from ganwidgets.coverage.controller_omissions import OmissionsController

    made = []

    def omitting(search=None, session=None, **options):
        session = session or make()
        made.append(OmissionsController(session, search or forgetful(8), **{"n": 8, "steps": 5, **options}))
        return made[-1]

    yield omitting
    for one in made:
        one.close()


def test_a_search_that_loses_the_photos_concept_names_the_omission(omitting, forgetful):
    search = forgetful(8)
    session = omitting(search)
    with pytest.raises(ValueError, match="`concept` must be chosen first"):
        session.run()
    session.comparing.run(wait=True)
    session.comparing.concept = "red top"
    found = session.run(wait=True)
    assert (found.lost, found.control_lost, found.control_kind, found.excess) == (
        1,
        0,
        "same concept",
        1,
    )
    assert len(found.photos) == len(found.control) == 8 and found.settings["steps"] == 5
    assert search.asked == [(8, "ridge+z", 5)] * 2
    assert session.result is found and session.pairs == () and session.progress == 1


def test_photos_are_shown_as_they_come_in(omitting):
    session, seen = omitting(), []
    session.comparing.concept = "red"
    session.observe(lambda change: seen.append(change.new), "pairs")
    session.run(wait=True)
    pairs = next(pairs for pairs in seen if pairs)
    photo, drawn = pairs[0]
    assert {len(pairs) for pairs in seen} == {0, 8}  # the control is not shown as photos
    assert len(pairs) == 8 and (photo[2, 2] == (255, 0, 0)).all() and (drawn[2, 2] == 128).all()


def test_what_was_found_is_kept_for_each_concept(omitting):
    session = omitting()
    session.comparing.concept = "red"
    found = session.run(wait=True)
    session.comparing.concept = "blue"
    session.look()
    assert session.concept == "blue" and session.result is None
    session.comparing.concept = "red"
    session.look()
    assert session.result is found


def test_what_was_found_belongs_to_one_comparison_and_to_its_settings(omitting):
    session = omitting()
    session.comparing.run(wait=True)
    session.comparing.concept = "red"
    found = session.run(wait=True)
    for name, value in (("n", 6), ("steps", 7), ("strategy", "ridge+r")):
        was = getattr(session, name)
        setattr(session, name, value)
        assert session.stale, name
        setattr(session, name, was)
        assert not session.stale, name
    session.comparing.seed = 5
    session.comparing.run(wait=True)
    session.look()
    assert session.result is None and not session.stale
    assert session.run(wait=True).settings["seed"] == 5
    session.comparing.n = 40
    session.comparing.run(wait=True)
    session.look()
    assert session.result is None
    session.comparing.n, session.comparing.seed = 60, 1
    session.comparing.run(wait=True)
    session.look()
    assert session.result is found


def test_what_was_found_in_a_part_of_the_images_is_not_that_of_all(omitting, make, slow):
    """Stopped, searched, and gone on: the verdict is of the images that were counted when it was made."""
    session = omitting(session=make(segmenter=slow, settings=FAST | {"batch": 10}))
    c = session.comparing
    c.concept = "red"
    c.run()
    assert slow.waits.wait(20.0)
    c.cancel()
    slow.go.set()
    c.wait(20.0)
    part = session.run(wait=True)
    assert not c.result.complete and max(part.photos.numbers) < c.result.n_data < 60
    c.resume(wait=True)
    session.look()
    assert c.result.complete and session.result is None
    whole = session.run(wait=True)
    assert max(whole.photos.numbers) > max(part.photos.numbers)
    c.run(wait=True)
    session.look()
    assert session.result is whole


def test_what_was_found_in_photos_that_were_replaced_is_not_that_of_the_new_ones(omitting, make, tmp_path):
    random = np.random.RandomState(0)

    def put():
        for i in range(12):
            colour = np.zeros((16, 16, 3), np.uint8)
            colour[:10, : random.randint(8, 16), 0] = 255  # a part is red
            Image.fromarray(colour).save(tmp_path / f"{i:02}.png")

    put()
    session = omitting(session=make(data=tmp_path, n=12), n=4)
    c = session.comparing
    c.concept = "red"
    c.run(wait=True)
    before = session.run(wait=True)
    c.run(wait=True)
    session.look()
    assert session.result is before  # the same photos, compared again
    put()
    c.run(wait=True)
    session.look()
    assert session.result is None


def test_a_search_while_images_are_counted_looks_through_all_of_them(omitting, make, slow):
    session = omitting(session=make(segmenter=slow, settings=FAST | {"batch": 10}))
    c, keys = session.comparing, []
    c.concept = "red"
    c.observe(lambda change: keys.append((session.look(), session._key, session._options()["known"])), "result")
    slow.go.set()
    c.run(wait=True)
    assert len(keys) > 1 and len({key for _, key, _ in keys}) == 1
    assert [known for *_, known in keys] == [None] * (len(keys) - 1) + [c.result]


def test_the_first_results_of_a_comparison_do_not_stop_the_search(omitting):
    session = omitting()
    session.comparing.concept = "red"
    session.look()
    key = session._key
    session.comparing.run(wait=True)
    session.look()
    assert session._key == key


def test_another_concept_stops_the_search(omitting, forgetful):
    started, go = threading.Event(), threading.Event()

    def search(network, images, strategy, *, steps, progress):
        started.set()
        assert go.wait(20.0)
        progress(0.5)
        raise AssertionError("the search went on")

    session = omitting(search)
    session.comparing.concept = "red"
    session.run()
    assert started.wait(20.0)
    session.comparing.concept = "blue"
    session.look()
    go.set()
    session.wait(20.0)
    assert session.status == "cancelled" and session.error == "" and session.result is None


def test_a_concept_that_no_photo_shows_is_a_sentence(omitting):
    session = omitting()
    session.comparing.run(wait=True)
    session.comparing.concept = "green"
    session.run()
    session.wait(20.0)
    assert session.status == "failed" and "`concept` 'green' must be shown by at least 2 photos" in session.error
    session.comparing.concept = ""
    session.look()
    assert (session.status, session.error) == ("idle", "")
    session.comparing.concept = "blue"
    session.look()
    assert (session.status, session.error) == ("idle", "")
    with pytest.raises(TraitError, match="`n` must lie in 2"):
        session.n = 1
