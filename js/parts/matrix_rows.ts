/** The elements of a matrix: names above, rows with their names and cells, the scale below. */
import { type Cell, cellColours, type Colours } from "../lib/cells";
import { known, type Maybe } from "../lib/format";
import { type Range, readable } from "../lib/scale";
import { h } from "./dom";

export interface MatrixDraw {
	rows: readonly string[];
	columns: readonly string[];
	values: readonly (readonly Maybe[])[];
	range: Range;
	colours: Colours;
	theme: "light" | "dark";
	/** How a cell is written; empty where it has no room. */
	write: (value: Maybe) => string;
	/** What a screen reader says about a cell. */
	say: (cell: Cell) => string;
	chosenRows: ReadonlySet<string>;
	chosenColumns: ReadonlySet<string>;
	/** What the keys act on. */
	active: Cell;
}

const tab = ({ active }: MatrixDraw, row: number, column: number): number => (active.row === row && active.column === column ? 0 : -1);

/** The names above; `corner` says what rows and columns are. */
export function topRow(draw: MatrixDraw, corner: readonly string[]): HTMLElement {
	const name = (text: string, column: number): HTMLElement => {
		const chosen = draw.chosenColumns.has(text);
		return h(
			"div",
			{ class: "gw-column-name", role: "columnheader", "aria-colindex": column + 2, "aria-selected": String(chosen), tabindex: tab(draw, -1, column), "data-row": -1, "data-column": column, title: text },
			h("span", {}, text),
			chosen ? h("b", { "aria-hidden": "true" }, "✓") : null,
		);
	};
	const words = corner.map((text) => h("span", { title: text }, text));
	return h(
		"div",
		{ class: "gw-matrix-row gw-matrix-top", role: "row", "aria-rowindex": 1, style: "height:var(--gw-top)" },
		h("div", { class: "gw-corner", role: "presentation" }, ...words),
		...draw.columns.map(name),
	);
}

/** One row: its name and its cells. */
export function matrixRow(draw: MatrixDraw, row: number, top: number): HTMLElement {
	const name = draw.rows[row] as string;
	const chosen = draw.chosenRows.has(name);
	const head = h(
		"div",
		{ class: "gw-row-name", role: "rowheader", "aria-colindex": 1, "aria-selected": String(chosen), tabindex: tab(draw, row, -1), "data-row": row, "data-column": -1, title: name },
		chosen ? `✓ ${name}` : name,
	);
	const cell = (_: string, column: number): HTMLElement => {
		const value = draw.values[row]?.[column];
		const both = chosen && draw.chosenColumns.has(draw.columns[column] as string);
		const paint = known(value) ? cellColours(value, draw.range, draw.colours, draw.theme) : null;
		return h(
			"div",
			{
				class: `gw-matrix-cell${paint ? "" : " gw-null"}${both ? " gw-chosen" : ""}`,
				role: "gridcell",
				"aria-colindex": column + 2,
				"aria-selected": String(both),
				"aria-label": draw.say({ row, column }),
				tabindex: tab(draw, row, column),
				"data-row": row,
				"data-column": column,
				style: paint ? `background:${paint.fill};color:${paint.ink}` : null,
			},
			draw.write(value),
		);
	};
	const place = { class: "gw-matrix-row", role: "row", "aria-rowindex": row + 2, style: `top:${top}px` };
	return h("div", place, head, ...draw.columns.map(cell));
}

/** The colours and what their ends mean, and what a hatched cell is. */
export function scaleLegend({ range, colours, theme, values }: MatrixDraw, label: string, percent: boolean): HTMLElement[] {
	const [low, high] = range;
	const stops = Array.from({ length: 11 }, (_, i) => cellColours(low + ((high - low) * i) / 10, range, colours, theme).fill);
	const bar = h("div", { class: "gw-scale-bar", "aria-hidden": "true", style: `background:linear-gradient(90deg, ${stops.join(", ")})` });
	const number = (value: number): string => readable(value, percent, colours === "diverging");
	const unknown = values.some((row) => row.some((value) => !known(value)));
	return [
		...(label ? [h("div", {}, label)] : []),
		h("span", {}, number(low), bar, number(high)),
		...(unknown ? [h("span", {}, h("i", { class: "gw-null", "aria-hidden": "true" }), "not known")] : []),
	];
}
