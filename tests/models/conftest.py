"""What tests of several families share."""

import json

import pytest


@pytest.fixture(scope="session")
def networks_of_nvidia():
    """`networks_of_nvidia(folder, names, family)`: from containers, or from weights and what a container would say."""
    from ganwidgets.models import load
    from ganwidgets.models.files import read_weights
    from ganwidgets.models.found import Found

    def network(folder, name, family):
        if (folder / f"{name}.pkl").exists():
            return load(folder / f"{name}.pkl")
        kwargs = json.loads((folder / f"{name}.json").read_text())["kwargs"]
        config = {"class_name": "Generator", "kwargs": kwargs}
        return family.build(Found(read_weights(folder / f"{name}.safetensors"), config), name)

    return lambda folder, names, family: {name: network(folder, name, family) for name in names}
