import { describe, expect, it } from "vitest";
import { amountText, areaLayout, changeText, halves, powers, times } from "../lib/areas";
import areaBars from "../views/area_bars";
import { click, givePageASize, mount, press } from "./harness";

givePageASize();

const traits = (): Record<string, unknown> => ({
	bars: [
		{ key: "sky", area: 40, other: 41, change: 0.025, low: -0.01, high: 0.06, group: "object" },
		{ key: "tree", area: 5, other: 0, change: -1, low: -1, high: -0.99, group: "object", verdict: "less" },
		{ key: "dome", area: 0.5, other: 2.1, change: 3.2, low: 0.5, high: 5, group: "part", verdict: "more" },
	],
	selected: "",
	names: ["data", "generated"],
	area_range: [0.01, 50],
	change_range: [-1, 1.1],
	area_label: "area",
	change_label: "relative change",
	title: "What is drawn",
	subtitle: "",
	note: "",
	message: "",
});
const height = (element: Element | undefined): number => Number(element?.getAttribute("height"));

describe("where things are", () => {
	const bars = [{ key: "a", area: 1 }, { key: "b", area: 10 }];
	const layout = areaLayout(bars, 400, [0.01, 100], [-1, 1]);
	it("puts powers of ten at equal distances, and what is beyond at the end", () => {
		expect(powers([0.01, 50])).toEqual([0.01, 0.1, 1, 10]);
		const steps = [0.01, 0.1, 1, 10, 100].map(layout.area);
		for (let i = 1; i < steps.length; i++) expect((steps[i - 1] as number) - (steps[i] as number)).toBeCloseTo(24);
		expect(layout.area(0)).toBe(layout.area(0.01));
		expect(layout.area(1000)).toBe(layout.area(100));
	});
	it("puts no change in the middle of a symmetric axis, and ends beyond it", () => {
		expect(halves([-1, 1.1])).toEqual([-1, -0.5, 0, 0.5, 1]);
		expect(halves([-1, 9])).toEqual([0, 2, 4, 6, 8]);
		expect(layout.change(0)).toBeCloseTo((layout.lower[0] + layout.lower[1]) / 2);
		expect(layout.change(7)).toBe(layout.lower[0]);
	});
	it("scrolls when columns would be too narrow to hit", () => {
		expect(layout.width).toBe(400);
		const many = Array.from({ length: 30 }, (_, i) => ({ key: String(i), area: 1 }));
		expect(areaLayout(many, 400, [0.01, 100], [-1, 1]).width).toBe(688);
	});
	it("writes amounts and changes", () => {
		expect([0.5, -0.934, 0.001, 12, null].map(changeText)).toEqual(["+50 %", "−93 %", "0 %", "×13", "–"]);
		expect(times(3.2, 20)).toBe("×4");
		expect([3.2, 12, 5000].map((change) => times(change))).toEqual(["×4.2", "×13", "×1000+"]);
		expect([40, 5, 0.5, 0.0412, 0, 0.0001, null].map(amountText)).toEqual(["40.0 %", "5.00 %", "0.50 %", "0.041 %", "0 %", "<0.001 %", "–"]);
	});
});

describe("area bars", () => {
	it("draws a bar, a line and a change per name, with words for those who do not see them", async () => {
		const { all, one } = await mount(areaBars, traits());
		expect(all("[role=option]").map((option) => option.dataset.key)).toEqual(["sky", "tree", "dome"]);
		expect(all("[role=option]")[1]?.getAttribute("aria-label")).toBe(
			"tree, object: data 5.00 %; generated 0 %; change −100 % (−100 % to −99 %); less than chance explains",
		);
		const bars = all(".gw-area-bar");
		expect(height(bars[0])).toBeGreaterThan(height(bars[1]));
		expect(height(bars[1])).toBeGreaterThan(height(bars[2]));
		expect(all(".gw-area-other")).toHaveLength(3);
		expect(all(".gw-area-label").map((label) => label.textContent)).toEqual(["sky", "▾ tree", "▴ dome"]);
		expect(one(".gw-area-legend").textContent).toBe("datageneratedless or more than chance explainsmay be chance");
	});
	it("shows what may be chance as such, and writes what lies beyond the axes", async () => {
		const { all } = await mount(areaBars, traits());
		expect(all(".gw-area-change").map((bar) => bar.classList.contains("gw-unsure"))).toEqual([true, false, false]);
		expect(all(".gw-area-change").map((bar) => bar.classList.contains("gw-less"))).toEqual([false, true, false]);
		expect(all(".gw-area-beyond").map((text) => text.textContent)).toEqual(["0", "×4.2"]);
		const whisker = all(".gw-area-whisker").map((path) => (path.getAttribute("d") as string).split("h6").length - 1);
		expect(whisker).toEqual([2, 2, 1]); // the end beyond the axis has no cap
	});
	it("chooses one column by click and key, and takes it back", async () => {
		const { model, all, one, settle } = await mount(areaBars, traits());
		click(all("[role=option]")[1] as Element);
		await settle();
		expect(model.get("selected")).toBe("tree");
		expect(all('[aria-selected="true"]').map((option) => option.dataset.key)).toEqual(["tree"]);
		expect(all(".gw-area-label")[1]?.textContent).toBe("▾ tree");
		press(one('[role=option][tabindex="0"]'), "ArrowRight");
		press(one('[role=option][tabindex="0"]'), "Enter");
		await settle();
		expect(model.get("selected")).toBe("dome");
		press(one('[role=option][tabindex="0"]'), "Enter");
		expect(model.get("selected")).toBe("");
		click(all("[role=option]")[0] as Element);
		await settle();
		click(one(".gw-quiet"));
		expect(model.get("selected")).toBe("");
	});
	it("follows what streams in, and keeps its place and focus", async () => {
		const { model, all, one, settle } = await mount(areaBars, traits());
		one('[role=option][tabindex="0"]').focus();
		press(one('[role=option][tabindex="0"]'), "End");
		const bars = (traits().bars as Record<string, unknown>[]).map((bar) => ({ ...bar, other: 1 }));
		model.set("bars", bars);
		await settle();
		expect(document.activeElement?.getAttribute("data-key")).toBe("dome");
		expect(all(".gw-area-beyond").map((text) => text.textContent)).toEqual(["×4.2"]);
	});
	it("says when there is nothing, and draws what is known of half-known bars", async () => {
		const empty = await mount(areaBars, { ...traits(), bars: [], message: "Counting begins." });
		expect(empty.one(".gw-blank").textContent).toBe("Counting begins.");
		expect(empty.one(".gw-area-plot").hidden).toBe(true);
		const { all, one } = await mount(areaBars, { ...traits(), bars: [{ key: "a", area: null, other: null, change: null }] });
		expect(all(".gw-area-bar, .gw-area-other, .gw-area-change")).toHaveLength(0);
		expect(one("[role=option]").getAttribute("aria-label")).toBe("a: data –");
	});
});
