/** Where the cards of a virtual grid are: layout, what is in view, hits, and the moves of the arrow keys. */

export interface Box {
	x: number;
	y: number;
	width: number;
	height: number;
}

export interface Grid {
	columns: number;
	rows: number;
	count: number;
	card: { width: number; height: number };
	gap: number;
	pad: number;
	/** Height of everything [px]. */
	height: number;
}

export interface GridOptions {
	width: number;
	count: number;
	minCard: number;
	cardHeight: (width: number) => number;
	gap?: number;
	pad?: number;
}

/** As many equally wide columns as fit; one column also when even one does not. */
export function gridLayout({ width, count, minCard, cardHeight, gap = 8, pad = 8 }: GridOptions): Grid {
	const inner = Math.max(0, width - 2 * pad);
	const columns = Math.max(1, Math.floor((inner + gap) / (minCard + gap)));
	const cardWidth = Math.max(1, Math.floor((inner - gap * (columns - 1)) / columns));
	const card = { width: cardWidth, height: Math.round(cardHeight(cardWidth)) };
	const rows = Math.ceil(count / columns);
	const height = rows === 0 ? 2 * pad : 2 * pad + rows * card.height + (rows - 1) * gap;
	return { columns, rows, count, card, gap, pad, height };
}

export function cardBox(grid: Grid, index: number): Box {
	const row = Math.floor(index / grid.columns);
	const column = index % grid.columns;
	return {
		x: grid.pad + column * (grid.card.width + grid.gap),
		y: rowTop(grid, row),
		width: grid.card.width,
		height: grid.card.height,
	};
}

export const rowTop = (grid: Grid, row: number): number => grid.pad + row * (grid.card.height + grid.gap);

/** Rows [first, last) that are in view, with `overscan` more on both sides. */
export function visibleRows(grid: Grid, scrollTop: number, viewport: number, overscan = 2): [number, number] {
	const step = grid.card.height + grid.gap;
	const first = Math.floor((scrollTop - grid.pad) / step) - overscan;
	const last = Math.ceil((scrollTop + viewport - grid.pad) / step) + overscan;
	return [Math.min(grid.rows, Math.max(0, first)), Math.max(0, Math.min(grid.rows, last))];
}

/** Positions of the cards that a rectangle touches (it may be drawn in any direction). */
export function cardsInRect(grid: Grid, x0: number, y0: number, x1: number, y1: number): number[] {
	const [left, right] = x0 < x1 ? [x0, x1] : [x1, x0];
	const [top, bottom] = y0 < y1 ? [y0, y1] : [y1, y0];
	const found: number[] = [];
	for (let index = 0; index < grid.count; index++) {
		const box = cardBox(grid, index);
		if (box.x < right && box.x + box.width > left && box.y < bottom && box.y + box.height > top) found.push(index);
	}
	return found;
}

/** Where the arrow, Home, End and Page keys lead from a position; null for every other key. */
export function moveBy(key: string, index: number, columns: number, count: number, pageRows: number): number | null {
	const last = count - 1;
	const moves: Record<string, number> = {
		ArrowLeft: index - 1,
		ArrowRight: index + 1,
		ArrowUp: index - columns < 0 ? index : index - columns,
		ArrowDown: index + columns > last ? index : index + columns,
		Home: 0,
		End: last,
		PageUp: Math.max(index % columns, index - pageRows * columns),
		PageDown: Math.min(last, index + pageRows * columns),
	};
	const to = moves[key];
	return to === undefined || count === 0 ? null : Math.max(0, Math.min(last, to));
}

/** How far to scroll so that [top, top + height) is in view; the present position when it already is. */
export function scrollInto(top: number, height: number, scrollTop: number, viewport: number, margin = 8): number {
	if (top - margin < scrollTop) return Math.max(0, top - margin);
	if (top + height + margin > scrollTop + viewport) return top + height + margin - viewport;
	return scrollTop;
}
