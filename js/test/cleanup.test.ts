import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import areaBars from "../views/area_bars";
import codeSnippet from "../views/code_snippet";
import compare from "../views/compare";
import controls from "../views/controls";
import download from "../views/download";
import editStack from "../views/edit_stack";
import cropBox from "../views/crop_box";
import curve from "../views/curve";
import facts from "../views/facts";
import fileDrop from "../views/file_drop";
import histogram from "../views/histogram";
import imageGrid from "../views/image_grid";
import layerPicker from "../views/layer_picker";
import layout from "../views/layout";
import maskPainter from "../views/mask_painter";
import matrix from "../views/matrix";
import runBar from "../views/run_bar";
import scatter from "../views/scatter";
import tray from "../views/tray";
import unitGrid from "../views/unit_grid";
import { click, givePageASize, mount, press, someRows } from "./harness";

givePageASize();

/** Counts everything that could outlive a view. */
function watchEverything() {
	const listeners = new Set<{ target: EventTarget; type: string; handler: unknown; signal: AbortSignal | undefined; once: boolean }>();
	const observers = new Set<object>();
	const frames = new Set<number>();
	const urls = new Set<string>();

	let shared = document.body as object; // the prototype that all event targets of this page share
	while (!Object.hasOwn(shared, "addEventListener")) shared = Object.getPrototypeOf(shared);
	const prototype = shared as EventTarget;
	const { addEventListener, removeEventListener } = prototype;
	vi.spyOn(prototype, "addEventListener").mockImplementation(function (this: EventTarget, type, handler, options) {
		const { signal, once } = typeof options === "object" && options ? options : {};
		listeners.add({ target: this, type, handler, signal: signal ?? undefined, once: once ?? false });
		return addEventListener.call(this, type, handler, options);
	});
	vi.spyOn(prototype, "removeEventListener").mockImplementation(function (this: EventTarget, type, handler, options) {
		for (const one of listeners) if (one.target === this && one.type === type && one.handler === handler) listeners.delete(one);
		return removeEventListener.call(this, type, handler, options);
	});
	for (const name of ["ResizeObserver", "MutationObserver"] as const) {
		const Real = globalThis[name] as unknown as new (work: (entries: never[]) => void) => { observe: (...values: never[]) => void; disconnect: () => void };
		vi.stubGlobal(
			name,
			class extends Real {
				override observe = (...values: never[]): void => {
					observers.add(this);
					Real.prototype.observe.apply(this, values);
				};
				override disconnect = (): void => {
					observers.delete(this);
					Real.prototype.disconnect.apply(this);
				};
			},
		);
	}
	const { requestAnimationFrame: request, cancelAnimationFrame: cancel } = globalThis;
	vi.stubGlobal("requestAnimationFrame", (work: FrameRequestCallback) => {
		const id = request((time) => {
			frames.delete(id as unknown as number);
			work(time);
		}) as unknown as number;
		frames.add(id);
		return id;
	});
	vi.stubGlobal("cancelAnimationFrame", (id: number) => {
		frames.delete(id);
		cancel(id as never);
	});
	vi.spyOn(URL, "createObjectURL").mockImplementation(() => {
		urls.add("blob:x");
		return "blob:x";
	});
	vi.spyOn(URL, "revokeObjectURL").mockImplementation((url) => void urls.delete(url));
	return {
		/** What is still there: a listener has ended when its signal did, or when it waited for that signal. */
		left: () => ({
			listeners: [...listeners].filter(({ target, signal }) => !signal?.aborted && !(target instanceof AbortSignal && target.aborted)).map(({ type }) => type),
			observers: observers.size,
			frames: frames.size,
			urls: urls.size,
		}),
	};
}

const image = new DataView(new ArrayBuffer(1));
const VIEWS: Record<string, [unknown, Record<string, unknown>]> = {
	unit_grid: [unitGrid, { ...someRows(), sheets: [{ units: [0, 1], columns: 2, tile: [16, 16], image }] }],
	area_bars: [areaBars, { bars: [{ key: "a", area: 1, other: 2, change: 1 }], selected: "", names: ["a", "b"], area_range: [0.01, 50], change_range: [-1, 1.1], area_label: "", change_label: "", title: "", subtitle: "", note: "", message: "" }],
	histogram: [histogram, { bars: [{ key: "a", value: 1 }], selected: [], groups: [], title: "", subtitle: "", value_label: "", reference_label: "", note: "", signed: false, horizontal: false, message: "" }],
	image_grid: [imageGrid, { sheets: { a: { image, columns: 1, tile: [8, 8], count: 1 }, b: { image, columns: 1, tile: [8, 8], count: 1 } }, show: "b", captions: [], title: "", message: "", busy: true, selected: [], multiple: true }],
	layer_picker: [layerPicker, { layers: [{ name: "a" }], layer: "a" }],
	run_bar: [runBar, { status: "idle", progress: 0, remaining: -1, n_done: 0, n_total: 0, resumable: true, note: "", disabled: "", label: "" }],
	controls: [controls, { fields: [{ name: "s", kind: "slider" }, { name: "b", kind: "button" }], values: {}, disabled: {} }],
	code_snippet: [codeSnippet, { code: "x", label: "" }],
	mask_painter: [maskPainter, { image, size: [8, 8], overlay: image, brush_size: 4, softness: 0, color: "#56b4e9", tool: "paint", tools: ["paint", "erase"], busy: true, message: "", can_undo: true, can_redo: true }],
	download: [download, { files: [{ name: "a", label: "a" }], disabled: {} }],
	edit_stack: [editStack, { entries: [{ id: "a", title: "a", strength: 1 }], sheet: { image, columns: 1, tile: [8, 8] }, selected: "", hovered: "", can_undo: true, can_redo: false, title: "", message: "", strengths: [0, 1], renamable: true }],
	tray: [tray, { entries: [{ id: "a", thumbnail: 0 }], sheet: { image, columns: 1, tile: [8, 8] }, selected: "", title: "", color: "", message: "" }],
	file_drop: [fileDrop, { label: "", hint: "", accept: [], disabled: "", max_side: 64 }],
	crop_box: [cropBox, { image, size: [8, 8], box: [0, 0, 1, 1], aspect: 1, fit: "crop", fits: ["crop", "stretch"], title: "", message: "", busy: true }],
	facts: [facts, { title: "", sentence: "a", tone: "", facts: [], message: "" }],
	compare: [compare, { before: image, after: image, labels: ["a", "b"], mode: "slider", position: 0.5, title: "", message: "", busy: false }],
	curve: [curve, { lines: [{ name: "a", x: [1, 2], y: [1, 2] }, { name: "b", x: [1], y: [1] }], band: {}, x_label: "", y_label: "", log_x: false, y_percent: false, y_range: [], hidden: [], chosen: null, title: "", note: "", message: "" }],
	matrix: [matrix, { rows: ["r"], columns: ["c"], values: [[1]], low: [], high: [], notes: [], limits: [], scale: "sequential", percent: false, row_label: "", column_label: "", value_label: "", selected_rows: [], selected_columns: [], title: "", message: "" }],
	scatter: [scatter, { points: [{ x: 1, y: 1, group: "a" }, { x: 2, y: 2, group: "b" }], selected: [], groups: [], x_label: "", y_label: "", x_percent: false, y_percent: false, note: "", title: "", message: "" }],
	layout: [layout, { children: [], tree: {}, links: [], title: "", live: true, farewell: "" }],
};

describe("after a view has ended", () => {
	let watched: ReturnType<typeof watchEverything>;
	beforeEach(() => {
		watched = watchEverything();
	});
	afterEach(() => vi.restoreAllMocks());

	for (const [name, [widget, traits]] of Object.entries(VIEWS)) {
		it(`nothing of ${name} is left`, async () => {
			const { model, el, root, controller } = await mount(widget, traits);
			expect(watched.left().listeners.length).toBeGreaterThan(0);
			for (const target of root.querySelectorAll("button, [role=option], [role=gridcell], .gw-plot, .gw-card, .gw-image-cell")) {
				target.dispatchEvent(new Event("pointerover", { bubbles: true }));
				target.dispatchEvent(new Event("pointerdown", { bubbles: true }));
				click(target);
				press(target, "Enter");
			}
			for (const input of root.querySelectorAll("input")) input.dispatchEvent(new Event("input", { bubbles: true }));
			controller.abort();
			expect(watched.left()).toEqual({ listeners: [], observers: 0, frames: 0, urls: 0 });
			expect(model.listeners).toBe(0);
			expect(el.childElementCount).toBe(0);
		});
	}
});
