import { describe, expect, it } from "vitest";
import matrix from "../views/matrix";
import { click, givePageASize, mount, press } from "./harness";

givePageASize();

const traits = (): Record<string, unknown> => ({
	rows: ["sky", "wall"],
	columns: ["door", "tree", "path"],
	values: [[-0.02, 0.01, null], [0.08, 0, 0.004]],
	low: [[-0.03, 0, null], [0.06, -0.01, 0]],
	high: [[-0.01, 0.02, null], [0.1, 0.01, 0.01]],
	notes: [["n = 12", "", ""], ["n = 40", "", ""]],
	limits: [],
	scale: "diverging",
	percent: true,
	row_label: "before",
	column_label: "gains",
	value_label: "change",
	selected_rows: [],
	selected_columns: [],
	title: "Context",
	message: "",
});
const at = (row: number, column: number): string => `[data-row="${row}"][data-column="${column}"]`;

describe("the matrix", () => {
	it("is a grid of named rows and columns with a number in each known cell", async () => {
		const { all, one } = await mount(matrix, traits());
		expect(all("[role=columnheader]").map((name) => name.textContent)).toEqual(["door", "tree", "path"]);
		expect(all("[role=rowheader]").map((name) => name.textContent)).toEqual(["sky", "wall"]);
		expect(all("[role=gridcell]").map((cell) => cell.textContent)).toEqual(["−2.0", "+1.0", "", "+8.0", "0.0", "+0.4"]);
		expect(one(at(1, 0)).style.background).toBe("rgb(0 114 178)");
		expect(one(at(0, 2)).classList.contains("gw-null")).toBe(true);
		expect(one(".gw-scale").textContent).toBe("change−8.0 %+8.0 %not known");
		expect([one("[role=grid]").getAttribute("aria-rowcount"), one("[role=grid]").getAttribute("aria-colcount")]).toEqual(["3", "4"]);
		expect(one(".gw-corner").textContent).toBe("gains →before ↓");
	});
	it("reads out a cell with its interval and its note", async () => {
		const { one } = await mount(matrix, traits());
		one(at(1, 0)).dispatchEvent(new Event("pointerover", { bubbles: true }));
		expect(one(".gw-tip").textContent).toBe("wall × door+8.0 % changebetween +6.0 % and +10.0 %n = 40");
		expect(one(at(1, -1)).classList.contains("gw-at")).toBe(true);
		expect(one(at(0, 2)).getAttribute("aria-label")).toBe("sky × path: not known");
		one("[role=grid]").dispatchEvent(new Event("pointerleave"));
		expect(one(".gw-tip").hidden).toBe(true);
	});
	it("chooses a row, a column, or a cell, and clears", async () => {
		const { model, one, settle } = await mount(matrix, traits());
		click(one(at(1, -1)));
		click(one(at(-1, 2)));
		click(one(at(-1, 0)));
		await settle();
		expect([model.get("selected_rows"), model.get("selected_columns")]).toEqual([["wall"], ["path", "door"]]);
		expect(one(at(-1, 0)).textContent).toBe("door✓");
		expect(one(at(1, 0)).getAttribute("aria-selected")).toBe("true");
		expect(one(".gw-count").textContent).toBe("wall × path, door");
		click(one(at(0, 1)));
		expect([model.get("selected_rows"), model.get("selected_columns")]).toEqual([["sky"], ["tree"]]);
		click(one(at(0, 1)));
		expect([model.get("selected_rows"), model.get("selected_columns")]).toEqual([[], []]);
		click(one(at(1, 0)));
		await settle();
		click(one(".gw-chart-head button"));
		expect(model.get("selected_rows")).toEqual([]);
	});
	it("is walked through with the keys; one element at a time can be reached with Tab", async () => {
		const { model, all, one } = await mount(matrix, traits());
		const here = (): HTMLElement => document.activeElement as HTMLElement;
		one(at(0, 0)).focus();
		press(here(), "ArrowRight");
		press(here(), "ArrowDown");
		expect(here().getAttribute("aria-label")).toBe("wall × tree: 0.0 % change; between −1.0 % and +1.0 %");
		expect(all('[tabindex="0"]').filter((element) => element.dataset.row)).toEqual([here()]);
		press(here(), "ArrowUp");
		press(here(), "ArrowUp");
		expect(here().getAttribute("role")).toBe("columnheader");
		press(here(), " ");
		expect(model.get("selected_columns")).toEqual(["tree"]);
		press(here(), "ArrowDown");
		press(here(), "Home");
		press(here(), "ArrowLeft");
		press(here(), "Enter");
		expect(model.get("selected_rows")).toEqual(["sky"]);
	});
	it("gives back everything with Escape and keeps the focus while it draws again", async () => {
		const { model, one, settle } = await mount(matrix, { ...traits(), selected_rows: ["sky"] });
		one(at(0, 0)).focus();
		press(one(at(0, 0)), "Escape");
		await settle();
		expect(model.get("selected_rows")).toEqual([]);
		model.set("values", [[1, 2, 3], [4, 5, 6]]);
		await settle();
		expect(document.activeElement).toBe(one(at(0, 0)));
		expect(one(at(0, 0)).textContent).toBe("+100");
	});
	it("holds only the rows near the view, and brings in the one the keys go to", async () => {
		const rows = Array.from({ length: 500 }, (_, i) => `unit ${i}`);
		const { all, one, settle } = await mount(matrix, { ...traits(), rows, values: rows.map((_, i) => [i, i, i]), low: [], high: [], notes: [] });
		expect(all("[role=rowheader]").length).toBeLessThan(40);
		one(at(0, 0)).focus();
		press(one(at(0, 0)), "End", { ctrlKey: true });
		expect((document.activeElement as HTMLElement).dataset).toMatchObject({ row: "499", column: "2" });
		expect(one(".gw-matrix-rows").style.height).toBe("13000px");
		press(document.activeElement as Element, "PageUp");
		const scroller = one(".gw-matrix-scroll");
		scroller.scrollTop = 26 * 100;
		scroller.dispatchEvent(new Event("scroll"));
		await settle();
		const shown = all("[role=row]").map((row) => Number(row.getAttribute("aria-rowindex")));
		expect(shown).toEqual([...shown].sort((a, b) => a - b));
		expect([shown.includes(102), shown.includes(2), shown.at(-1)]).toEqual([true, false, 491]); // the last has the focus
	});
	it("says when there is nothing, survives tables that do not fit, and shows strings as text", async () => {
		const empty = await mount(matrix, { ...traits(), rows: [], columns: [], values: [], message: "Insert first." });
		expect(empty.one(".gw-blank").textContent).toBe("Insert first.");
		const short = await mount(matrix, { ...traits(), rows: ["<b>x</b>", "wall"], values: [[1]], low: [], high: [], notes: [] });
		expect(short.all(".gw-null").length).toBeGreaterThanOrEqual(5);
		expect(short.one(at(0, -1)).textContent).toBe("<b>x</b>");
	});
});
