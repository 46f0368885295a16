import { describe, expect, it } from "vitest";
import scatter from "../views/scatter";
import { click, givePageASize, mount, press } from "./harness";

givePageASize();

const traits = (): Record<string, unknown> => ({
	points: [
		{ x: 0, y: 0, label: "unit 0", group: "plain" },
		{ x: 1, y: 0.5, label: "unit 1", group: "norm" },
		{ x: 2, y: 1, key: 77, label: "unit 77", group: "norm" },
		{ x: null, y: 1, group: "norm" },
	],
	selected: [],
	groups: ["plain", "norm"],
	x_label: "norm of weights",
	y_label: "drop",
	x_percent: false,
	y_percent: true,
	note: "n = 3",
	title: "Attributes",
	message: "",
});
interface Drag {
	shiftKey?: boolean;
	button?: number;
}
function pointer(target: Element, type: string, x: number, y: number, options: Drag = {}): void {
	target.dispatchEvent(new PointerEvent(type, { bubbles: true, clientX: x, clientY: y, button: 0, pointerId: 1, ...options }));
}
/** Places of the points, in the order in which they were given: the axes go from −4 to 104 % and −5 to 105 %. */
const places = (root: HTMLElement): [number, number][] => {
	const lines = [...root.querySelectorAll(".gw-axis line")];
	const [left, right] = ["x1", "x2"].map((name) => Number(lines[0]?.getAttribute(name))) as [number, number];
	const upright = lines.find((line) => line.getAttribute("x1") === line.getAttribute("x2")) as Element;
	const [top, bottom] = ["y1", "y2"].map((name) => Number(upright.getAttribute(name))) as [number, number];
	return [0, 0.5, 1].map((share) => [left + (right - left) * ((0.04 + share) / 1.08), bottom - (bottom - top) * ((0.05 + share) / 1.1)]);
};

describe("the scatter", () => {
	it("shows axes, groups with their counts, and says what is not drawn", async () => {
		const { all, one } = await mount(scatter, traits());
		expect(all(".gw-chart-legend button").map((item) => item.textContent)).toEqual(["plain1", "norm2"]);
		expect(one(".gw-chart-note").textContent).toBe("n = 3 1 point without a known place is not drawn.");
		expect(one(".gw-plot").getAttribute("aria-label")).toBe("Attributes: drop against norm of weights");
		expect(all("canvas")).toHaveLength(1);
	});
	it("reads out the point under the pointer", async () => {
		const { root, one, settle } = await mount(scatter, traits());
		const [x, y] = places(root)[2] as [number, number];
		pointer(one(".gw-plot"), "pointermove", x + 3, y);
		await settle();
		expect(one(".gw-tip").textContent).toBe("unit 77normnorm of weights2drop100.0 %");
		pointer(one(".gw-plot"), "pointermove", x - 60, y);
		await settle();
		expect(one(".gw-tip").hidden).toBe(true);
	});
	it("chooses the points in a box, adds with Shift, and clears with a click beside", async () => {
		const { model, root, one, settle } = await mount(scatter, traits());
		const [[x0, y0], , [x2, y2]] = places(root) as [[number, number], [number, number], [number, number]];
		const plot = one(".gw-plot");
		pointer(plot, "pointerdown", x0 + 20, y0);
		pointer(plot, "pointermove", x2 + 10, y2 - 10);
		await settle();
		expect(one(".gw-count").textContent).toBe("2 in the box");
		expect(one(".gw-box").hidden).toBe(false);
		expect(model.get("selected")).toEqual([]); // nothing travels while the box is drawn
		pointer(plot, "pointerup", x2 + 10, y2 - 10);
		await settle();
		expect(model.get("selected")).toEqual([1, 77]);
		expect([one(".gw-count").textContent, one(".gw-box").hidden]).toEqual(["2 of 3 points", true]);
		pointer(plot, "pointerdown", x0 - 10, y0 + 5, { shiftKey: true });
		pointer(plot, "pointermove", x0 + 10, y0 - 5);
		pointer(plot, "pointerup", x0 + 10, y0 - 5);
		expect(model.get("selected")).toEqual([1, 77, 0]);
		pointer(plot, "pointerdown", x2, y0);
		pointer(plot, "pointerup", x2, y0);
		expect(model.get("selected")).toEqual([]);
	});
	it("chooses one point with a click and drops a box with Escape", async () => {
		const { model, root, one, settle } = await mount(scatter, traits());
		const [x, y] = places(root)[1] as [number, number];
		const plot = one(".gw-plot");
		pointer(plot, "pointerdown", x, y);
		pointer(plot, "pointerup", x, y);
		expect(model.get("selected")).toEqual([1]);
		pointer(plot, "pointerdown", 0, 0);
		pointer(plot, "pointermove", 600, 400);
		press(plot, "Escape");
		pointer(plot, "pointerup", 600, 400);
		await settle();
		expect(model.get("selected")).toEqual([1]);
		press(plot, "Escape");
		expect(model.get("selected")).toEqual([]);
	});
	it("is read, chosen and boxed with the keys", async () => {
		const { model, one, settle } = await mount(scatter, traits());
		const plot = one(".gw-plot");
		press(plot, "ArrowRight");
		await settle();
		expect(one("[role=option]").textContent).toBe("unit 1, norm, norm of weights 1, drop 50.0 %");
		expect(plot.getAttribute("aria-activedescendant")).toBe(one("[role=option]").id);
		expect(one(".gw-tip strong").textContent).toBe("unit 1");
		press(plot, " ");
		await settle();
		expect(model.get("selected")).toEqual([1]);
		expect(one("[role=option]").getAttribute("aria-selected")).toBe("true");
		for (let i = 0; i < 12; i++) press(plot, "ArrowRight", { shiftKey: true });
		for (let i = 0; i < 12; i++) press(plot, "ArrowUp", { shiftKey: true });
		await settle();
		expect(one(".gw-count").textContent).toBe("2 in the box");
		press(plot, "Enter");
		await settle();
		expect(model.get("selected")).toEqual([1, 77]);
		press(plot, "a", { ctrlKey: true });
		expect(model.get("selected")).toEqual([0, 1, 77]);
	});
	it("chooses a whole group in the legend, and takes it back", async () => {
		const { model, all, settle } = await mount(scatter, traits());
		click(all(".gw-chart-legend button")[1] as Element);
		await settle();
		expect(model.get("selected")).toEqual([1, 77]);
		expect(all(".gw-chart-legend button")[1]?.getAttribute("aria-pressed")).toBe("true");
		click(all(".gw-chart-legend button")[1] as Element);
		expect(model.get("selected")).toEqual([]);
	});
	it("says when there is nothing or nothing known, and draws a single point", async () => {
		const empty = await mount(scatter, { ...traits(), points: [], message: "Measure first." });
		expect(empty.one(".gw-blank").textContent).toBe("Measure first.");
		press(empty.one(".gw-plot"), "ArrowRight");
		const unknown = await mount(scatter, { ...traits(), points: [{ x: 1, y: null }] });
		expect(unknown.one(".gw-blank").textContent).toBe("No point has two known numbers yet.");
		const single = await mount(scatter, { ...traits(), points: [{ x: 3, y: 3 }], groups: [] });
		expect(single.one("[role=option]").textContent).toBe("0, norm of weights 3, drop 300.0 %");
		expect(single.one(".gw-chart-legend").hidden).toBe(true);
	});
	it("forgets a point that is gone", async () => {
		const { model, one, settle } = await mount(scatter, traits());
		press(one(".gw-plot"), "End");
		await settle();
		model.set("points", [{ x: 1, y: 1, label: "new" }]);
		await settle();
		expect(one("[role=option]").textContent).toBe("new, norm of weights 1, drop 100.0 %");
	});
});
