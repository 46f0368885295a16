/** The scrolling part of the unit grid: only the rows in view exist, and cards are used again. */
import { cardsInRect, type Grid, gridLayout, rowTop, scrollInto, visibleRows } from "../lib/geometry";
import type { Row } from "../lib/rows";
import { assign, h, listen, perFrame } from "./dom";
import { Card, type CardContext, cardHeight } from "./unit_card";

export interface Viewport {
	element: HTMLElement;
	/** Lays out and draws; `repaint` draws the strips anew. */
	draw(rows: readonly Row[], context: Omit<CardContext, "width">, repaint: boolean): void;
	/** Draws the cards that still wait for a picture. */
	fillIn(): void;
	/** Brings a card into view and gives it the focus. */
	focus(index: number): void;
	reveal(index: number): void;
	layout(): Grid;
	pageRows(): number;
}

export interface DragActions {
	/** A rectangle over these positions; `keep` adds to the selection, `done` ends the gesture. */
	drag(inside: number[], keep: boolean, done: boolean): void;
	/** The units of the cards that exist now. */
	seen(units: number[]): void;
}

const MIN_CARD = 190; // [px]

export function unitViewport(actions: DragActions, signal: AbortSignal): Viewport {
	const canvas = h("div", { class: "gw-cards", role: "grid", "aria-label": "Units", "aria-multiselectable": "true" });
	const band = h("div", { class: "gw-band", hidden: true });
	const element = h("div", { class: "gw-viewport" }, canvas);
	canvas.append(band);

	const rowElements = new Map<number, { element: HTMLElement; cards: Card[] }>();
	let grid: Grid = gridLayout({ width: 0, count: 0, minCard: MIN_CARD, cardHeight: () => 1 });
	let rows: readonly Row[] = [];
	let context: CardContext | null = null;

	const cards = function* (): Generator<Card> {
		for (const { cards: inRow } of rowElements.values()) yield* inRow;
	};
	/** Makes the rows in view exist and lets go of the others. */
	const fill = (repaint: boolean): void => {
		if (!context) return;
		const [first, last] = visibleRows(grid, element.scrollTop, element.clientHeight || 480);
		for (const [index, row] of rowElements) {
			if (index >= first && index < last) continue;
			row.element.remove();
			rowElements.delete(index);
		}
		const seen: number[] = [];
		for (let index = first; index < last; index++) {
			const row = rowElements.get(index) ?? { element: h("div", { class: "gw-card-row", role: "row" }), cards: [] };
			if (!rowElements.has(index)) {
				rowElements.set(index, row);
				canvas.append(row.element);
			}
			const place = `transform:translateY(${rowTop(grid, index)}px);gap:${grid.gap}px;inset-inline:${grid.pad}px`;
			assign(row.element, { style: place, "aria-rowindex": index + 1 });
			const inRow = rows.slice(index * grid.columns, (index + 1) * grid.columns);
			while (row.cards.length > inRow.length) row.cards.pop()?.element.remove();
			inRow.forEach((data, column) => {
				const card = row.cards[column] ?? new Card();
				if (!row.cards[column]) {
					row.cards[column] = card;
					row.element.append(card.element);
				}
				assign(card.element, { style: `width:${grid.card.width}px;height:${grid.card.height}px`, "aria-colindex": column + 1 });
				card.show(data, context as CardContext, repaint);
				seen.push(data.unit);
			});
		}
		actions.seen(seen);
	};
	listen(element, "scroll", perFrame(() => fill(false), signal), signal, { passive: true });
	dragging(element, canvas, band, () => grid, actions, signal);

	return {
		element,
		layout: () => grid,
		pageRows: () => Math.max(1, Math.floor(element.clientHeight / (grid.card.height + grid.gap))),
		draw(nextRows, shared, repaint) {
			rows = nextRows;
			const width = element.clientWidth;
			if (width === 0) return;
			grid = gridLayout({ width, count: rows.length, minCard: MIN_CARD, cardHeight: (card) => cardHeight(card, shared) });
			context = { ...shared, width: grid.card.width };
			assign(canvas, { style: `height:${grid.height}px`, "aria-rowcount": grid.rows, "aria-colcount": grid.columns });
			fill(repaint);
		},
		fillIn() {
			for (const card of cards()) {
				const row = card.drawn === "all" ? undefined : rows.find((one) => one.unit === card.unit);
				if (row && context) card.show(row, context, true);
			}
		},
		reveal(index) {
			const top = rowTop(grid, Math.floor(index / grid.columns));
			const to = scrollInto(top, grid.card.height, element.scrollTop, element.clientHeight);
			if (to !== element.scrollTop) {
				element.scrollTop = to;
				fill(false);
			}
		},
		focus(index) {
			this.reveal(index);
			const unit = rows[index]?.unit;
			for (const card of cards()) if (card.unit === unit) card.element.focus({ preventScroll: true });
		},
	};
}

/** A rectangle drawn with the mouse or a pen over cards; a finger scrolls. Near an edge the view scrolls along. */
function dragging(
	element: HTMLElement,
	canvas: HTMLElement,
	band: HTMLElement,
	grid: () => Grid,
	actions: DragActions,
	signal: AbortSignal,
): void {
	let start: { x: number; y: number; keep: boolean; pointer: number } | null = null;
	let moved = false;
	let released = false; // the click that follows the release of a drag belongs to the drag
	let at = { x: 0, y: 0 };

	const update = (): void => {
		if (!start || !moved) return;
		const frame = element.getBoundingClientRect();
		const beyond = at.y < frame.top ? at.y - frame.top : Math.max(0, at.y - frame.bottom);
		if (beyond !== 0) {
			element.scrollTop += Math.max(-24, Math.min(24, beyond));
			again();
		}
		const home = canvas.getBoundingClientRect();
		const [x, y] = [Math.max(0, Math.min(home.width, at.x - home.left)), Math.max(0, Math.min(home.height, at.y - home.top))];
		band.style.transform = `translate(${Math.min(x, start.x)}px, ${Math.min(y, start.y)}px)`;
		band.style.width = `${Math.abs(x - start.x)}px`;
		band.style.height = `${Math.abs(y - start.y)}px`;
		actions.drag(cardsInRect(grid(), start.x, start.y, x, y), start.keep, false);
	};
	const again = perFrame(update, signal);
	const end = (done: boolean): void => {
		if (start && moved && done) {
			const home = canvas.getBoundingClientRect();
			actions.drag(cardsInRect(grid(), start.x, start.y, at.x - home.left, at.y - home.top), start.keep, true);
			released = true;
			setTimeout(() => {
				released = false;
			}, 0);
		}
		start = null;
		moved = false;
		band.hidden = true;
	};
	listen(element, "click", (event) => released && event.stopPropagation(), signal, { capture: true });
	listen(element, "pointerdown", (event) => {
		if (event.button !== 0 || !event.isPrimary || event.pointerType === "touch") return;
		if (event.offsetX > element.clientWidth && event.target === element) return; // the scrollbar
		const home = canvas.getBoundingClientRect();
		const keep = event.ctrlKey || event.metaKey || event.shiftKey;
		start = { x: event.clientX - home.left, y: event.clientY - home.top, keep, pointer: event.pointerId };
		at = { x: event.clientX, y: event.clientY };
	}, signal);
	listen(element, "pointermove", (event) => {
		if (!start || event.pointerId !== start.pointer) return;
		const far = Math.hypot(event.clientX - at.x, event.clientY - at.y) > 5;
		if (!moved && !far) return;
		if (!moved) {
			moved = true;
			band.hidden = false;
			element.setPointerCapture?.(event.pointerId);
		}
		at = { x: event.clientX, y: event.clientY };
		again();
	}, signal);
	listen(element, "pointerup", () => end(true), signal);
	listen(element, "pointercancel", () => end(false), signal);
}
