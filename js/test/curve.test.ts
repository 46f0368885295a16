import { describe, expect, it } from "vitest";
import curve from "../views/curve";
import { click, givePageASize, mount, press } from "./harness";

givePageASize();

const traits = (): Record<string, unknown> => ({
	lines: [
		{ name: "by effect", x: [0, 1, 2, 4], y: [0, 0.1, 0.3, 0.5], low: [0, 0.05, 0.2, 0.4], high: [0, 0.15, 0.4, 0.6] },
		{ name: "by IoU", x: [0, 1, 2, 4], y: [0, 0.05, null, 0.2] },
	],
	band: { x: [0, 1, 2, 4], low: [0, -0.02, -0.03, -0.04], high: [0, 0.02, 0.03, 0.05], label: "random sets" },
	x_label: "units",
	y_label: "fraction removed",
	log_x: false,
	y_percent: true,
	y_range: [],
	hidden: [],
	chosen: null,
	title: "Trees",
	note: "",
	message: "",
});
const move = (target: Element, type: string, x: number): void => void target.dispatchEvent(new MouseEvent(type, { bubbles: true, clientX: x, clientY: 50 }));
const texts = (elements: Element[]): (string | null)[] => elements.map((element) => element.textContent);

describe("the curve", () => {
	it("draws each line with its interval, the band and both axes", async () => {
		const { all, one } = await mount(curve, traits());
		expect(all(".gw-series").map((group) => group.dataset.name)).toEqual(["by effect", "by IoU"]);
		expect(all(".gw-curve-line").map((path) => path.getAttribute("d")?.match(/[ML]/g)?.join(""))).toEqual(["MLLL", "MLM"]);
		expect(all(".gw-area").map((path) => Boolean(path.getAttribute("d")))).toEqual([true, false]);
		expect(one(".gw-band-area").getAttribute("d")).toMatch(/^M.*Z$/);
		expect(texts(all(".gw-axis text"))).toEqual(["0 %", "20 %", "40 %", "60 %", "0", "1", "2", "3", "4"]);
		expect([one(".gw-y").textContent, one(".gw-x").textContent]).toEqual(["↑ fraction removed", "units →"]);
		expect(texts(all(".gw-chart-legend > *"))).toEqual(["by effect", "by IoU", "random sets"]);
	});
	it("reads out the place under the pointer, and stops when it leaves", async () => {
		const { all, one } = await mount(curve, traits());
		const right = Number(one("svg").getAttribute("width"));
		move(one(".gw-plot"), "pointermove", right);
		expect(one(".gw-tip strong").textContent).toBe("4 units");
		expect(texts(all(".gw-tip dt"))).toEqual(["by effect", "by IoU", "random sets"]);
		expect(texts(all(".gw-tip dd"))).toEqual(["50.0 %40.0 % to 60.0 %", "20.0 %", "−4.0 % to 5.0 %"]);
		expect(all(".gw-cursor path")).toHaveLength(2);
		move(one(".gw-plot"), "pointerleave", 0);
		expect([one(".gw-tip").hidden, all(".gw-cursor *").length]).toEqual([true, 0]);
	});
	it("is read and chosen with the keys, like a slider", async () => {
		const { model, one, settle } = await mount(curve, traits());
		const plot = one(".gw-plot");
		expect(plot.getAttribute("aria-label")).toBe("Trees: fraction removed");
		press(plot, "ArrowRight");
		press(plot, "ArrowRight");
		expect(plot.getAttribute("aria-valuetext")).toBe("1 units; by effect 10.0 % (5.0 % to 15.0 %); by IoU 5.0 %; random sets −2.0 % to 2.0 %");
		press(plot, "End");
		press(plot, "ArrowDown");
		expect([plot.getAttribute("aria-valuenow"), plot.getAttribute("aria-valuemax")]).toEqual(["2", "4"]);
		press(plot, "Enter");
		await settle();
		expect(model.get("chosen")).toBe(2);
		expect(one(".gw-pin text").textContent).toBe("2");
		press(plot, "Escape");
		expect(model.get("chosen")).toBeNull();
		press(plot, "Home");
		press(plot, " ");
		expect(model.get("chosen")).toBe(0);
	});
	it("chooses with a click and takes it back with a second one", async () => {
		const { model, one } = await mount(curve, traits());
		click(one(".gw-plot"), { clientX: 9999 });
		expect(model.get("chosen")).toBe(4);
		click(one(".gw-plot"), { clientX: 9999 });
		expect(model.get("chosen")).toBeNull();
	});
	it("switches lines off and on in the legend, fits the axis to the rest and keeps the focus", async () => {
		const { model, all, one, settle } = await mount(curve, traits());
		const button = one(".gw-chart-legend button");
		button.focus();
		click(button);
		await settle();
		expect(model.get("hidden")).toEqual(["by effect"]);
		expect(all(".gw-series").map((group) => group.dataset.name)).toEqual(["by IoU"]);
		expect(texts(all(".gw-axis text"))).toContain("20 %");
		expect(texts(all(".gw-axis text"))).not.toContain("40 %");
		expect(one(".gw-chart-legend button").getAttribute("aria-pressed")).toBe("false");
		expect((document.activeElement as HTMLElement).dataset.name).toBe("by effect");
		click(one(".gw-chart-legend button"));
		expect(model.get("hidden")).toEqual([]);
	});
	it("draws groups of many lines as one, thin and without shapes", async () => {
		const lines = Array.from({ length: 20 }, (_, i) => ({ name: `r${i}`, group: "random", x: [0, 1], y: [0, i / 100] }));
		const { all, one } = await mount(curve, { ...traits(), lines, band: {} });
		expect(all(".gw-many .gw-curve-line")).toHaveLength(20);
		expect(all(".gw-mark").some((mark) => mark.getAttribute("d"))).toBe(false);
		expect(one(".gw-chart-legend").hidden).toBe(true); // one entry needs no legend
	});
	it("uses dashes where there is no room for shapes", async () => {
		const x = Array.from({ length: 300 }, (_, i) => i);
		const lines = ["a", "b"].map((name) => ({ name, x, y: x }));
		const { all } = await mount(curve, { ...traits(), lines, band: {} });
		expect(all(".gw-curve-line").map((path) => path.getAttribute("stroke-dasharray"))).toEqual([null, "7 3"]);
	});
	it("sets zero apart on a logarithmic axis", async () => {
		const { all, one } = await mount(curve, { ...traits(), log_x: true });
		expect(all(".gw-break")).toHaveLength(1);
		expect(texts(all(".gw-axis text")).slice(-4)).toEqual(["0", "1", "2", "4"]);
		const [first, second, third] = all(".gw-axis text").slice(-3).map((text) => Number(text.getAttribute("x"))) as [number, number, number];
		expect(second - first).toBeCloseTo(third - second); // 1, 2, 4
		expect(one(".gw-curve-line").getAttribute("d")).not.toContain("NaN");
	});
	it("keeps a fixed range of y and cuts off what lies beyond", async () => {
		const { all, one } = await mount(curve, { ...traits(), y_range: [0, 0.37] });
		expect(texts(all(".gw-axis text")).slice(0, 5)).toEqual(["0 %", "10 %", "20 %", "30 %", "0"]);
		const id = one("clipPath").id;
		expect(all(`g[clip-path="url(#${id})"] .gw-series`)).toHaveLength(2);
	});
	it("draws a single point with its interval, and only text as text", async () => {
		const name = "<img src=x onerror=alert(1)>";
		const { all, one } = await mount(curve, { ...traits(), lines: [{ name, x: [3], y: [0.5], low: [0.4], high: [0.6] }] });
		expect(one(".gw-mark").getAttribute("d")).toMatch(/^M/);
		expect(one(".gw-whiskers").getAttribute("d")).toMatch(/^M.*V/);
		expect(all("img")).toHaveLength(0);
		expect(one(".gw-chart-legend button").textContent).toBe(name);
	});
	it("says when there is nothing, and when no number is known", async () => {
		const noted = await mount(curve, { ...traits(), note: "Refined for 8 steps." });
		expect(noted.one(".gw-chart-note").textContent).toBe("Refined for 8 steps.");
		const empty = await mount(curve, { ...traits(), lines: [], band: {}, message: "Choose a concept." });
		expect([empty.one(".gw-blank").textContent, empty.one(".gw-plot").hidden]).toEqual(["Choose a concept.", true]);
		const unknown = await mount(curve, { ...traits(), lines: [{ name: "a", x: [1], y: [null] }], band: {} });
		expect(unknown.one(".gw-blank").textContent).toBe("No number is known yet.");
		press(unknown.one(".gw-plot"), "ArrowRight");
	});
});
