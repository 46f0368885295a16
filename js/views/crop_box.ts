/** A picture with a box on it: which part is meant, and how it gets the shape that is needed. */
import type { RenderProps } from "@anywidget/types";
import { stageHeight } from "../lib/camera";
import { type Crop, dragged, fromList, type Handle, largest, moved, pixels, placed, ratioOf, scaledBy, shaped, type Size, toList, WHOLE } from "../lib/crop";
import { count } from "../lib/format";
import { assign, fitCanvas, h, listen, onPixelRatio, onResize, perFrame, setText, uid } from "../parts/dom";
import { drawPicture } from "../parts/paint_layers";
import { picture } from "../parts/pictures";
import { segmented } from "../parts/segmented";
import { component, type ComponentTraits } from "./component";

export interface CropBoxTraits extends ComponentTraits {
	image: DataView;
	size: number[];
	box: number[];
	aspect: number;
	fit: string;
	fits: string[];
	title: string;
	message: string;
	busy: boolean;
}

const HIGHEST = 320; // of the picture [px]
const PREVIEW = 72; // longest side of the small picture [px]
const LABELS: Record<string, string> = { crop: "Crop", letterbox: "Letterbox", stretch: "Stretch" };
const HINTS: Record<string, string> = {
	crop: "The box is cut out.",
	letterbox: "The box is kept whole, between grey bars.",
	stretch: "The box is squashed into shape.",
};
const KEYS_HINT = "Arrow keys move the box; with Shift, or + and −, it gets larger or smaller; Home makes it as large as can be.";
const MOVES: Record<string, readonly [number, number]> = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const GROWTH: Record<string, number> = { "+": 1.05, "=": 1.05, "-": 1 / 1.05 };
const STEP = 0.01;
const SIDES = [-1, 0, 1] as const;

function render(props: RenderProps<CropBoxTraits>): void {
	const view = component(props, "crop-box");
	const { signal, get } = view;
	const hintId = uid("hint");
	const title = h("h3", { class: "gw-title" });
	const modes = segmented("How it gets into shape", (fit) => choose(fit), signal);
	const wait = h("div", { class: "gw-wait", role: "status" });
	const canvas = h("canvas", { "aria-hidden": "true" });
	const handles = SIDES.flatMap((y) => SIDES.map((x) => ({ x, y }))).filter(({ x, y }) => x !== 0 || y !== 0);
	const grips = handles.map(({ x, y }) => h("i", { class: "gw-crop-grip", "data-x": x, "data-y": y }));
	const frame = h("div", { class: "gw-crop-frame", tabindex: 0, role: "application", "aria-roledescription": "crop box", "aria-describedby": hintId }, ...grips);
	const shade = h("div", { class: "gw-crop-shade" });
	const stage = h("div", { class: "gw-crop-stage" }, h("div", { class: "gw-crop-clip" }, canvas, shade), frame);
	const preview = h("canvas", { class: "gw-crop-preview", role: "img", "aria-label": "What is taken" });
	const words = h("div", { class: "gw-crop-words", role: "status" });
	const reset = h("button", { type: "button", class: "gw-quiet", title: "Make the box as large as can be" }, "Largest");
	const foot = h("div", { class: "gw-crop-foot" }, preview, words, reset);
	const blank = h("div", { class: "gw-blank" });
	view.body.append(h("div", { class: "gw-crop-head" }, title, modes.element), wait, stage, foot, blank, h("span", { class: "gw-sr", id: hintId }, KEYS_HINT));

	let width = 0;
	let gesture: { pointer: number; handle: Handle | null; from: Crop; x: number; y: number } | null = null;
	let held: Crop | null = null; // the box of a gesture that has not ended
	const shown = picture(() => redraw(), signal);

	const size = (): Size => {
		const [w, high] = get("size");
		return w && high ? { width: w, height: high } : { width: shown.bitmap?.width ?? 1, height: shown.bitmap?.height ?? 1 };
	};
	const ratio = (fit = get("fit")): number => (fit === "crop" ? ratioOf(get("aspect"), size()) : 0);
	const box = (): Crop => held ?? fromList(get("box"));
	const send = (next: Crop, fit = get("fit")): void => {
		held = null;
		view.set({ box: toList(next), fit });
		redraw();
	};
	const choose = (fit: string): void => send(fit === "crop" ? shaped(box(), ratio(fit)) : get("fit") === "crop" ? WHOLE : box(), fit);

	const draw = (): void => {
		const bitmap = shown.bitmap;
		setText(title, get("title"));
		modes.update(get("fits").map((value) => ({ value, label: LABELS[value] ?? value })), get("fit"));
		modes.element.hidden = !bitmap || get("fits").length < 2;
		wait.classList.toggle("gw-on", get("busy"));
		setText(wait, get("busy") ? "Updating" : "");
		for (const part of [stage, foot]) part.hidden = !bitmap;
		blank.hidden = bitmap !== null;
		setText(blank, get("message") || "No picture yet.");
		if (!bitmap || width === 0) return;
		const high = stageHeight(size(), width, HIGHEST);
		const scale = Math.min(width / size().width, high / size().height);
		const extent = { width: Math.max(1, size().width * scale), height: Math.max(1, size().height * scale) };
		assign(stage, { style: `width:${extent.width}px;height:${extent.height}px` });
		assign(canvas, { style: `width:${extent.width}px;height:${extent.height}px` });
		drawPicture(canvas, bitmap, size(), { scale, x: 0, y: 0 }, extent);
		drawFrame();
		drawPreview(bitmap);
	};
	const drawFrame = (): void => {
		const { top, left, bottom, right } = box();
		const percent = (share: number): string => `${(share * 100).toFixed(3)}%`;
		const style = `top:${percent(top)};left:${percent(left)};width:${percent(right - left)};height:${percent(bottom - top)}`;
		const part = pixels(box(), size());
		const said = `${count(part.width)} × ${count(part.height)} of ${count(size().width)} × ${count(size().height)} pixels`;
		assign(shade, { style });
		assign(frame, { style, "aria-label": `Part of the picture: ${said}`, "aria-disabled": String(!view.live) });
		frame.classList.toggle("gw-crop-shaped", ratio() > 0);
		setText(words, `${said}. ${HINTS[get("fit")] ?? ""}`);
		reset.disabled = !view.live;
		assign(reset, { title: view.live ? "Make the box as large as can be" : view.needs });
	};
	/** What the part looks like in its new shape: bars and squashing are seen, not read. */
	const drawPreview = (bitmap: ImageBitmap): void => {
		const part = pixels(box(), size());
		const aspect = get("aspect") > 0 ? get("aspect") : part.width / part.height;
		const wide = { width: aspect >= 1 ? PREVIEW : PREVIEW * aspect, height: aspect >= 1 ? PREVIEW / aspect : PREVIEW };
		assign(preview, { style: `width:${wide.width}px;height:${wide.height}px` });
		const context = fitCanvas(preview, wide.width, wide.height);
		if (!context) return;
		context.fillStyle = "#808080";
		context.fillRect(0, 0, wide.width, wide.height);
		context.imageSmoothingQuality = "high";
		const at = placed(part, wide, get("fit"));
		const { top, left, bottom, right } = box();
		const from = [left * bitmap.width, top * bitmap.height, (right - left) * bitmap.width, (bottom - top) * bitmap.height] as const;
		context.drawImage(bitmap, ...from, at.x, at.y, at.width, at.height);
	};
	const redraw = perFrame(draw, signal);

	// Mouse, pen and fingers: the box moves by its inside, its grips pull it larger.

	const share = (event: PointerEvent): { x: number; y: number } => {
		const outer = stage.getBoundingClientRect();
		return { x: (event.clientX - outer.left) / Math.max(1, outer.width), y: (event.clientY - outer.top) / Math.max(1, outer.height) };
	};
	listen(frame, "pointerdown", (event) => {
		if (event.button !== 0 || !event.isPrimary || !view.live) return;
		const { x, y } = (event.target as HTMLElement).dataset;
		const handle = x === undefined ? null : ({ x: Number(x), y: Number(y) } as Handle);
		gesture = { pointer: event.pointerId, handle, from: box(), ...share(event) };
		frame.setPointerCapture?.(event.pointerId);
		frame.focus({ preventScroll: true });
		event.preventDefault();
	}, signal);
	listen(frame, "pointermove", (event) => {
		if (gesture?.pointer !== event.pointerId) return;
		const { x, y } = share(event);
		const { handle, from } = gesture;
		held = handle ? dragged(from, handle, x, y, ratio()) : moved(from, x - gesture.x, y - gesture.y);
		redraw();
	}, signal);
	for (const type of ["pointerup", "pointercancel"] as const) {
		listen(frame, type, (event) => {
			if (gesture?.pointer !== event.pointerId) return;
			gesture = null;
			if (held && type === "pointerup") return send(held);
			held = null;
			redraw();
		}, signal);
	}
	listen(frame, "keydown", (event) => {
		const move = MOVES[event.key];
		const growth = GROWTH[event.key] ?? (event.shiftKey && move ? 1.05 ** (move[0] - move[1]) : undefined);
		if (event.key === "Escape" && gesture) {
			gesture = held = null;
			redraw();
		} else if (!view.live) return;
		else if (growth) send(scaledBy(box(), growth, ratio()));
		else if (move) send(moved(box(), move[0] * STEP, move[1] * STEP));
		else if (event.key === "Home") send(largest(ratio()));
		else return;
		event.preventDefault();
	}, signal);
	listen(reset, "click", () => send(largest(ratio())), signal);

	onResize(view.body, (now) => {
		if (Math.floor(now) === width) return;
		width = Math.floor(now);
		redraw();
	}, signal);
	onPixelRatio(redraw, signal);
	view.watch(["image"], () => shown.take(get("image")));
	view.watch(["size", "box", "aspect", "fit", "fits", "title", "message", "busy"], redraw);
	view.onLive(redraw);
	shown.take(get("image"));
	draw();
	view.ready();
}

export default { render };
