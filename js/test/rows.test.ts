import { describe, expect, it } from "vitest";
import { categories, filterRows, sortRows, toRows, UNLABELLED } from "../lib/rows";
import { all, ascending, EMPTY, only, range, rectangle, toggle } from "../lib/selection";
import { someRows } from "./harness";

const rows = toRows(someRows().rows as never);
const units = (found: readonly { unit: number }[]): number[] => found.map((row) => row.unit);
const none = { query: "", category: "", concepts: [] };

describe("rows", () => {
	it("are made of columns; what is missing is unknown, not zero", () => {
		expect(rows[4]).toEqual({ unit: 4, label: "", category: "", iou: null, chance: null, low: null, high: null, effect: null, above: null, labelled: false, status: "dead" });
		expect(toRows({ unit: [7], label: ["tree"] })[0]).toMatchObject({ unit: 7, labelled: true, status: "ok", iou: null });
		expect(toRows({})).toEqual([]);
	});
	it("sort by IoU, concept, unit and effect; unknown and unlabelled last", () => {
		expect(units(sortRows(rows, "iou"))).toEqual([1, 2, 0, 3, 4]);
		expect(units(sortRows(rows, "label"))).toEqual([1, 2, 0, 3, 4]);
		expect(units(sortRows([...rows].reverse(), "unit"))).toEqual([0, 1, 2, 3, 4]);
		const effects = toRows({ unit: [0, 1, 2], effect: [null, -0.1, 0.2] });
		expect(units(sortRows(effects, "effect"))).toEqual([2, 1, 0]);
	});
	it("pass filters for concepts and categories only with an accepted label", () => {
		expect(units(filterRows(rows, { ...none, concepts: ["tree", "door"] }))).toEqual([0, 2]);
		expect(units(filterRows(rows, { ...none, category: "part" }))).toEqual([]);
		expect(units(filterRows(rows, { ...none, category: "object" }))).toEqual([0, 1, 2]);
		expect(units(filterRows(rows, { ...none, category: UNLABELLED }))).toEqual([3, 4]);
		expect(categories(rows)).toEqual(["object"]);
	});
	it("pass a text filter by concept, category, number, range and status", () => {
		const found = (query: string): number[] => units(filterRows(rows, { ...none, query }));
		expect(found("TRE")).toEqual([0, 2]);
		expect(found("object sky")).toEqual([1]);
		expect(found("2")).toEqual([2]);
		expect(found("1-3")).toEqual([1, 2, 3]);
		expect(found("unlab")).toEqual([3, 4]);
		expect(found("dead")).toEqual([4]);
		expect(found("  ")).toEqual([0, 1, 2, 3, 4]);
	});
});

describe("a selection", () => {
	const order = [5, 3, 9, 1];
	it("is one unit after a click, and none after a second one", () => {
		const one = only({ units: new Set([1, 2]), anchor: null }, 3);
		expect(ascending(one)).toEqual([3]);
		expect(ascending(only(one, 3))).toEqual([]);
	});
	it("gains and loses units with Ctrl", () => {
		const two = toggle(toggle(EMPTY, 9), 1);
		expect(ascending(two)).toEqual([1, 9]);
		expect(ascending(toggle(two, 9))).toEqual([1]);
	});
	it("stretches from the anchor in the shown order with Shift", () => {
		const start = only(EMPTY, 3);
		expect(ascending(range(start, 1, order))).toEqual([1, 3, 9]);
		expect(ascending(range(range(start, 1, order), 5, order))).toEqual([3, 5]); // the anchor stays
		expect(ascending(range({ units: new Set([7]), anchor: 3 }, 9, order, true))).toEqual([3, 7, 9]);
		expect(ascending(range(EMPTY, 9, order))).toEqual([9]);
		expect(ascending(range({ units: new Set(), anchor: 4 }, 9, order))).toEqual([9]); // the anchor is hidden
		expect(range(start, 77, order)).toBe(start);
	});
	it("is what a rectangle covers, added to the old one or not", () => {
		const before = { units: new Set([2]), anchor: 2 };
		expect(ascending(rectangle(before, [5, 3], false))).toEqual([3, 5]);
		expect(ascending(rectangle(before, [5, 3], true))).toEqual([2, 3, 5]);
		expect(ascending(rectangle(before, [], false))).toEqual([]);
	});
	it("of all that is shown keeps what is hidden", () => {
		expect(ascending(all({ units: new Set([2]), anchor: null }, order))).toEqual([1, 2, 3, 5, 9]);
	});
});
