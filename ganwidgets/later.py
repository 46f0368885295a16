"""Names of a package that are loaded when somebody asks for them, so that importing it stays cheap."""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def files_of(later: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """Name → file that holds it, from file → names."""
    return {name: file for file, names in later.items() for name in names}


def loader(package: str, namespace: dict[str, Any], later: Mapping[str, tuple[str, ...]]) -> Callable[[str], Any]:
    """The `__getattr__` of a package: `__getattr__ = loader(__name__, globals(), _LATER)`.

    Args:
        package: its name.
        namespace: its `globals()`.
        later: file → names in it.
    """
    files = files_of(later)

    def load(name: str) -> Any:
        if name in files:
            # Kept, because importing a file puts it in the place of a function of the same name.
            found = namespace[name] = getattr(import_module(f"{package}.{files[name]}"), name)
            return found
        known = sorted(namespace["__all__"])
        raise AttributeError(f"module {package!r} has no attribute {name!r}; it has {known}")

    return load
