"""A real dissection of the planted generator, and a small one written by hand."""

import numpy as np
import pytest


@pytest.fixture(scope="session")
def real(planted, reader):
    """Both layers of the planted generator; at 0.3 unit 0 is all of "red" and unit 1 all of "blue"."""
    from ganwidgets.dissect import run

    return run(planted, segmenter=reader, layers=["layer1", "layer2"], n=70, top_fraction=0.3, resamples=20)


@pytest.fixture(scope="session")
def real_iqr(planted, reader):
    """One layer by the other rule, without chance levels, stopped by nobody."""
    from ganwidgets.dissect import run

    return run(planted, segmenter=reader, layer="layer2", n=64, rule="iqr", chance=False, padding="zeros")


@pytest.fixture
def paper():
    """Four units, three concepts of two categories; every number chosen by hand."""
    from ganwidgets.results import Dissection, LayerResult

    ramp = np.array([[0.0, 1.0], [2.0, 3.0]], np.float16)
    index = np.array([[20, 10, -1], [10, 20, 30], [-1, -1, -1], [30, -1, -1]])
    value = np.where(index >= 0, [[9.0, 8.0, 0.0]], -np.inf).astype(np.float32)
    layer = LayerResult(
        name="conv",
        shape=(4, 2, 2),
        iou=np.array([[0.5, 0.1, 0], [0.2, 0.3, 0], [0, 0, 0], [0, 0.02, 0]], np.float32),
        iqr=np.array([[0.4, 0.1, 0], [0.2, 0.25, 0], [0.7, 0, 0], [0, 0.01, 0]], np.float32),
        threshold=np.array([1.5, 2.5, 0, 0.5], np.float32),
        area=np.array([0.01, 0.02, 0, 0.03], np.float32),
        concept=np.array([0, 1, -1, 1]),
        label_iou=np.array([0.5, 0.3, 0, 0.02], np.float32),
        interval=np.array([[0.4, 0.6], [0.2, 0.35], [0, 0], [0.01, 0.03]], np.float32),
        iou_chance=np.array([0.1, 0.4, 0, 0.05], np.float32),
        above_chance=np.array([True, False, False, False]),
        labelled=np.array([True, True, False, False]),
        status=np.array(["ok", "ok", "dead", "ok"]),
        labelled_units=np.array([1, 1, 0]),
        chance_units=np.array([0.25, 1.5, 0.0]),
        concept_area=np.array([0.2, 0.1, 0.0], np.float32),
        pictures={f"{kind}_index": index for kind in ("top", "counter")}
        | {f"{kind}_value": value for kind in ("top", "counter")}
        | {f"{kind}_maps": np.broadcast_to(ramp, (4, 3, 2, 2)).copy() for kind in ("top", "counter")},
    )
    return Dissection(
        network="paper",
        fingerprint="f" * 64,
        segmenter="pen",
        concepts=("tree", "door", "sky"),
        categories=("object", "part", "object"),
        slots=("object", "part"),
        n=40,
        options={"n": 50, "seed": 3, "rule": "iqr", "padding": "clamp"},
        layers={"conv": layer},
        thumbnails={
            "index": np.array([10, 20, 30]),
            "images": np.repeat(np.arange(3, dtype=np.uint8), 48).reshape(3, 4, 4, 3),
            "segs": np.repeat(np.arange(3, dtype=np.uint8), 32).reshape(3, 2, 4, 4),
        },
        notes=("the batch was halved",),
    )
