"""Code to take away: the call that repeats what is shown."""

from traitlets import Unicode

from ganwidgets.ui.component import Component, bundle, plural


class CodeSnippet(Component):
    """Read-only text with a Copy button."""

    _esm, _css = bundle("code_snippet")

    code = Unicode("").tag(sync=True)
    label = Unicode("", help="What the code does.").tag(sync=True)

    def describe(self) -> str:
        return plural(len(self.code.splitlines()), "line")
