import { describe, expect, it, vi } from "vitest";
import { columnLayout, columnsFit, extent, fitLabel, grouped, ticks } from "../lib/bars";
import { CATEGORY_COLOURS, categoryColour, groupOrder, isDark, viridis } from "../lib/colour";
import { count, doneOf, lossOrGain, plural, ratio, remaining, short, signedPercent } from "../lib/format";
import { cardBox, cardsInRect, gridLayout, moveBy, scrollInto, visibleRows } from "../lib/geometry";
import { dimming, outline, redChannel } from "../lib/outline";
import { tokens } from "../lib/python";
import { stream } from "../lib/stream";

describe("numbers", () => {
	it("write what is known and a dash for the rest", () => {
		expect(ratio(0.2371)).toBe("0.24");
		expect(ratio(null)).toBe("–");
		expect(ratio(Number.NaN)).toBe("–");
		expect(count(12345)).toBe("12,345");
		expect(plural(1, "unit")).toBe("1 unit");
		expect(plural(2048, "unit")).toBe("2,048 units");
		expect(short(1200)).toBe("1,200");
		expect(short(-0.25)).toBe("−0.25");
		expect(short(12.34)).toBe("12.3");
	});
	it("carry a sign as text when they are gains and losses", () => {
		expect(signedPercent(0.032)).toBe("+3.2 %");
		expect(signedPercent(-0.004)).toBe("−0.40 %");
		expect(signedPercent(-0.0001)).toBe("−0.010 %");
		expect(signedPercent(0.0000001)).toBe("<0.001 %");
		expect(signedPercent(0)).toBe("0 %");
		expect(signedPercent(undefined)).toBe("–");
	});
	it("say what is lost or gained", () => {
		expect([0.005, -0.032, 0, null].map(lossOrGain)).toEqual(["loses 0.50 %", "gains 3.2 %", "changes nothing", ""]);
	});
	it("say how long it takes and how far it is", () => {
		expect(remaining(12.3)).toBe("about 12 s left");
		expect(remaining(0.2)).toBe("about 1 s left");
		expect(remaining(200)).toBe("about 3 min left");
		expect(remaining(7200)).toBe("about 2.0 h left");
		expect(remaining(-1)).toBe("");
		expect(doneOf(640, 1000)).toBe("640 of 1,000 images");
		expect(doneOf(1, 0)).toBe("1 image");
		expect(doneOf(30, 150, "step")).toBe("30 of 150 steps");
	});
});

describe("grid geometry", () => {
	const grid = gridLayout({ width: 416, count: 10, minCard: 190, cardHeight: () => 100 }); // two columns of 196
	it("fits as many columns as there is room for, and one when there is none", () => {
		expect([grid.columns, grid.rows, grid.card.width, grid.height]).toEqual([2, 5, 196, 2 * 8 + 5 * 100 + 4 * 8]);
		expect(gridLayout({ width: 100, count: 3, minCard: 190, cardHeight: () => 10 }).columns).toBe(1);
		expect(gridLayout({ width: 416, count: 0, minCard: 190, cardHeight: () => 10 }).rows).toBe(0);
	});
	it("places cards", () => {
		expect(cardBox(grid, 3)).toEqual({ x: 8 + 196 + 8, y: 8 + 108, width: 196, height: 100 });
	});
	it("keeps only the rows in view", () => {
		expect(visibleRows(grid, 0, 100, 0)).toEqual([0, 1]);
		expect(visibleRows(grid, 250, 100, 0)).toEqual([2, 4]);
		expect(visibleRows(grid, 0, 100, 2)).toEqual([0, 3]);
		const many = gridLayout({ width: 416, count: 2048, minCard: 190, cardHeight: () => 100 });
		const [first, last] = visibleRows(many, 50_000, 480, 2);
		expect((last - first) * many.columns).toBeLessThan(24);
		expect(visibleRows(gridLayout({ width: 416, count: 0, minCard: 190, cardHeight: () => 10 }), 0, 480)).toEqual([0, 0]);
	});
	it("finds the cards that a rectangle touches, drawn in any direction", () => {
		expect(cardsInRect(grid, 10, 10, 20, 20)).toEqual([0]);
		expect(cardsInRect(grid, 300, 150, 100, 50)).toEqual([0, 1, 2, 3]);
		expect(cardsInRect(grid, 205, 0, 207, 600)).toEqual([]); // the gap between the columns
	});
	it("moves with the keys", () => {
		expect(moveBy("ArrowRight", 1, 2, 10, 2)).toBe(2);
		expect(moveBy("ArrowLeft", 0, 2, 10, 2)).toBe(0);
		expect(moveBy("ArrowDown", 8, 2, 10, 2)).toBe(8);
		expect(moveBy("ArrowDown", 1, 2, 10, 2)).toBe(3);
		expect(moveBy("ArrowUp", 1, 2, 10, 2)).toBe(1);
		expect(moveBy("PageDown", 1, 2, 10, 2)).toBe(5);
		expect(moveBy("PageUp", 3, 2, 10, 2)).toBe(1);
		expect(moveBy("End", 0, 2, 10, 2)).toBe(9);
		expect(moveBy("x", 0, 2, 10, 2)).toBeNull();
		expect(moveBy("ArrowRight", 0, 2, 0, 2)).toBeNull();
	});
	it("scrolls only when a card is out of view", () => {
		expect(scrollInto(100, 50, 0, 400)).toBe(0);
		expect(scrollInto(380, 50, 0, 400)).toBe(380 + 50 + 8 - 400);
		expect(scrollInto(20, 50, 200, 400)).toBe(12);
	});
});

describe("bars", () => {
	const bars = [
		{ key: "wall", group: "part", value: 4 },
		{ key: "tree", group: "object", value: 9, chance: 12 },
		{ key: "sky", group: "object", value: null },
	];
	it("are grouped in the given order, unknown groups last", () => {
		expect(grouped(bars, ["object"]).map((group) => [group.name, group.bars.map((bar) => bar.key)])).toEqual([
			["object", ["tree", "sky"]],
			["part", ["wall"]],
		]);
	});
	it("have round ticks that reach beyond the largest", () => {
		expect(ticks(0, 17, 4)).toEqual([0, 5, 10, 15, 20]);
		expect(ticks(0, 1, 4, true)).toEqual([0, 1]);
		expect(ticks(0, 0.3, 3)).toEqual([0, 0.1, 0.2, 0.3]);
		expect(ticks(0, 0, 3)).toEqual([0]);
	});
	it("reach as far as values, intervals and marks; signed ones equally to both sides", () => {
		expect(extent(bars, false)).toEqual([0, 12]);
		expect(extent([{ key: "a", value: -0.02, low: -0.05 }], true)).toEqual([-0.05, 0.05]);
		expect(extent([], false)).toEqual([0, 1]);
		expect(extent([{ key: "a", value: 0.0001 }], true)).toEqual([-0.005, 0.005]);
	});
	it("stand side by side with groups apart, and say when they do not fit", () => {
		const layout = columnLayout(grouped(bars, ["object", "part"]), 200, 15, 40, 10);
		expect(layout.columns.map(({ bar }) => bar.key)).toEqual(["tree", "sky", "wall"]);
		expect(layout.groups).toEqual([
			{ name: "object", x: 0, width: 80 },
			{ name: "part", x: 90, width: 40 },
		]);
		expect(columnsFit(grouped(bars, []), 60)).toBe(true);
		expect(columnsFit(grouped(bars, []), 50)).toBe(false);
	});
	it("have labels that are cut with an ellipsis", () => {
		expect(fitLabel("lit window", 100)).toBe("lit window");
		expect(fitLabel("lit window", 42)).toBe("lit wi…");
	});
});

describe("colours", () => {
	it("follow the order of the groups, and repeat after eight", () => {
		expect(categoryColour("part", ["object", "part"])).toBe(CATEGORY_COLOURS[1]);
		expect(categoryColour("else", ["object"])).toBe(CATEGORY_COLOURS.at(-1));
		expect(groupOrder([], ["part", "", "object", "part"])).toEqual(["object", "part"]);
		expect(groupOrder(["part", "object"], [])).toEqual(["part", "object"]);
	});
	it("of the scale run from dark violet to yellow", () => {
		expect(viridis(0)).toBe("rgb(68 1 84)");
		expect(viridis(1)).toBe("rgb(253 231 37)");
		expect(viridis(5)).toBe(viridis(1));
	});
	it("are known to be dark or light", () => {
		expect(isDark("rgb(33, 33, 33)")).toBe(true);
		expect(isDark("rgb(255 255 255)")).toBe(false);
		expect(isDark("rgba(0, 0, 0, 0)")).toBeNull();
		expect(isDark("")).toBeNull();
	});
});

describe("outlines", () => {
	it("go once around a pixel, with cut corners", () => {
		const [loop, ...rest] = outline([255], 1, 1);
		expect(rest).toEqual([]);
		const points = new Set(Array.from({ length: 4 }, (_, i) => `${loop?.[2 * i]},${loop?.[2 * i + 1]}`));
		expect(points).toEqual(new Set(["0.5,0", "1,0.5", "0.5,1", "0,0.5"]));
	});
	it("enclose the area of the region: a full mask up to its corners", () => {
		const [loop] = outline(new Uint8Array(16 * 16).fill(255), 16, 16);
		expect(area(loop as number[])).toBeCloseTo(256 - 4 * 0.125);
		expect(loop).toHaveLength(16); // straight lines have no points between their ends
	});
	it("are one per region, and holes have their own", () => {
		const ring = [1, 1, 1, 1, 0, 1, 1, 1, 1].map((value) => value * 255);
		expect(outline(ring, 3, 3)).toHaveLength(2);
		const apart = [255, 0, 0, 0, 255];
		expect(outline(apart, 5, 1)).toHaveLength(2);
		const diagonal = [255, 0, 0, 255];
		expect(outline(diagonal, 2, 2)).toHaveLength(2);
		expect(outline([0, 0, 0, 0], 2, 2)).toEqual([]);
	});
	it("leave the inside clear and darken the rest", () => {
		expect([...dimming([255, 0], 100)]).toEqual([0, 0, 0, 0, 0, 0, 0, 100]);
		expect([...redChannel(new Uint8ClampedArray([9, 1, 1, 1, 200, 1, 1, 1]))]).toEqual([9, 200]);
	});
});

function area(loop: number[]): number {
	let sum = 0;
	for (let i = 0; i < loop.length; i += 2) {
		const [x, y] = [loop[i] as number, loop[i + 1] as number];
		const [nextX, nextY] = [loop[(i + 2) % loop.length] as number, loop[(i + 3) % loop.length] as number];
		sum += x * nextY - nextX * y;
	}
	return Math.abs(sum) / 2;
}

describe("a stream of values", () => {
	it("sends the newest once a frame, and the last one at once", () => {
		const send = vi.fn();
		const frames: (() => void)[] = [];
		const values = stream<number>(send, (work) => () => void frames.push(work));
		values.push(1);
		values.push(2);
		expect(values.idle).toBe(false);
		expect(send).not.toHaveBeenCalled();
		frames.forEach((frame) => frame());
		expect(send.mock.calls).toEqual([[2]]);
		values.push(3);
		values.end(4);
		frames.forEach((frame) => frame());
		expect(send.mock.calls).toEqual([[2], [4]]);
		expect(values.idle).toBe(true);
	});
});

describe("Python words", () => {
	it("are marked without losing a letter", () => {
		const code = 'import x  # "not" a string\ny = f("a\\"b", 1.5e3, None)\n';
		expect(tokens(code).map((token) => token.text).join("")).toBe(code);
		expect(tokens(code).filter((token) => token.kind).map((token) => [token.kind, token.text])).toEqual([
			["word", "import"],
			["comment", '# "not" a string'],
			["string", '"a\\"b"'],
			["number", "1.5e3"],
			["word", "None"],
		]);
	});
});
