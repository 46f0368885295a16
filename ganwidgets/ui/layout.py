"""Components side by side, behind tabs or folded away, and the wires between them that need no Python."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import anywidget
from PIL import Image
from traitlets import Bool, Bunch, List, TraitError, Unicode, validate

from ganwidgets.ui import draw
from ganwidgets.ui.component import Component, bundle, plural, suggest
from ganwidgets.ui.traits import PlainDict, PlainList, require_keys

Link = tuple[Component, str, Component, str]
Weights = Sequence[int | float]


@dataclass(frozen=True)
class Box:
    """Components (or boxes) in a row, in a column, behind tabs or folded away, before they become a `Layout`."""

    kind: str
    items: tuple["Component | Box", ...]
    weights: tuple[int | float, ...] | None = None
    gap: int | None = None
    label: str | None = None


def row(
    *items: Component | Box,
    weights: Weights | None = None,
    gap: int | None = None,
    label: str | None = None,
) -> Box:
    """Items beside each other; they wrap when there is no room. `weights` share the width."""
    return _box("row", items, weights, gap, label)


def column(*items: Component | Box, gap: int | None = None, label: str | None = None) -> Box:
    """Items below each other; `label` stands above them as a heading."""
    return _box("column", items, None, gap, label)


def fold(*items: Component | Box, label: str) -> Box:
    """Items below each other that stay hidden until somebody opens `label`."""
    return _box("fold", items, None, None, label)


def tabs(*items: Box) -> Box:
    """Boxes of which one is shown at a time; their labels stand on the tabs."""
    for position, item in enumerate(items):
        if not item.label:
            raise ValueError(
                f"`items[{position}]` needs a label to stand on its tab, such as column(..., label='One')."
            )
    return Box("tabs", items)


def _box(
    kind: str,
    items: tuple[Component | Box, ...],
    weights: Weights | None,
    gap: int | None,
    label: str | None,
) -> Box:
    if weights is not None and len(weights) != len(items):
        raise ValueError(f"`weights` needs one number per item ({len(items)}), got {len(weights)}.")
    return Box(kind, items, None if weights is None else tuple(weights), gap, label)


def _refs(children: list[Component], layout: Component) -> list[str]:
    to_json = anywidget.WidgetTrait().metadata["to_json"]
    return [to_json(child, layout) for child in children]


class Layout(Component):
    """The root of a panel: nested rows, columns and tabs of components.

    `links` copy a trait of one child to a trait of another in the browser, so they also work in an exported page.
    """

    _esm, _css = bundle("layout")

    children = List(anywidget.WidgetTrait(), help="The components.").tag(
        sync=True, to_json=_refs, from_json=lambda value, layout: layout.children
    )
    tree = PlainDict(
        help="{kind: 'row', 'column', 'tabs' or 'fold', items: [number of a child, or a tree], weights?, gap?, label?}."
    ).tag(sync=True)
    links = PlainList(help="{source, source_trait, target, target_trait}, children by position.").tag(sync=True)
    title = Unicode("").tag(sync=True)
    live = Bool(True, help="A kernel is behind it: watch that it stays there.").tag(sync=True)
    farewell = Unicode("", help="Why Python has let go of it; empty while it has not.").tag(sync=True)

    @classmethod
    def of(cls, box: Box, *, links: Sequence[Link] = (), title: str = "") -> "Layout":
        """Builds a layout from `row(...)`, `column(...)`, `tabs(...)` and `fold(...)`.

        Args:
            box: the outermost box.
            links: (source, trait, target, trait): the browser copies source to target whenever it changes.
            title: heading of the whole.
        """
        children: list[Component] = []

        def place(item: Component | Box) -> int | dict:
            if isinstance(item, Box):
                tree = {"kind": item.kind, "items": [place(inner) for inner in item.items]}
                options = {"weights": item.weights, "gap": item.gap, "label": item.label}
                return tree | {name: value for name, value in options.items() if value is not None}
            children.append(item)
            return len(children) - 1

        tree = place(box)
        layout = cls(children=children, tree=tree, title=title)
        for source, source_trait, target, target_trait in links:
            layout.link(source, source_trait, target, target_trait)
        return layout

    def link(self, source: Component, source_trait: str, target: Component, target_trait: str) -> None:
        """Copies `source.source_trait` to `target.target_trait` in the browser whenever it changes.

        Raises:
            ValueError: when one of the two is not a child.
        """
        positions = []
        for side, child in (("source", source), ("target", target)):
            found = [i for i, other in enumerate(self.children) if other is child]
            if not found:
                raise ValueError(f"`{side}` must be a child of this layout, got {child!r}.")
            positions.append(found[0])
        entry = {
            "source": positions[0],
            "source_trait": source_trait,
            "target": positions[1],
            "target_trait": target_trait,
        }
        self.links = [*self.links, entry]

    @validate("tree")
    def _check_tree(self, proposal: Bunch) -> dict:
        for position in _positions(proposal["value"]):
            if not 0 <= position < len(self.children):
                raise TraitError(f"`tree` names child {position}, but there are {plural(len(self.children), 'child')}.")
        return proposal["value"]

    @validate("links")
    def _check_links(self, proposal: Bunch) -> list:
        links = proposal["value"]
        require_keys("links", links, ("source", "source_trait", "target", "target_trait"))
        for link in links:
            for side in ("source", "target"):
                if not 0 <= link[side] < len(self.children):
                    count = plural(len(self.children), "child")
                    raise TraitError(f"`links` names child {link[side]}, but there are {count}.")
                child, name = self.children[link[side]], link[f"{side}_trait"]
                known = child.trait_names(sync=True)
                if name not in known:
                    raise TraitError(f"`links`: {type(child).__name__} has no trait {name!r}.{suggest(name, known)}")
        return links

    def shown_tree(self) -> dict:
        """The tree, or all children in one column when none was given."""
        return self.tree or {"kind": "column", "items": list(range(len(self.children)))}

    def describe(self) -> str:
        names = ", ".join(type(child).__name__ for child in self.children)
        return f"{self.title!r}: {names}" if self.title else names

    def picture(self) -> Image.Image | None:
        """The children's pictures, arranged as they are on the page; None when none has one."""

        def arrange(tree: int | dict) -> Image.Image | None:
            if isinstance(tree, int):
                return self.children[tree].picture()
            pictures = [picture for picture in map(arrange, tree["items"]) if picture is not None]
            return draw.arrange(pictures, tree["kind"]) if pictures else None

        return arrange(self.shown_tree())


def _positions(tree: object) -> Iterator[int]:
    if isinstance(tree, bool) or not isinstance(tree, int | dict):
        raise TraitError(f"`tree` must be made of child positions and {{kind, items}}, got {tree!r}.")
    if isinstance(tree, int):
        yield tree
    elif tree:
        if tree.get("kind") not in ("row", "column", "tabs", "fold") or not isinstance(tree.get("items"), list):
            raise TraitError(f"`tree` needs kind 'row', 'column', 'tabs' or 'fold' and a list of items, got {tree!r}.")
        for item in tree["items"]:
            yield from _positions(item)
