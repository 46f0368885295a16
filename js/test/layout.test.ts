import { describe, expect, it, vi } from "vitest";
import { show } from "../host";
import { heartbeat } from "../lib/heartbeat";
import { bytesOf, restore, StaticModel } from "../lib/page";
import controls from "../views/controls";
import picker from "../views/layer_picker";
import runBar from "../views/run_bar";
import grid from "../views/unit_grid";
import histogram from "../views/histogram";
import layout from "../views/layout";
import { click, FakeModel, givePageASize, mount, settle, someRows } from "./harness";

givePageASize();

const bars = [{ key: "tree", value: 2 }, { key: "sky", value: 1 }];
const histogramTraits = { bars, selected: [], groups: [], title: "", subtitle: "", value_label: "", reference_label: "", note: "", signed: false, horizontal: false, message: "", error: "" };
const link = { source: 0, source_trait: "selected", target: 1, target_trait: "concepts" };
const tree = { kind: "row", items: [0, { kind: "column", items: [1], label: "Units" }], weights: [1, 2] };

function hostOf(models: FakeModel[], widgets: unknown[]): unknown {
	const position = (ref: string): number => Number(ref.replace("anywidget:", ""));
	return {
		getModel: async (ref: string) => models[position(ref)],
		getWidget: async (ref: string) => {
			const widget = widgets[position(ref)] as { render: (props: unknown) => unknown };
			if (!widget) throw new Error("No binding found");
			return { render: async ({ el, signal }: { el: HTMLElement; signal: AbortSignal }) => widget.render({ model: models[position(ref)], el, signal, host: {} }) };
		},
	};
}

describe("the layout", () => {
	it("shows its children in boxes and wires them in the browser", async () => {
		const models = [new FakeModel({ ...histogramTraits }), new FakeModel({ error: "", ...someRows() })];
		const { one, all, controller } = await mount(layout, { children: ["anywidget:0", "anywidget:1"], tree, links: [link], title: "A panel", live: true, farewell: "" }, hostOf(models, [histogram, grid]));
		expect(all(".gw-row > *")).toHaveLength(2);
		expect(one("section").getAttribute("aria-label")).toBe("Units");
		click(one("[data-key=tree]"));
		await settle();
		expect(models[1]?.get("concepts")).toEqual(["tree"]);
		expect(models[1]?.saved).toHaveBeenCalled();
		expect(all(".gw-card").map((card) => card.dataset.unit)).toEqual(["2", "0"]);
		controller.abort();
		expect(models.map((model) => model.listeners)).toEqual([0, 0]);
	});
	it("shows why a child failed, and the others all the same", async () => {
		const broken = { render: () => { throw new Error("no canvas"); } };
		const models = [new FakeModel({}), new FakeModel({ error: "", ...someRows() })];
		const { one, all } = await mount(layout, { children: ["anywidget:0", "anywidget:1"], tree: {}, links: [link], title: "", live: true, farewell: "" }, hostOf(models, [broken, grid]));
		expect(one(".gw-place [role=alert]").textContent).toContain("This part could not be shown: no canvas");
		expect(all(".gw-card").length).toBeGreaterThan(0);
	});
	it("shows one page at a time behind tabs, also with the keyboard alone", async () => {
		const models = [new FakeModel({ ...histogramTraits }), new FakeModel({ error: "", ...someRows() })];
		const pages = { kind: "tabs", items: [{ kind: "column", items: [0], label: "Bars" }, { kind: "column", items: [1], label: "Units" }] };
		const { one, all, controller } = await mount(layout, { children: ["anywidget:0", "anywidget:1"], tree: pages, links: [link], title: "", live: true }, hostOf(models, [histogram, grid]));
		const shown = (): boolean[] => all("[role=tabpanel]").map((body) => !body.hidden);
		const heads = all("[role=tab]");
		expect(heads.map((head) => head.textContent)).toEqual(["Bars", "Units"]);
		expect(all("h3").map((heading) => heading.textContent)).not.toContain("Units"); // it stands on the tab
		expect(shown()).toEqual([true, false]);
		click(heads[1] as HTMLElement);
		expect(shown()).toEqual([false, true]);
		one("[role=tablist]").dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight", bubbles: true }));
		expect(shown()).toEqual([true, false]);
		expect(heads.map((head) => [head.getAttribute("aria-selected"), head.getAttribute("tabindex")])).toEqual([["true", "0"], ["false", "-1"]]);
		click(one("[data-key=tree]"));
		await settle();
		expect(models[1]?.get("concepts")).toEqual(["tree"]); // the hidden page follows
		controller.abort();
		expect(models.map((model) => model.listeners)).toEqual([0, 0]);
	});
	it("hides what is folded away until its label is opened", async () => {
		const models = [new FakeModel({ ...histogramTraits }), new FakeModel({ error: "", ...someRows() })];
		const folded = { kind: "column", items: [0, { kind: "fold", items: [1], label: "More" }] };
		const { one, all } = await mount(layout, { children: ["anywidget:0", "anywidget:1"], tree: folded, links: [], title: "", live: true }, hostOf(models, [histogram, grid]));
		const details = one("details") as HTMLDetailsElement;
		expect([details.open, one("summary").textContent, all("h3.gw-section-title").length]).toEqual([false, "More", 0]);
		expect(details.querySelectorAll(".gw-card").length).toBeGreaterThan(0); // drawn, and shown by the browser when opened
	});
	it("says that Python is gone", async () => {
		vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"], shouldAdvanceTime: true });
		const { model, one } = await mount(layout, { children: [], tree: {}, links: [], title: "", live: true, farewell: "" }, hostOf([], []));
		const notice = one(".gw-notice");
		await vi.advanceTimersByTimeAsync(5000);
		expect(model.sent.at(-1)).toMatchObject({ action: "ping" });
		model.answer();
		await vi.advanceTimersByTimeAsync(100);
		expect(notice.hidden).toBe(true);
		await vi.advanceTimersByTimeAsync(5000 + 10_000); // asked again, and no answer
		expect(notice.textContent).toContain("Python does not answer");
		model.gone = true;
		await vi.advanceTimersByTimeAsync(5000);
		expect(notice.textContent).toContain("Disconnected");
		vi.useRealTimers();
	});
	it("switches off what needs Python when it is gone, and on again when it answers after all", async () => {
		vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"], shouldAdvanceTime: true });
		const controlsTraits = { fields: [{ name: "n", kind: "int", label: "Images" }], values: { n: 5 }, disabled: {}, error: "" };
		const runTraits = { status: "done", progress: 1, remaining: -1, n_done: 5, n_total: 5, resumable: true, note: "", disabled: "", error: "" };
		const pickerTraits = { layers: [{ name: "a" }, { name: "b" }], layer: "a", error: "" };
		const models = [new FakeModel(controlsTraits), new FakeModel(runTraits), new FakeModel(pickerTraits), new FakeModel({ error: "", ...someRows() })];
		const { model, all } = await mount(layout, { children: ["anywidget:0", "anywidget:1", "anywidget:2", "anywidget:3"], tree: {}, links: [], title: "", live: true, farewell: "" }, hostOf(models, [controls, runBar, picker, grid]));
		const off = (): boolean[] => [".gw-controls input", ".gw-run-bar button", ".gw-layer-button"].map((name) => (all(name)[0] as HTMLInputElement).disabled);
		expect(off()).toEqual([false, false, false]);
		model.gone = true;
		await vi.advanceTimersByTimeAsync(5000);
		expect(off()).toEqual([true, true, true]);
		expect(all(".gw-control")[0]?.title).toBe("needs Python: run the cell again to use it");
		expect(all(".gw-card")).toHaveLength(5); // the last state
		model.gone = false;
		await vi.advanceTimersByTimeAsync(5000);
		model.answer();
		await vi.advanceTimersByTimeAsync(100);
		expect(off()).toEqual([false, false, false]);
		vi.useRealTimers();
	});
	it("keeps its last state, quietly, when Python has let go of it", async () => {
		vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"], shouldAdvanceTime: true });
		const runTraits = { status: "done", progress: 1, remaining: -1, n_done: 5, n_total: 5, resumable: true, note: "", disabled: "", error: "" };
		const models = [new FakeModel(runTraits)];
		const { model, one } = await mount(layout, { children: ["anywidget:0"], tree: {}, links: [], title: "", live: true, farewell: "" }, hostOf(models, [runBar]));
		model.set("farewell", "Replaced by a newer run of its cell.");
		const sent = model.sent.length;
		await vi.advanceTimersByTimeAsync(20_000);
		expect(one(".gw-notice").hidden).toBe(false);
		expect(one(".gw-notice").textContent).toBe("Replaced by a newer run of its cell.");
		expect(one(".gw-notice").classList.contains("gw-gone")).toBe(false);
		expect((one(".gw-run-bar button") as HTMLButtonElement).disabled).toBe(true);
		expect(model.sent).toHaveLength(sent); // nobody is asked any more
		vi.useRealTimers();
		const late = await mount(layout, { children: ["anywidget:0"], tree: {}, links: [], title: "", live: true, farewell: "Closed." }, hostOf([new FakeModel(runTraits)], [runBar]));
		expect(late.one(".gw-notice").textContent).toBe("Closed.");
		expect((late.one(".gw-run-bar button") as HTMLButtonElement).disabled).toBe(true);
	});
});

describe("the heartbeat", () => {
	it("tells only changes, and stops with the view", async () => {
		vi.useFakeTimers();
		const told = vi.fn();
		const ask = vi.fn().mockRejectedValueOnce("late").mockRejectedValueOnce("late").mockResolvedValue(undefined);
		const end = new AbortController();
		heartbeat({ ask, told, every: 10, isGone: () => false, signal: end.signal });
		await vi.advanceTimersByTimeAsync(45);
		expect(told.mock.calls).toEqual([["silent"], ["alive"]]);
		end.abort();
		const asked = ask.mock.calls.length;
		await vi.advanceTimersByTimeAsync(100);
		expect(ask).toHaveBeenCalledTimes(asked);
		vi.useRealTimers();
	});
});

describe("an exported page", () => {
	const page = () => ({
		root: "m0",
		models: {
			m0: { kind: "Layout", state: { children: ["anywidget:m1", "anywidget:m2"], tree, links: [link, { ...link, source: 1, source_trait: "concepts", target: 0, target_trait: "selected" }], title: "", live: false, farewell: "", error: "" }, buffers: [] },
			m1: { kind: "Histogram", state: { ...histogramTraits, live: false }, buffers: [] },
			m2: { kind: "UnitGrid", state: { ...someRows(), error: "", live: false }, buffers: [] },
		},
		scripts: { Layout: "layout", Histogram: "histogram", UnitGrid: "grid" },
	});
	it("replays the links without a kernel, in both directions", async () => {
		const el = document.createElement("div");
		document.body.append(el);
		const end = new AbortController();
		const loader = vi.fn(async (script: string) => ({ layout, histogram, grid })[script] as never);
		const models = await show(page() as never, el, end.signal, loader);
		await settle();
		expect(loader).toHaveBeenCalledTimes(3);
		click(el.querySelector("[data-key=tree]") as Element);
		await settle();
		expect([...el.querySelectorAll<HTMLElement>(".gw-card")].map((card) => card.dataset.unit)).toEqual(["2", "0"]);
		click(el.querySelector("[data-concept=tree]") as Element);
		await settle();
		expect(models.m1?.get("selected")).toEqual([]);
		expect(el.querySelectorAll(".gw-card")).toHaveLength(5);
		expect(el.textContent).toContain("Saved page");
		end.abort();
		expect(Object.values(models).map((model) => model.listeners)).toEqual([0, 0, 0]);
	});
	it("puts bytes back where they belong", () => {
		const state = restore({ kind: "", state: { sheets: [{ image: null }] }, buffers: [{ path: ["sheets", 0, "image"], data: btoa("\x01\xff") }] });
		const view = (state.sheets as { image: DataView }[])[0]?.image as DataView;
		expect([view.getUint8(0), view.getUint8(1)]).toEqual([1, 255]);
		expect(bytesOf("").byteLength).toBe(0);
	});
	it("has models that tell only what changed", () => {
		const model = new StaticModel({ a: 1 });
		const heard = vi.fn();
		model.on("change:a", heard);
		model.set("a", 1);
		model.set("a", 2);
		model.off("change:a", heard);
		model.set("a", 3);
		expect(heard).toHaveBeenCalledTimes(1);
		expect(model.get("a")).toBe(3);
	});
});
