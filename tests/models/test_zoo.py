import hashlib
from dataclasses import replace
from types import SimpleNamespace

import pytest

from ganwidgets.models import zoo

CONTENT = b"weights"
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """A zoo of one file that nobody has published, in an empty folder."""
    monkeypatch.setenv("GANWIDGETS_ZOO", str(tmp_path / "zoo"))
    weights = zoo.Weights("planted", "Progressive GAN", 8, "http://nowhere.invalid/planted.pth", DIGEST[:8])
    monkeypatch.setitem(zoo.WEIGHTS, "planted", weights)
    return weights


@pytest.fixture
def web(monkeypatch):
    """What the network would give; an exception is raised."""
    pooch = pytest.importorskip("pooch", reason="pooch is not installed")
    answer = SimpleNamespace(content=CONTENT, asked=0)

    def download(self, url, output, downloader):
        answer.asked += 1
        if isinstance(answer.content, Exception):
            raise answer.content
        with open(output, "wb") as file:  # noqa: PTH123 - as pooch does
            file.write(answer.content)

    monkeypatch.setattr(pooch.HTTPDownloader, "__call__", download)
    return answer


def test_published_weights_have_what_a_user_must_know():
    table = zoo.list()
    assert len(table) == len(zoo.WEIGHTS) == 23
    assert table["name"].is_unique and table["address"].is_unique
    for weights in zoo.WEIGHTS.values():
        assert weights.file in weights.url and "/" not in weights.file
        assert weights.sha256_prefix == "" or (len(weights.sha256_prefix) == 8 and int(weights.sha256_prefix, 16))
        if weights.sha256_prefix:  # torch.hub's convention: the name carries the digits
            assert weights.sha256_prefix in weights.file
        assert weights.licence == "not stated"


def test_weights_are_downloaded_once(kept, web):
    first = zoo.path("planted")
    assert first.read_bytes() == CONTENT and first == kept.path
    assert zoo.path("planted") == first and web.asked == 1
    assert zoo.list().set_index("name").loc["planted", "here"]
    assert [file.name for file in first.parent.iterdir()] == ["planted.pth"]


def test_a_download_that_is_not_the_published_file_is_not_kept(kept, web):
    web.content = b"<html>"
    with pytest.raises(ValueError, match=f"begins with {DIGEST[:8]}"):
        zoo.path("planted")
    assert [*kept.path.parent.iterdir()] == []


def test_a_file_put_there_by_hand_is_checked_and_left_alone(kept):
    kept.path.parent.mkdir()
    kept.path.write_bytes(b"other")
    with pytest.raises(ValueError, match="broken or not the published one"):
        zoo.path("planted", download=False)
    assert kept.path.read_bytes() == b"other"
    kept.path.write_bytes(CONTENT)
    assert zoo.path("planted", download=False) == kept.path


def test_without_a_network_one_sentence_says_where_the_file_goes(kept, web):
    web.content = ConnectionError("no route")
    with pytest.raises(FileNotFoundError) as told:
        zoo.path("planted")
    assert kept.url in str(told.value) and str(kept.path) in str(told.value)
    assert [*kept.path.parent.iterdir()] == []
    with pytest.raises(FileNotFoundError, match="not on this computer"):
        zoo.path("planted", download=False)


def test_without_pooch_one_sentence_says_what_to_install(kept, monkeypatch):
    monkeypatch.setattr(zoo, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"ganwidgets\[zoo\]"):
        zoo.path("planted")


def test_a_name_that_is_none_is_told_its_neighbours():
    with pytest.raises(ValueError, match="proggan-kitchen"):
        zoo.path("progan-kitchen")


def test_weights_without_a_published_hash_are_taken_as_they_are(kept, web, monkeypatch):
    monkeypatch.setitem(zoo.WEIGHTS, "planted", replace(kept, sha256_prefix=""))
    web.content = b"anything"
    assert zoo.path("planted").read_bytes() == b"anything"


def test_load_takes_a_published_name(kept, monkeypatch, tmp_path):
    import torch

    from ganwidgets import load
    from ganwidgets.models import export_weights

    bundled = load("scenes")
    file = export_weights(bundled, tmp_path / "planted.pth")
    monkeypatch.setitem(
        zoo.WEIGHTS, "planted", replace(kept, sha256_prefix=hashlib.sha256(file.read_bytes()).hexdigest()[:8])
    )
    kept.path.parent.mkdir()
    file.rename(kept.path)
    network = load("planted")
    assert network.name == "planted"
    z = network.sample_z(2)
    assert torch.equal(network.images(z), bundled.images(z))
    with pytest.raises(FileNotFoundError, match="Did you mean 'planted'"):
        load("plantd")
