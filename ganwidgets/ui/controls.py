"""A form: sliders, numbers, choices, toggles, texts and buttons."""

from traitlets import Bunch, TraitError, validate

from ganwidgets.ui.component import Component, bundle, suggest
from ganwidgets.ui.traits import PlainDict, PlainList, require_keys

KINDS = ("slider", "int", "choice", "toggle", "text", "button")


class Controls(Component):
    """Named fields and their values; a slider streams while it is dragged (the newest value wins).

    A press of a button arrives as the request "press" with the field's `name`.
    """

    _esm, _css = bundle("controls")

    fields = PlainList(
        help="{name, kind, label, min?, max?, step?, options?, hint?}; an option is a value, or {value, label, hint?}."
    ).tag(sync=True)
    values = PlainDict(help="Name of a field -> its value.").tag(sync=True, echo_update=False)
    disabled = PlainDict(help="Name of a field -> why it cannot be used now.").tag(sync=True)

    @validate("fields")
    def _check_fields(self, proposal: Bunch) -> list:
        fields = proposal["value"]
        require_keys("fields", fields, ("name", "kind"), ("label", "min", "max", "step", "options", "hint"))
        for field in fields:
            if field["kind"] not in KINDS:
                raise TraitError(
                    f"`fields`: the kind of {field['name']!r} must be one of {list(KINDS)}, got {field['kind']!r}."
                    f"{suggest(str(field['kind']), list(KINDS))}"
                )
        return fields

    @validate("values", "disabled")
    def _check_names(self, proposal: Bunch) -> dict:
        names = [field["name"] for field in self.fields]
        for name in proposal["value"]:
            if names and name not in names:
                raise TraitError(
                    f"`{proposal['trait'].name}` names the unknown field {name!r}; known are {names}."
                    f"{suggest(name, names)}"
                )
        return proposal["value"]

    def describe(self) -> str:
        return ", ".join(f"{name}={value!r}" for name, value in self.values.items())
