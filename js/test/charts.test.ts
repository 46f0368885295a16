import { describe, expect, it } from "vitest";
import { cellColours, cellRange, cellTexts, matrixLayout, moveCell, ROW, rowsInView } from "../lib/cells";
import { areaPath, bandPoints, entriesOf, linePath, loneIntervals, lonePoints, nearestPlace, placesOf, pointsOf, readings } from "../lib/curves";
import { dash, pen, SHAPES, shapePath } from "../lib/marks";
import { growBox, keysInside, moveSpot, spotsAt, spotsOf, toggled } from "../lib/points";
import { axisNumbers, innerTicks, linear, logarithmic, logTicks, looseTicks, opened, readable, snug, span, withZero } from "../lib/scale";

const same = (value: number): number => value;

describe("an axis", () => {
	it("spans the known numbers, and a single one gets room", () => {
		expect(span([3, null, Number.NaN, -1, undefined])).toEqual([-1, 3]);
		expect(span([null, Number.POSITIVE_INFINITY])).toBeNull();
		expect(opened([2, 5])).toEqual([2, 5]);
		expect(opened([0, 0])).toEqual([-1, 1]);
		expect(opened([50, 50])).toEqual([45, 55]);
	});
	it("reaches to zero when zero is near", () => {
		expect(withZero([0.2, 1])).toEqual([0, 1]);
		expect(withZero([0.9, 1])).toEqual([0.9, 1]);
		expect(withZero([-1, -0.1])).toEqual([-1, 0]);
		expect(withZero([-1, 1])).toEqual([-1, 1]);
	});
	it("ends at a tick that is near, and just beyond the data otherwise", () => {
		expect(looseTicks([0, 0.72], 264)).toEqual([0, 0.2, 0.4, 0.6, 0.8]);
		expect(snug([0, 0.74], [0, 0.2, 0.4, 0.6, 0.8])).toEqual([0, 0.8]);
		const [low, high] = snug([-0.01, 0.62], [-0.2, 0, 0.2, 0.4, 0.6, 0.8]);
		expect(low).toBeCloseTo(-0.01 - 0.06 * 0.63);
		expect(high).toBeCloseTo(0.62 + 0.06 * 0.63);
	});
	it("writes all its numbers in one style", () => {
		expect(axisNumbers([0, 0.25, 0.5])).toEqual(["0.00", "0.25", "0.50"]);
		expect(axisNumbers([-0.2, 0, 0.2], true)).toEqual(["−20 %", "0 %", "20 %"]);
		expect(axisNumbers([0, 0.0005, 0.001], true)).toEqual(["0.00 %", "0.05 %", "0.10 %"]);
		expect(axisNumbers([0, 500, 1000])).toEqual(["0", "500", "1,000"]);
		expect(axisNumbers([0, 2e6])).toEqual(["0", "2e6"]);
		expect(axisNumbers([0, 2e-5])).toEqual(["0", "2e−5"]);
	});
	it("has as many round ticks as stand beside each other", () => {
		const wide = linear([0, 100], 0, 640);
		const narrow = linear([0, 100], 0, 120);
		expect(innerTicks([0, 100], wide).map((tick) => tick.text)).toEqual(["0", "10", "20", "30", "40", "50", "60", "70", "80", "90", "100"]);
		expect(innerTicks([0, 100], narrow).map((tick) => tick.value)).toEqual([0, 50, 100]);
		expect(innerTicks([0, 500_000], linear([0, 500_000], 0, 100)).map((tick) => tick.text)).toEqual(["0", "500,000"]);
		expect(innerTicks([3, 97], wide).map((tick) => tick.value).every((value) => value >= 3 && value <= 97)).toBe(true);
		expect(innerTicks([0, 3], linear([0, 3], 0, 640), false, true).map((tick) => tick.value)).toEqual([0, 1, 2, 3]);
	});
	it("puts zero apart on a logarithmic scale, where doublings are equally far", () => {
		const at = logarithmic([0, 1, 2, 4, 8], 0, 300);
		expect(at(0)).toBe(0);
		expect(at(1)).toBe(34);
		expect(at(8)).toBeCloseTo(300);
		expect(at(2) - at(1)).toBeCloseTo(at(4) - at(2));
		expect(logTicks([0, 1, 2, 4, 8], at).map((tick) => tick.text)).toEqual(["0", "1", "2", "4", "8"]);
		expect(logarithmic([5], 0, 300)(5)).toBe(150);
	});
	it("ticks powers of ten when there are many values, and leaves out what would overlap", () => {
		const many = Array.from({ length: 1000 }, (_, i) => i + 1);
		expect(logTicks(many, logarithmic(many, 0, 600)).map((tick) => tick.value)).toEqual([1, 2, 5, 10, 20, 50, 100, 200, 500, 1000]);
		expect(logTicks(many, logarithmic(many, 0, 150)).map((tick) => tick.value)).toEqual([1, 10, 100, 1000]);
		const crowded = [1000, 1001, 1002, 2000];
		expect(logTicks(crowded, logarithmic(crowded, 0, 300)).map((tick) => tick.value)).toEqual([1000, 2000]);
	});
	it("reads numbers to three digits", () => {
		expect([0.04217, 1234.5, 7, -0.5, 0.00002, 12.345].map((value) => readable(value))).toEqual(["0.0422", "1,235", "7", "−0.5", "2e−5", "12.3"]);
		expect([0.123, 0.0042, 0, 0.07].map((value) => readable(value, true))).toEqual(["12.3 %", "0.42 %", "0.0 %", "7.0 %"]);
		expect(readable(0.031, true, true)).toBe("+3.1 %");
		expect(readable(null)).toBe("–");
	});
});

describe("marks", () => {
	it("have different shapes and dashes for neighbours", () => {
		expect(new Set(SHAPES.map((_, i) => shapePath(i, 4))).size).toBe(SHAPES.length);
		expect(shapePath(1, 10, 5, 5)).toBe("M-3.8 -3.8L13.8 -3.8L13.8 13.8L-3.8 13.8Z");
		expect([dash(0), dash(1)]).toEqual(["", "7 3"]);
	});
	it("are darker on white and brighter on black", () => {
		expect(pen("#F0E442", false)).toBe("rgb(198 189 61)");
		expect(pen("#0072B2", true)).toBe("rgb(37 133 187)");
	});
});

describe("curves", () => {
	const line = { name: "a", x: [2, 1, 3, 4, null], y: [20, 10, null, 40, 50], low: [18, 9, null, 39, 1], high: [22, 11, null, 41, 1] };
	it("run from left to right and break where nothing is known", () => {
		const points = pointsOf(line.x, line.y, line.low, line.high);
		expect(points.map((point) => point.x)).toEqual([1, 2, 3, 4]);
		expect(linePath(points, same, same)).toBe("M1 10L2 20M4 40");
		expect(areaPath(points, same, same)).toBe("M1 11L2 22L2 18L1 9Z");
		expect(lonePoints(points).map((point) => point.x)).toEqual([4]);
		expect(loneIntervals(points).map((point) => point.x)).toEqual([4]);
	});
	it("are grouped into entries with one colour each", () => {
		const entries = entriesOf([{ ...line, group: "g" }, { ...line, name: "b", color: "#123456" }, { ...line, name: "c", group: "g" }]);
		expect(entries.map(({ name, colour, lines }) => [name, colour, lines.length])).toEqual([["g", "#0072B2", 2], ["b", "#123456", 1]]);
	});
	it("are read at the places that exist, from the highest down", () => {
		const entries = entriesOf([line, { name: "b", x: [1, 2], y: [11, 5] }]);
		const places = placesOf(entries.flatMap((entry) => entry.lines.flatMap(({ points }) => points)));
		expect(places).toEqual([1, 2, 4]); // nothing is drawn at 3
		expect(nearestPlace(places, (x) => x * 10, 24)).toBe(1);
		expect(nearestPlace([], same, 3)).toBe(-1);
		expect(readings(entries, 1).map(({ name }) => name)).toEqual(["b", "a"]);
		expect(readings(entries, 3)).toEqual([]);
	});
	it("say their median and range when they are a crowd", () => {
		const crowd = Array.from({ length: 10 }, (_, i) => ({ name: `r${i}`, group: "random", x: [0], y: [i] }));
		const [reading, ...rest] = readings(entriesOf(crowd), 0);
		expect(rest).toEqual([]);
		expect([reading?.name, reading?.point]).toEqual(["random, median of 10", { x: 0, y: 4.5, low: 0, high: 9 }]);
	});
	it("have a band only where it is known", () => {
		expect(bandPoints({})).toEqual([]);
		expect(bandPoints({ x: [1], low: [0], high: [2] })).toEqual([{ x: 1, y: undefined, low: 0, high: 2 }]);
	});
});

describe("points", () => {
	const spots = spotsOf([{ x: 0, y: 0 }, { x: 5, y: 9, key: "k" }, { x: 3, y: 4 }, { x: null, y: 1 }], (x) => x * 10, (y) => 100 - y * 10);
	it("have a place and a key", () => {
		expect(spots.map(({ key, x, y }) => [key, x, y])).toEqual([[0, 0, 100], ["k", 50, 10], [2, 30, 60]]);
	});
	it("are found near a place, the nearest first", () => {
		expect(spotsAt(spots, 31, 61, 10).map(({ key }) => key)).toEqual([2]);
		expect(spotsAt(spots, 30, 60, 60).map(({ key }) => key)).toEqual([2, 0, "k"]);
		expect(spotsAt(spots, 80, 80, 5)).toEqual([]);
		expect(spotsAt(spots, 39, 69, 10)).toEqual([]); // near in x and near in y, but not near
	});
	it("are in a box whichever way it was drawn", () => {
		expect(keysInside(spots, { x0: 60, y0: 70, x1: 20, y1: 0 })).toEqual(["k", 2]);
	});
	it("are walked through by x and by y", () => {
		expect(moveSpot("ArrowRight", spots, 0)?.key).toBe(2);
		expect(moveSpot("ArrowUp", spots, 2)?.key).toBe("k");
		expect(moveSpot("ArrowUp", spots, 1)?.key).toBe("k");
		expect(moveSpot("End", spots, 0)?.key).toBe("k");
		expect(moveSpot("x", spots, 0)).toBeNull();
		expect(moveSpot("ArrowLeft", [], 0)).toBeNull();
	});
	it("are boxed with keys, inside the drawing area", () => {
		const limits = { x0: 0, y0: 0, x1: 100, y1: 100 };
		expect(growBox("ArrowRight", { x0: 50, y0: 50, x1: 50, y1: 50 }, 20, limits)).toEqual({ x0: 50, y0: 50, x1: 70, y1: 50 });
		expect(growBox("ArrowUp", { x0: 50, y0: 50, x1: 50, y1: 10 }, 20, limits)?.y1).toBe(0);
		expect(growBox("Enter", limits, 20, limits)).toBeNull();
	});
	it("go in and out of a selection", () => {
		expect(toggled(toggled([1], "k"), 1)).toEqual(["k"]);
	});
});

describe("cells", () => {
	it("span their values; diverging colours are symmetric, limits are kept", () => {
		const values = [[0.1, null], [0.4, 0.2]];
		expect(cellRange(values, [], "sequential")).toEqual([0, 0.4]);
		expect(cellRange([[-0.1, 0.4]], [], "diverging")).toEqual([-0.4, 0.4]);
		expect(cellRange(values, [null, 1], "sequential")).toEqual([0, 1]);
		expect(cellRange([[null]], [], "diverging")).toEqual([-1, 1]);
		expect(cellRange([[7, 7]], [], "sequential")).toEqual([6.3, 7.7]);
	});
	it("have text that can be read on their colour", () => {
		expect(cellColours(0, [0, 1], "sequential", "light")).toEqual({ fill: "rgb(68 1 84)", ink: "#ffffff" });
		expect(cellColours(1, [0, 1], "sequential", "light").ink).toBe("#101216");
		expect(cellColours(0, [-1, 1], "diverging", "light").fill).toBe("rgb(246 246 247)");
		expect(cellColours(-5, [-1, 1], "diverging", "light").fill).toBe("rgb(213 94 0)");
		for (const theme of ["light", "dark"] as const) {
			for (const colours of ["sequential", "diverging"] as const) {
				for (let i = 0; i <= 20; i++) expect(contrast(cellColours(i / 10 - 1, [-1, 1], colours, theme))).toBeGreaterThan(4);
			}
		}
	});
	it("are written with one number of decimals", () => {
		expect([0.031, -0.004, null, 0].map(cellTexts([[0.031, -0.004]], true, true))).toEqual(["+3.1", "−0.4", "", "0.0"]);
		expect([3, 12].map(cellTexts([[3, 12]], false, false))).toEqual(["3", "12"]);
		expect([0.051].map(cellTexts([[0.051]], false, false))).toEqual(["0.051"]);
		expect([0.5].map(cellTexts([[0.5, 0.25]], false, false))).toEqual(["0.50"]);
	});
	it("fill the width, and scroll rather than shrink", () => {
		const columns = ["sky", "tree"];
		expect(matrixLayout(600, ["wall"], columns, 4, false)).toMatchObject({ cell: 56, upright: false, numbers: true, top: ROW });
		const many = matrixLayout(300, ["a long name of a row indeed"], Array.from({ length: 40 }, () => "mountain"), 4, true);
		expect(many).toMatchObject({ cell: 26, upright: true, numbers: false, head: 102 });
	});
	it("are on the page only near what is in view", () => {
		expect(rowsInView(0, 460, 1000)).toEqual([0, 24]);
		expect(rowsInView(ROW * 500, 460, 1000)).toEqual([494, 524]);
		expect(rowsInView(0, 460, 3)).toEqual([0, 3]);
	});
	it("are walked through with headers, never into the empty corner", () => {
		expect(moveCell("ArrowUp", { row: 0, column: 2 }, 5, 5, false)).toEqual({ row: -1, column: 2 });
		expect(moveCell("ArrowLeft", { row: -1, column: 0 }, 5, 5, false)).toEqual({ row: -1, column: 0 });
		expect(moveCell("PageDown", { row: 1, column: 0 }, 5, 5, false)).toEqual({ row: 4, column: 0 });
		expect(moveCell("End", { row: 1, column: 0 }, 5, 7, true)).toEqual({ row: 4, column: 6 });
		expect(moveCell("a", { row: 1, column: 0 }, 5, 7, true)).toBeNull();
	});
});

function contrast({ fill, ink }: { fill: string; ink: string }): number {
	const light = (channels: number[]): number => {
		const [r, g, b] = channels.map((channel) => (channel / 255 <= 0.04045 ? channel / 255 / 12.92 : ((channel / 255 + 0.055) / 1.055) ** 2.4)) as [number, number, number];
		return 0.2126 * r + 0.7152 * g + 0.0722 * b;
	};
	const hex = [1, 3, 5].map((i) => Number.parseInt(ink.slice(i, i + 2), 16));
	const [a, b] = [light((fill.match(/\d+/g) ?? []).map(Number)), light(hex)].sort((x, y) => y - x) as [number, number];
	return (a + 0.05) / (b + 0.05);
}
