"""One word for one thing, in every signature, field and trait."""

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator

import pytest


def words() -> Iterator[tuple[str, str]]:
    """Every public function and class of the package with its parameters, fields, traits and methods' parameters."""
    import ganwidgets

    for info in pkgutil.walk_packages(ganwidgets.__path__, "ganwidgets."):
        if info.name.endswith("__main__"):
            continue
        for name, thing in vars(importlib.import_module(info.name)).items():
            if getattr(thing, "__module__", "") != info.name or name.startswith("_"):
                continue
            if inspect.isclass(thing):
                yield from ((name, word) for word in {*getattr(thing, "__annotations__", {}), *vars(thing)})
                functions = [method for method in vars(thing).values() if inspect.isfunction(method)]
            else:
                functions = [thing] if inspect.isfunction(thing) else []
            for function in functions:
                yield from ((name, word) for word in inspect.signature(function).parameters)


@pytest.fixture(scope="module")
def named():
    return list(words())


def test_the_number_of_random_sets_has_one_name_everywhere(named):
    assert sum(word == "n_random_sets" for _, word in named) > 25
    other = re.compile(r"(n_|num_)?(chance|random)_?(sets|orders|draws)(_count)?")
    assert [(name, word) for name, word in named if other.fullmatch(word) and word != "n_random_sets"] == []


@pytest.mark.parametrize("result", ["InsertionContext", "PaintReport"])
def test_what_was_there_before_is_what_stood_there(named, result):
    """`below` is the network up to a layer."""
    own = {word for name, word in named if name == result}
    assert "stood" in own and "below" not in own
