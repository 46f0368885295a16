"""Still pictures of components, drawn with Pillow: what a saved notebook shows where no widget can run."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw

from ganwidgets.ui.fonts import font

INK, FAINT, LINE, PAPER = "#1f2328", "#6b7280", "#d9dce1", "#ffffff"
SPACE = 8
Length = int | float


@dataclass(frozen=True)
class Card:
    """One unit: two texts at the left, one at the right, a colour and a strip of pictures."""

    name: str
    label: str
    value: str
    color: str
    strip: Image.Image | None


@dataclass(frozen=True)
class Bar:
    """One bar: its length, a mark to compare with, and a colour."""

    label: str
    value: Length | None
    mark: Length | None
    color: str


def cards(items: Sequence[Card], *, note: str = "", columns: int = 3, width: int = 272) -> Image.Image:
    """Cards in rows of `columns`, each `width` pixels wide, with a remark below."""
    strip_height = 48
    height = 44 + strip_height
    rows = -(-len(items) // columns)
    size = (columns * (width + SPACE) + SPACE, rows * (height + SPACE) + SPACE + (20 if note else 0))
    picture = Image.new("RGB", size, PAPER)
    pen = ImageDraw.Draw(picture)
    for position, card in enumerate(items):
        row, column = divmod(position, columns)
        x, y = SPACE + column * (width + SPACE), SPACE + row * (height + SPACE)
        pen.rounded_rectangle((x, y, x + width, y + height), 6, outline=LINE)
        pen.rounded_rectangle((x + 8, y + 10, x + 18, y + 20), 2, fill=card.color)
        _text(pen, (x + 24, y + 8), f"{_cut(card.label, 20)}", INK)
        _text(pen, (x + width - 8, y + 8), f"{card.name}   {card.value}", FAINT, anchor="ra")
        if card.strip is not None:
            _strip(picture, card.strip, (x + 8, y + 34), width - 16, strip_height)
    if note:
        _text(pen, (SPACE, size[1] - 18), note, FAINT)
    return picture


def _strip(picture: Image.Image, strip: Image.Image, corner: tuple[int, int], width: int, height: int) -> None:
    scale = height / strip.height
    fitted = strip.resize((max(1, round(strip.width * scale)), height), Image.Resampling.LANCZOS)
    picture.paste(fitted.crop((0, 0, min(width, fitted.width), height)), corner)


LEAST_SIGNED = 0.005  # a signed axis reaches at least this far: a bar of next to nothing looks like it


def bars(items: Sequence[Bar], *, title: str = "", note: str = "", signed: bool = False) -> Image.Image:
    """Bars one below the other with labels at the left and values at the right."""
    line, left, right, length = 20, 130, 76, 240
    top = 34 if title else 10
    picture = Image.new("RGB", (left + length + right, top + len(items) * line + (26 if note else 10)), PAPER)
    pen = ImageDraw.Draw(picture)
    if title:
        _text(pen, (SPACE, 8), title, INK)
    numbers = [abs(number) for bar in items for number in (bar.value, bar.mark) if number is not None]
    furthest = max([*numbers, LEAST_SIGNED if signed else 0])
    scale = (length / 2 if signed else length) / (furthest or 1)
    zero = left + (length / 2 if signed else 0)
    for position, bar in enumerate(items):
        y = top + position * line
        _text(pen, (left - 8, y + 2), _cut(bar.label, 18), INK, anchor="ra")
        if bar.value is not None:
            ends = sorted((zero, zero + bar.value * scale))
            pen.rectangle((ends[0], y + 3, max(ends[1], ends[0] + 1), y + line - 5), fill=bar.color)
            _text(pen, (left + length + 8, y + 2), _number(bar.value, signed), FAINT)
        if bar.mark is not None:
            x = zero + bar.mark * scale
            pen.line((x, y + 1, x, y + line - 3), fill=INK, width=2)
    pen.line((zero, top, zero, top + len(items) * line - 2), fill=LINE)
    if note:
        _text(pen, (left, picture.height - 20), note, FAINT)
    return picture


def words(lines: Sequence[str], *, title: str = "", width: int = 380) -> Image.Image:
    """Texts below each other, each broken where it would leave the picture."""
    line, letters = 18, width // 6
    rows = [row for text in lines for row in textwrap.wrap(text, letters) or [""]]
    top = 30 if title else 10
    picture = Image.new("RGB", (width, top + len(rows) * line + 8), PAPER)
    pen = ImageDraw.Draw(picture)
    if title:
        _text(pen, (SPACE, 8), title, INK)
    for position, row in enumerate(rows):
        _text(pen, (SPACE, top + position * line), row, INK if position == 0 else FAINT)
    return picture


def arrange(pictures: Sequence[Image.Image], kind: str) -> Image.Image:
    """Pictures beside ("row") or below ("column") each other on white."""
    across = kind == "row"
    extent = [(p.width, p.height) if across else (p.height, p.width) for p in pictures]
    along, other = sum(e[0] for e in extent) + SPACE * (len(pictures) - 1), max(e[1] for e in extent)
    whole = Image.new("RGB", (along, other) if across else (other, along), PAPER)
    at = 0
    for picture, (length, _) in zip(pictures, extent, strict=True):
        whole.paste(picture, (at, 0) if across else (0, at))
        at += length + SPACE
    return whole


def _number(value: Length, signed: bool) -> str:
    if not signed:
        return f"{value:,.4g}"
    digits = 1 if abs(value) >= 0.00995 or not value else 2 if abs(value) >= 0.000995 else 3
    return f"{100 * value:+.{digits}f} %".replace("-", "−")


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"


def _text(pen: ImageDraw.ImageDraw, at: tuple[Length, Length], text: str, fill: str, anchor: str = "la") -> None:
    pen.text(at, text, fill=fill, font=font(11), anchor=anchor)
