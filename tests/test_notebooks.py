"""What is committed of the notebooks: executed, small, free of errors, widget state and traces of a machine.

That they run, and that the numbers they claim come out again, is checked by `pytest --nbval-lax notebooks`.
"""

import json
import re
from pathlib import Path

import pytest

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))
MOST_IMAGE = 140_000  # characters of base64, about 100 kB
MOST_FILE = 600_000  # bytes

pytestmark = pytest.mark.skipif(not NOTEBOOKS, reason="needs the repository")


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def path(request):
    return request.param


@pytest.fixture
def notebook(path):
    return json.loads(path.read_text(encoding="utf-8"))


def code_cells(notebook) -> list[dict]:
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def test_there_are_notebooks_in_reading_order():
    assert [path.stem.split("-")[0] for path in NOTEBOOKS] == [f"{i:02d}" for i in range(len(NOTEBOOKS))]


def test_all_cells_were_run_from_top_to_bottom(notebook):
    counts = [cell["execution_count"] for cell in code_cells(notebook)]
    assert counts == list(range(1, len(counts) + 1))


def test_nothing_failed_or_warned(notebook):
    for cell in code_cells(notebook):
        for output in cell["outputs"]:
            assert output["output_type"] != "error", output
            assert output.get("name") != "stderr", "".join(output["text"])


def test_outputs_are_small_and_without_widget_state(path, notebook):
    assert "widgets" not in notebook["metadata"]
    assert path.stat().st_size < MOST_FILE
    for cell in code_cells(notebook):
        for output in cell["outputs"]:
            for kind, data in output.get("data", {}).items():
                assert not kind.startswith("image/") or len("".join(data)) < MOST_IMAGE, cell["source"]


def test_no_trace_of_a_machine(path):
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"/(home|root|Users|tmp|work)/|ipykernel_\d", text)


def test_claims_are_checked_and_every_exercise_has_a_check(notebook):
    sources = ["".join(cell["source"]) for cell in notebook["cells"]]
    assert sum("NBVAL_CHECK_OUTPUT" in source for source in sources) >= 2
    asked = {number for source in sources for number in re.findall(r"^\*\*(\d)\.\*\*", source, re.MULTILINE)}
    checked = {number for source in sources for number in re.findall(r'print\("(\d):', source)}
    assert asked and asked == checked
