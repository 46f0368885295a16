/** Two pictures of one thing: a line to drag between them, both side by side, or what changed. */
import type { RenderProps } from "@anywidget/types";
import { stageHeight } from "../lib/camera";
import { type Difference, difference, heat, NOTICED, scaleTop } from "../lib/difference";
import { stream } from "../lib/stream";
import { assign, h, listen, onPixelRatio, onResize, perFrame, setText } from "../parts/dom";
import { drawPicture } from "../parts/paint_layers";
import { picture } from "../parts/pictures";
import { segmented } from "../parts/segmented";
import { component, type ComponentTraits } from "./component";

export interface CompareTraits extends ComponentTraits {
	before: DataView;
	after: DataView;
	labels: string[];
	mode: Mode;
	position: number;
	title: string;
	message: string;
	busy: boolean;
}

type Mode = "slider" | "side" | "difference";

const MODES: readonly { value: Mode; label: string }[] = [
	{ value: "slider", label: "Slider" },
	{ value: "side", label: "Side by side" },
	{ value: "difference", label: "Difference" },
];
const HIGHEST = 576; // of a picture [px]
const GAP = 8; // between pictures side by side [px]
const KEYS: Record<string, number> = { ArrowLeft: -0.02, ArrowDown: -0.02, ArrowRight: 0.02, ArrowUp: 0.02, PageDown: -0.1, PageUp: 0.1 };

function render(props: RenderProps<CompareTraits>): void {
	const view = component(props, "compare");
	const { signal, get } = view;
	const title = h("h3", { class: "gw-title" });
	const modes = segmented("How to compare", (mode) => view.set({ mode: mode as Mode }), signal);
	const wait = h("div", { class: "gw-wait", role: "status" });
	const canvases = ["before", "after", "difference"].map((name) => h("canvas", { class: `gw-compare-${name}`, role: "img" }));
	const [left, right, heatmap] = canvases as [HTMLCanvasElement, HTMLCanvasElement, HTMLCanvasElement];
	const tags = ["before", "after"].map((name) => h("span", { class: `gw-compare-tag gw-compare-tag-${name}`, "aria-hidden": "true" }));
	const handle = h("div", { class: "gw-compare-line", role: "slider", tabindex: 0, "aria-orientation": "horizontal", "aria-valuemin": 0, "aria-valuemax": 100 });
	const stage = h("div", { class: "gw-compare-stage" }, ...canvases, ...tags, handle);
	const legend = h("div", { class: "gw-compare-legend" });
	const blank = h("div", { class: "gw-blank" });
	view.body.append(h("div", { class: "gw-compare-head" }, title, modes.element), wait, stage, legend, blank);

	let width = 0;
	let measured: Difference | null = null;
	const forget = (): void => {
		measured = null;
		redraw();
	};
	const before = picture(forget, signal);
	const after = picture(forget, signal);

	const labels = (): [string, string] => [get("labels")[0] ?? "Before", get("labels")[1] ?? "After"];
	/** With one picture alone there is nothing to compare: it is shown whole. */
	const both = (): boolean => before.bitmap !== null && after.bitmap !== null;
	const mode = (): Mode | "one" => (both() ? get("mode") : "one");
	const position = (): number => Math.max(0, Math.min(1, get("position")));

	const draw = (): void => {
		const now = mode();
		const first = before.bitmap ?? after.bitmap;
		setText(title, get("title"));
		modes.update(MODES, get("mode"));
		modes.element.hidden = !both();
		wait.classList.toggle("gw-on", get("busy"));
		setText(wait, get("busy") ? "Updating" : "");
		stage.hidden = !first;
		blank.hidden = Boolean(first);
		setText(blank, get("message") || "Nothing to compare yet.");
		legend.hidden = now !== "difference";
		if (!first || width === 0) return;
		const size = { width: first.width, height: first.height };
		const each = now === "side" ? (width - GAP) / 2 : width;
		const height = stageHeight(size, each, HIGHEST);
		const scale = Math.min(each / size.width, height / size.height);
		const box = { width: size.width * scale, height: size.height * scale };
		assign(stage, { "data-mode": now, style: `--gw-at:${position() * 100}%;width:${now === "side" ? 2 * box.width + GAP : box.width}px;height:${box.height}px` });
		const show = (canvas: HTMLCanvasElement, bitmap: ImageBitmap | null): void => {
			canvas.hidden = bitmap === null;
			assign(canvas, { style: `width:${box.width}px;height:${box.height}px` });
			if (bitmap) drawPicture(canvas, bitmap, size, { scale, x: 0, y: 0 }, box);
		};
		show(left, now === "difference" ? null : before.bitmap);
		show(right, now === "difference" ? null : after.bitmap);
		heatmap.hidden = now !== "difference";
		if (now === "difference") drawDifference(size, box);
		words(now);
		stage.dataset.shown = now;
	};
	const words = (now: Mode | "one"): void => {
		const [one, other] = labels();
		const percent = Math.round(position() * 100);
		[left, right].forEach((canvas, i) => assign(canvas, { "aria-label": i === 0 ? one : other }));
		tags.forEach((tag, i) => {
			setText(tag, i === 0 ? one : other);
			tag.hidden = now === "difference" || (now === "one" && (i === 0 ? before : after).bitmap === null);
		});
		handle.hidden = now !== "slider";
		assign(handle, {
			"aria-label": `Line between ${one} and ${other}`,
			"aria-valuenow": percent,
			"aria-valuetext": `${percent} % ${one}, ${100 - percent} % ${other}`,
		});
	};
	const drawDifference = (size: { width: number; height: number }, box: { width: number; height: number }): void => {
		if (!before.bitmap || !after.bitmap) return;
		measured ??= measure(before.bitmap, after.bitmap);
		if (!measured) return;
		const top = scaleTop(measured);
		const small = h("canvas", size);
		small.getContext("2d")?.putImageData(new ImageData(heat(measured, top), size.width, size.height), 0, 0);
		assign(heatmap, { style: `width:${box.width}px;height:${box.height}px` });
		drawPicture(heatmap, small as unknown as ImageBitmap, size, { scale: box.width / size.width, x: 0, y: 0 }, box);
		const said = sentence(measured);
		assign(heatmap, { "aria-label": `Difference. ${said}` });
		const scale = h("span", { class: "gw-compare-scale", "aria-hidden": "true" }, "0", h("i"), `${Math.round(top * 100)} %`);
		legend.replaceChildren(scale, h("span", {}, said));
	};
	const redraw = perFrame(draw, signal);

	// The line: drag anywhere on the picture, or the keys.

	const positions = stream<number>((value) => view.set({ position: value }), (work) => perFrame(work, signal));
	const follow = (event: PointerEvent, done: boolean): void => {
		const frame = stage.getBoundingClientRect();
		const at = Math.max(0, Math.min(1, (event.clientX - frame.left) / Math.max(1, frame.width)));
		stage.style.setProperty("--gw-at", `${at * 100}%`);
		if (done) positions.end(at);
		else positions.push(at);
	};
	let pointer: number | null = null;
	listen(stage, "pointerdown", (event) => {
		if (mode() !== "slider" || event.button !== 0 || !event.isPrimary) return;
		pointer = event.pointerId;
		stage.setPointerCapture?.(pointer);
		handle.focus({ preventScroll: true });
		event.preventDefault();
		follow(event, false);
	}, signal);
	listen(stage, "pointermove", (event) => pointer === event.pointerId && follow(event, false), signal);
	for (const type of ["pointerup", "pointercancel"] as const) {
		listen(stage, type, (event) => {
			if (pointer !== event.pointerId) return;
			pointer = null;
			if (type === "pointerup") follow(event, true);
			else positions.end(position());
		}, signal);
	}
	listen(handle, "keydown", (event) => {
		const step = KEYS[event.key];
		const ends: Record<string, number> = { Home: 0, End: 1 };
		const to = step === undefined ? ends[event.key] : position() + step * (event.shiftKey ? 5 : 1);
		if (to === undefined) return;
		view.set({ position: Math.round(Math.max(0, Math.min(1, to)) * 1000) / 1000 });
		redraw();
		event.preventDefault();
	}, signal);

	onResize(view.body, (now) => {
		if (Math.floor(now) === width) return;
		width = Math.floor(now);
		redraw();
	}, signal);
	onPixelRatio(redraw, signal);
	view.watch(["before"], () => before.take(get("before")));
	view.watch(["after"], () => after.take(get("after")));
	view.watch(["position"], () => positions.idle && redraw());
	view.watch(["labels", "mode", "title", "message", "busy"], redraw);
	before.take(get("before"));
	after.take(get("after"));
	draw();
	view.ready();
}

function sentence({ largest, changed }: Difference): string {
	if (largest === 0) return "The two pictures are the same, pixel by pixel.";
	const share = (value: number): string => {
		if (value > 0 && value < 0.001) return "under 0.1 %";
		return `${(value * 100).toFixed(value < 0.1 && value !== NOTICED ? 1 : 0)} %`;
	};
	return `Largest change ${share(largest)}; ${share(changed)} of the pixels changed by more than ${share(NOTICED)}.`;
}

/** Both at the size of the first; null where a canvas cannot be read. */
function measure(before: ImageBitmap, after: ImageBitmap): Difference | null {
	const [one, other] = [before, after].map((bitmap) => {
		const context = h("canvas", { width: before.width, height: before.height }).getContext("2d", { willReadFrequently: true });
		context?.drawImage(bitmap, 0, 0, before.width, before.height);
		return context?.getImageData(0, 0, before.width, before.height).data ?? null;
	});
	return one && other ? difference(one, other) : null;
}

export default { render };
