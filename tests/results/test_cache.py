"""Files named by what they answer; a damaged one counts as absent."""

import logging

import numpy as np


def test_the_name_depends_on_everything_and_nothing_else(tmp_path):
    from ganwidgets.results.cache import content_path, latents_name

    z = np.zeros((2, 3), np.float32)
    paths = {
        content_path(tmp_path / "new", "keys", about, suffix)
        for about, suffix in (([1, "a"], ".x"), ([2, "a"], ".x"), ([1, latents_name(z)], ".x"), ([1, "a"], ".y"))
    }
    assert len(paths) == 4 and all(path.parent == tmp_path / "new" for path in paths) and (tmp_path / "new").is_dir()
    assert content_path(tmp_path / "new", "other", [1, "a"], ".x") in paths
    assert latents_name(z) != latents_name(z + 1)


def test_true_means_a_folder_of_the_user(tmp_path, monkeypatch):
    from ganwidgets.results.cache import content_path

    monkeypatch.setattr("ganwidgets.results.cache.user_cache_path", lambda name: tmp_path / name)
    assert content_path(True, "keys", [], ".x").parent == tmp_path / "ganwidgets/keys"


def test_what_cannot_be_read_is_absent(tmp_path, caplog):
    from ganwidgets.results.cache import kept

    def load(path):
        if path.read_text() != "good":
            raise ValueError("broken")
        return 7

    path = tmp_path / "file"
    assert kept(None, load) is None and kept(path, load) is None
    path.write_text("good")
    assert kept(path, load) == 7
    path.write_text("bad")
    with caplog.at_level(logging.WARNING):
        assert kept(path, load) is None
    assert "computed again: broken" in caplog.text
