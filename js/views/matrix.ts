/** A table of coloured cells: read one, choose rows and columns; only the rows in view are on the page. */
import type { RenderProps } from "@anywidget/types";
import { type Cell, cellRange, cellTexts, type Colours, matrixLayout, moveCell, ROW, rowsInView } from "../lib/cells";
import { known, type Maybe } from "../lib/format";
import { scrollInto } from "../lib/geometry";
import { readable } from "../lib/scale";
import { assign, h, listen, onResize, perFrame, setText } from "../parts/dom";
import { type MatrixDraw, matrixRow, scaleLegend, topRow } from "../parts/matrix_rows";
import { tip as readOut } from "../parts/tip";
import { component, type ComponentTraits } from "./component";

export interface MatrixTraits extends ComponentTraits {
	rows: string[];
	columns: string[];
	values: Maybe[][];
	low: Maybe[][];
	high: Maybe[][];
	notes: string[][];
	limits: Maybe[];
	scale: Colours;
	percent: boolean;
	row_label: string;
	column_label: string;
	value_label: string;
	selected_rows: string[];
	selected_columns: string[];
	title: string;
	message: string;
}

const flip = (names: readonly string[], name: string): string[] =>
	names.includes(name) ? names.filter((other) => other !== name) : [...names, name];

function render(props: RenderProps<MatrixTraits>): void {
	const view = component(props, "matrix");
	const { root, signal } = view;
	const title = h("h3", { class: "gw-title" });
	const chosen = h("span", { class: "gw-count", role: "status" });
	const clear = h("button", { type: "button", class: "gw-quiet" }, "Clear");
	const head = h("div", { class: "gw-chart-head" }, title, chosen, clear);
	const rows = h("div", { class: "gw-matrix-rows", role: "rowgroup" });
	const top = h("div", { role: "rowgroup", class: "gw-matrix-top" });
	const grid = h("div", { class: "gw-matrix-grid", role: "grid", "aria-multiselectable": "true" }, top, rows);
	const scroller = h("div", { class: "gw-matrix-scroll" }, grid);
	const blank = h("div", { class: "gw-blank" });
	const legend = h("div", { class: "gw-scale" });
	const tip = readOut(root);
	view.body.append(head, scroller, blank, legend, tip.element);

	let width = 0;
	let sizes = matrixLayout(0, [], [], 0, false);
	let active: Cell = { row: 0, column: 0 };
	let plan: MatrixDraw | null = null;
	const built = new Map<number, HTMLElement>(); // the rows on the page

	const signed = (): boolean => view.get("scale") === "diverging";
	const number = (value: Maybe): string => readable(value, view.get("percent"), signed());
	const at = <V>(table: V[][], { row, column }: Cell): V | undefined => table[row]?.[column];
	const details = (cell: Cell): string[] => {
		const [low, high] = [at(view.get("low"), cell), at(view.get("high"), cell)];
		const value = at(view.get("values"), cell);
		return [
			known(value) ? `${number(value)}${view.get("value_label") ? ` ${view.get("value_label")}` : ""}` : "not known",
			known(low) && known(high) ? `between ${number(low)} and ${number(high)}` : "",
			at(view.get("notes"), cell) ?? "",
		].filter(Boolean);
	};
	const corner = (): string[] => {
		const labels = [["column", "→"], ["row", "↓"]] as const;
		return labels.map(([name, arrow]) => (view.get(`${name}_label`) ? `${view.get(`${name}_label`)} ${arrow}` : "")).filter(Boolean);
	};
	const names = ({ row, column }: Cell): string => `${view.get("rows")[row]} × ${view.get("columns")[column]}`;

	const draw = (): void => {
		const [values, limits, colours] = [view.get("values"), view.get("limits"), view.get("scale")];
		const [rowNames, columnNames] = [view.get("rows"), view.get("columns")];
		const empty = rowNames.length === 0 || columnNames.length === 0;
		const write = cellTexts(values, view.get("percent"), signed());
		const letters = Math.max(0, ...values.flat().map((value) => write(value).length));
		sizes = matrixLayout(width, rowNames, columnNames, letters, corner().length > 0);
		active = { row: Math.min(active.row, rowNames.length - 1), column: Math.min(active.column, columnNames.length - 1) };
		plan = {
			rows: rowNames,
			columns: columnNames,
			values,
			range: cellRange(values, limits, colours),
			colours,
			theme: root.dataset.theme === "dark" ? "dark" : "light",
			write: sizes.numbers ? write : () => "",
			say: (cell) => `${names(cell)}: ${details(cell).join("; ")}`,
			chosenRows: new Set(view.get("selected_rows")),
			chosenColumns: new Set(view.get("selected_columns")),
			active,
		};
		scroller.hidden = legend.hidden = empty;
		blank.hidden = !empty;
		setText(title, view.get("title"));
		setText(blank, view.get("message") || "No cells yet.");
		drawChoice();
		legend.replaceChildren(...scaleLegend(plan, view.get("value_label"), view.get("percent")));
		assign(grid, {
			"aria-label": [view.get("title"), view.get("value_label")].filter(Boolean).join(": ") || "Matrix",
			"aria-rowcount": rowNames.length + 1,
			"aria-colcount": columnNames.length + 1,
			style: `--gw-head:${sizes.head}px;--gw-cell:${sizes.cell}px;--gw-top:${sizes.top}px;--gw-columns:${columnNames.length}`,
		});
		grid.classList.toggle("gw-upright", sizes.upright);
		rows.style.height = `${rowNames.length * ROW}px`;
		keepFocus(() => {
			top.replaceChildren(topRow(plan as MatrixDraw, corner()));
			built.clear();
			rows.replaceChildren();
			fillRows();
		});
	};
	const drawChoice = (): void => {
		const [chosenRows, chosenColumns] = [view.get("selected_rows"), view.get("selected_columns")];
		setText(chosen, [chosenRows.join(", "), chosenColumns.join(", ")].filter(Boolean).join(" × "));
		clear.hidden = chosenRows.length + chosenColumns.length === 0;
		chosen.hidden = clear.hidden;
		head.classList.toggle("gw-empty", view.get("title") === "" && clear.hidden);
	};
	/** The rows in view and the one that has the focus. */
	const fillRows = (): void => {
		if (!plan) return;
		const draws = plan;
		const [first, last] = rowsInView(scroller.scrollTop, scroller.clientHeight || 460, draws.rows.length);
		const shown = Array.from({ length: last - first }, (_, i) => first + i);
		if (active.row >= 0 && (active.row < first || active.row >= last)) shown.push(active.row);
		rows.dataset.shown = `${first} ${last} ${active.row}`;
		for (const [row, element] of [...built]) {
			if (shown.includes(row)) continue;
			element.remove();
			built.delete(row);
		}
		for (const row of shown) {
			if (built.has(row)) continue;
			const element = matrixRow(draws, row, row * ROW);
			const next = Math.min(...[...built.keys()].filter((other) => other > row)); // the order of reading
			rows.insertBefore(element, built.get(next) ?? null);
			built.set(row, element);
		}
	};
	const elementOf = ({ row, column }: Cell): HTMLElement | null => grid.querySelector(`[data-row="${row}"][data-column="${column}"]`);
	const cellOf = (event: Event): Cell | null => {
		const element = (event.target as Element).closest<HTMLElement>("[data-row]");
		return element ? { row: Number(element.dataset.row), column: Number(element.dataset.column) } : null;
	};
	const keepFocus = (work: () => void): void => {
		const held = grid.contains((root.getRootNode() as Document | ShadowRoot).activeElement);
		work();
		if (held) elementOf(active)?.focus({ preventScroll: true });
	};
	const redraw = perFrame(draw, signal);

	const read = (cell: Cell | null): void => {
		const element = cell && cell.row >= 0 && cell.column >= 0 ? elementOf(cell) : null;
		for (const name of grid.querySelectorAll<HTMLElement>("[role=columnheader], [role=rowheader]")) {
			const own = name.getAttribute("role") === "rowheader" ? name.dataset.row === String(cell?.row) : name.dataset.column === String(cell?.column);
			name.classList.toggle("gw-at", own);
		}
		if (!cell || !element) return tip.hide();
		const [box, home] = [element.getBoundingClientRect(), scroller.getBoundingClientRect()];
		const lines = details(cell).map((line) => h("div", {}, line));
		tip.show(scroller, box.right - home.left - 8, box.top + box.height / 2 - home.top, [h("strong", {}, names(cell)), ...lines]);
	};
	/** A name switches its row or column; a cell chooses exactly its own row and column, or takes that back. */
	const choose = ({ row, column }: Cell): void => {
		const [rowName, columnName] = [view.get("rows")[row], view.get("columns")[column]];
		const [chosenRows, chosenColumns] = [view.get("selected_rows"), view.get("selected_columns")];
		if (rowName === undefined) view.set({ selected_columns: flip(chosenColumns, columnName as string) });
		else if (columnName === undefined) view.set({ selected_rows: flip(chosenRows, rowName) });
		else {
			const same = chosenRows.length === 1 && chosenRows[0] === rowName && chosenColumns.length === 1 && chosenColumns[0] === columnName;
			view.set({ selected_rows: same ? [] : [rowName], selected_columns: same ? [] : [columnName] });
		}
	};
	const moveTo = (cell: Cell): void => {
		active = cell;
		if (plan) plan = { ...plan, active };
		const left = cell.column * sizes.cell;
		const shownWidth = Math.max(0, scroller.clientWidth - sizes.head);
		if (cell.row >= 0) scroller.scrollTop = scrollInto(cell.row * ROW, ROW, scroller.scrollTop, Math.max(ROW, scroller.clientHeight - sizes.top), 0);
		if (cell.column >= 0) scroller.scrollLeft = scrollInto(left, sizes.cell, scroller.scrollLeft, shownWidth, 0);
		const tabbed = grid.querySelectorAll<HTMLElement>('[tabindex="0"]');
		for (const element of tabbed) element.tabIndex = -1;
		if (!elementOf(cell)) fillRows();
		const element = elementOf(cell);
		if (element) element.tabIndex = 0;
		element?.focus({ preventScroll: true });
	};

	listen(grid, "click", (event) => {
		const cell = cellOf(event);
		if (!cell) return;
		moveTo(cell);
		choose(cell);
	}, signal);
	listen(grid, "keydown", (event) => {
		const to = moveCell(event.key, active, view.get("rows").length, view.get("columns").length, event.ctrlKey || event.metaKey);
		if (to) moveTo(to);
		else if (event.key === "Enter" || event.key === " ") choose(active);
		else if (event.key === "Escape" && !clear.hidden) view.set({ selected_rows: [], selected_columns: [] });
		else return;
		event.preventDefault();
	}, signal);
	listen(grid, "pointerover", (event) => read(cellOf(event)), signal);
	listen(grid, "pointerleave", () => read(null), signal);
	listen(grid, "focusin", (event) => {
		if ((event.target as Element).matches(":focus-visible")) read(cellOf(event));
	}, signal);
	listen(grid, "focusout", () => read(null), signal);
	const refill = perFrame(() => {
		const [first, last] = rowsInView(scroller.scrollTop, scroller.clientHeight || 460, view.get("rows").length);
		if (rows.dataset.shown !== `${first} ${last} ${active.row}`) keepFocus(fillRows);
	}, signal);
	listen(scroller, "scroll", () => {
		tip.hide();
		refill();
	}, signal);
	listen(clear, "click", () => {
		view.set({ selected_rows: [], selected_columns: [] });
		elementOf(active)?.focus();
	}, signal);

	onResize(view.body, (now) => {
		if (Math.floor(now) === width) return;
		width = Math.floor(now);
		draw();
	}, signal);
	view.onTheme(redraw);
	view.watch(["rows", "columns", "values", "low", "high", "notes", "limits", "scale", "percent"], redraw);
	view.watch(["row_label", "column_label", "value_label", "selected_rows", "selected_columns", "title", "message"], redraw);
	draw();
	view.ready();
}

export default { render };
