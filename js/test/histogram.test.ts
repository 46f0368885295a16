import { describe, expect, it } from "vitest";
import histogram from "../views/histogram";
import { click, givePageASize, mount, press } from "./harness";

givePageASize();

const traits = (): Record<string, unknown> => ({
	bars: [
		{ key: "tree", label: "tree", group: "object", value: 9, chance: 2.5 },
		{ key: "sky", label: "sky", group: "object", value: 4, chance: 6 },
		{ key: "wall", label: "wall", group: "part", value: 3 },
	],
	selected: [],
	groups: ["object", "part"],
	title: "Units per concept",
	subtitle: "",
	note: "",
	value_label: "units",
	reference_label: "units expected by chance",
	signed: false,
	horizontal: false,
	message: "",
});

describe("the histogram", () => {
	it("draws a bar per concept with its mark, its group and its words", async () => {
		const { all, one } = await mount(histogram, traits());
		const options = all("[role=option]");
		expect(options.map((option) => option.dataset.key)).toEqual(["tree", "sky", "wall"]);
		expect(options[0]?.getAttribute("aria-label")).toBe("tree, object: 9 units; 2.50 units expected by chance");
		expect(all(".gw-chance")).toHaveLength(2);
		expect(one(".gw-histogram-legend").textContent).toBe("Height: unitsunits expected by chance");
		const heights = all(".gw-bar").map((bar) => Number(bar.getAttribute("height")));
		expect(heights[0] as number).toBeGreaterThan(heights[1] as number);
	});
	it("says what the bars are of, and how to read the mark", async () => {
		const words = { subtitle: "layer5 · 200 images, seed 1", note: "A concept at the same place in every picture sits near chance." };
		const { model, one, settle } = await mount(histogram, { ...traits(), ...words });
		expect(one(".gw-histogram-of").textContent).toBe(words.subtitle);
		expect(one(".gw-histogram-note").textContent).toBe(words.note);
		expect(one(".gw-histogram-note").hidden).toBe(false);
		model.set("bars", [{ key: "tree", value: 1 }]); // no chance level: nothing to explain
		await settle();
		expect(one(".gw-histogram-note").hidden).toBe(true);
	});
	it("draws next to nothing as next to nothing", async () => {
		const { one } = await mount(histogram, { ...traits(), bars: [{ key: "tree", value: -0.00041 }], signed: true });
		expect(one(".gw-line-value").textContent).toBe("−0.041 %");
		const width = /width:([\d.]+)%/.exec(one(".gw-line-bar").getAttribute("style") ?? "")?.[1];
		expect(Number(width)).toBeLessThan(5);
	});
	it("chooses several bars by click and key, and clears them", async () => {
		const { model, all, one, settle } = await mount(histogram, traits());
		click(all("[role=option]")[1] as Element);
		await settle();
		expect(model.get("selected")).toEqual(["sky"]);
		press(all("[role=option]")[1] as Element, "ArrowRight");
		press(one('[role=option][tabindex="0"]'), "Enter");
		await settle();
		expect(model.get("selected")).toEqual(["sky", "wall"]);
		expect(all('[aria-selected="true"]').map((option) => option.dataset.key)).toEqual(["sky", "wall"]);
		click(all("[role=option]")[1] as Element);
		expect(model.get("selected")).toEqual(["wall"]);
		await settle();
		press(one('[role=option][tabindex="0"]'), "Escape");
		expect(model.get("selected")).toEqual([]);
	});
	it("becomes lines when columns would be too narrow", async () => {
		const bars = Array.from({ length: 60 }, (_, i) => ({ key: `c${i}`, value: i }));
		const { all } = await mount(histogram, { ...traits(), bars });
		expect(all(".gw-line")).toHaveLength(60);
	});
	it("shows gains and losses with signs and intervals, and moves bars in place", async () => {
		const bars = [
			{ key: "tree", value: -0.02, low: -0.03, high: -0.01 },
			{ key: "sky", value: 0.004, low: -0.01, high: 0.02 },
		];
		const { model, all, settle } = await mount(histogram, { ...traits(), bars, signed: true });
		expect(all(".gw-line-value").map((value) => value.textContent)).toEqual(["−2.0 %", "+0.40 %"]);
		expect(all(".gw-line-bar").map((bar) => bar.className)).toEqual(["gw-line-bar gw-loses", "gw-line-bar gw-gains gw-unsure"]);
		const before = all(".gw-line-bar");
		model.set("bars", [{ key: "tree", value: 0.03 }, bars[1]]);
		await settle();
		expect(all(".gw-line-bar")[0]).toBe(before[0]);
		expect(all(".gw-line-value")[0]?.textContent).toBe("+3.0 %");
	});
	it("says when there is nothing, and when a value is not known", async () => {
		const empty = await mount(histogram, { ...traits(), bars: [], message: "Select units first." });
		expect(empty.one(".gw-blank").textContent).toBe("Select units first.");
		const unknown = await mount(histogram, { ...traits(), bars: [{ key: "tree", value: null }] });
		expect(unknown.one("[role=option]").getAttribute("aria-label")).toBe("tree: – units");
	});
});
