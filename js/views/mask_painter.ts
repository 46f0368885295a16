/** A picture to paint on: strokes are drawn here at once, sent as masks, and fade when the new picture has come. */
import type { AnyModel, RenderProps } from "@anywidget/types";
import { type Camera, clampCamera, type Extent, panBy, place, reveal, stageHeight, toPicture, WHOLE, zoomAt } from "../lib/camera";
import { tooLarge } from "../lib/limits";
import { brushRing } from "../parts/brush_ring";
import { assign, h, listen, onPixelRatio, onResize, perFrame, setText, uid } from "../parts/dom";
import { paintCommand } from "../parts/paint_commands";
import { paintKeys } from "../parts/paint_keys";
import { drawHighlight, drawPicture, drawStrokes, type Highlight, highlightOf } from "../parts/paint_layers";
import { type Held, paintPointers, type Tool } from "../parts/paint_pointers";
import { paintStatus } from "../parts/paint_status";
import { paintToolbar } from "../parts/paint_toolbar";
import { picture } from "../parts/pictures";
import { StrokeBoard } from "../parts/stroke_board";
import { strokeSender } from "../parts/stroke_sender";
import { component, type ComponentTraits, NEEDS_KERNEL } from "./component";

export interface MaskPainterTraits extends ComponentTraits {
	image: DataView;
	size: number[];
	overlay: DataView;
	brush_size: number;
	softness: number;
	color: string;
	tool: Tool;
	tools: Tool[];
	busy: boolean;
	message: string;
	can_undo: boolean;
	can_redo: boolean;
}

const HIGHEST = 576; // of the stage [px]
const KEYS_HINT = "Arrow keys move the brush, Enter or Space paints, arrows with Space held draw a line, Escape cancels.";

function render(props: RenderProps<MaskPainterTraits>): void {
	const view = component(props, "mask-painter");
	const { signal, get } = view;
	const hintId = uid("hint");
	const below = h("canvas", { "aria-hidden": "true" });
	const above = h("canvas", { "aria-hidden": "true" });
	const scratch = h("canvas");
	const ring = brushRing();
	const stage = h("div", {
		class: "gw-stage",
		tabindex: 0,
		role: "application",
		"aria-roledescription": "painting area",
		"aria-label": "Picture to paint on",
		"aria-describedby": hintId,
	}, below, above, ring.element);
	const blank = h("div", { class: "gw-blank" });
	const wait = h("div", { class: "gw-wait", role: "status" });
	const hint = h("span", { class: "gw-sr", id: hintId }, KEYS_HINT);

	const board = new StrokeBoard();
	const held: Held = { space: false, used: false };
	let camera: Camera = WHOLE;
	let width = 0;
	let pointer: { x: number; y: number } | null = null; // on the stage [px]
	let aimed: { x: number; y: number } | null = null; // where the keys put the brush, on the picture
	let flash = ""; // why the last attempt to paint came to nothing
	let told = ""; // the last reason for which a stroke was not taken
	let light: Highlight | null = null;
	let drawn = ""; // what the canvas of the picture holds
	let timer: ReturnType<typeof setTimeout> | undefined;
	signal.addEventListener("abort", () => clearTimeout(timer), { once: true });

	const shown = picture(() => {
		if (shown.bitmap) board.pictured();
		camera = clampCamera(camera, size(), extent());
		draw(); // at once: the next frame shows it
	}, signal);
	const marked = picture(() => {
		light = highlightOf(marked.bitmap);
		redraw();
	}, signal);
	const sender = strokeSender(props.model as unknown as AnyModel, {
		confirmed: (name) => board.confirmed(name),
		changed: () => redraw(),
		impossible: (name, reason) => {
			board.drop(name);
			flash = reason;
			redraw();
		},
	}, signal);
	view.onMessage((content) => sender.box.receive(content as never));

	/** Of the picture and of its masks [pixels]. */
	const size = (): Extent => {
		const [w, h2] = get("size");
		return w && h2 ? { width: w, height: h2 } : { width: shown.bitmap?.width ?? 1, height: shown.bitmap?.height ?? 1 };
	};
	const extent = (): Extent => ({ width, height: stageHeight(size(), width, HIGHEST) });
	const at = () => place(camera, size(), extent());
	const largest = (): number => Math.max(4, Math.round(Math.max(size().width, size().height) / 2));
	const brushSize = (): number => Math.max(1, Math.min(largest(), get("brush_size")));
	const softness = (): number => Math.max(0, Math.min(1, get("softness")));
	/** Why nothing can be painted now; "" when it can. */
	const obstacle = (): string => {
		if (!view.live) return `Painting ${NEEDS_KERNEL}.`;
		return shown.bitmap ? tooLarge(size().width, size().height) : "There is no picture to paint on yet.";
	};

	// Strokes

	const begin = (x: number, y: number, tool: Tool): boolean => {
		flash = obstacle();
		redraw();
		if (flash || tool === "pan" || !get("tools").includes(tool)) return false;
		board.begin(size(), { brush: { radius: brushSize() / 2, softness: softness() }, tool, color: get("color") }, x, y);
		return true;
	};
	const extend = (x: number, y: number): void => {
		board.extend(x, y);
		redraw();
	};
	const finish = (): void => {
		const done = board.finish();
		if (done) sender.send(done.name, done.mask, done.tool);
		redraw();
	};
	const cancel = (): boolean => {
		const had = board.cancel();
		redraw();
		return had;
	};
	const discard = (): void => {
		for (const name of sender.box.discard()) board.drop(name);
		redraw();
	};
	/** Takes back what the browser still holds, else asks Python; a stroke on its way reaches Python first. */
	const undo = (): void => {
		const stuck = sender.box.all().filter(({ standing }) => standing !== "sent");
		if (cancel()) return;
		if (stuck.length > 0) sender.box.discard([stuck.at(-1)?.name ?? ""]).forEach((name) => board.drop(name));
		else if (get("can_undo") || !sender.idle) ask("undo");
	};
	const ask = (action: string): void =>
		sender.then(() => void view.request(action).catch(() => undefined)); // the reason stands in `error`

	// What is seen

	const move = (next: Camera): boolean => {
		const before = camera;
		camera = next;
		redraw();
		return before.zoom !== next.zoom || before.x !== next.x || before.y !== next.y;
	};
	const zoom = (factor: number, x = extent().width / 2, y = extent().height / 2): boolean =>
		move(zoomAt(camera, factor, x, y, size(), extent()));
	const zoomTo = (factor: number | null): void => void (factor === null ? move(WHOLE) : zoom(factor));
	const toolbar = paintToolbar({
		tool: (tool) => view.set({ tool }),
		size: (brush_size) => view.set({ brush_size }),
		softness: (soft) => view.set({ softness: soft }),
		zoom: zoomTo,
	}, signal);
	const status = paintStatus(() => sender.box.retry(), discard, signal);
	view.body.append(toolbar.element, wait, stage, blank, status.element, hint);

	const placeRing = (): void => {
		const there = at();
		const spot = aimed ? { x: aimed.x * there.scale + there.x, y: aimed.y * there.scale + there.y } : pointer;
		const tool = get("tool");
		const painting = spot !== null && (tool !== "pan" || aimed !== null) && !held.space && obstacle() === "";
		stage.classList.toggle("gw-aiming", painting && aimed === null);
		ring.show({ spot: painting ? spot : null, size: brushSize(), softness: softness(), byKey: aimed !== null }, there);
	};
	const draw = (): void => {
		const has = shown.bitmap !== null;
		stage.hidden = !has;
		blank.hidden = has;
		setText(blank, get("message") || "No picture yet.");
		wait.classList.toggle("gw-on", get("busy"));
		setText(wait, get("busy") ? "Updating" : "");
		stage.classList.toggle("gw-panning-tool", get("tool") === "pan");
		toolbar.update({
			tool: get("tool"),
			tools: get("tools"),
			size: brushSize(),
			softness: softness(),
			largest: largest(),
			zoom: camera.zoom,
			off: !view.live,
		});
		const note = flash || (view.live ? (has && (get("message") || hintFor(get("tools")))) || "" : `Painting ${NEEDS_KERNEL}.`);
		status.update(sender.box.all(), note);
		told = sender.box.all().findLast(({ reason }) => reason)?.reason ?? told;
		view.root.classList.toggle("gw-told", told !== "" && told === get("error")); // one sentence once is enough
		toolbar.element.hidden = !has;
		status.element.hidden = !has && sender.idle;
		if (width === 0 || !has) return;
		const room = extent();
		assign(stage, { style: `height:${room.height}px` });
		for (const canvas of [below, above]) assign(canvas, { style: `width:${room.width}px;height:${room.height}px` });
		const now = JSON.stringify([shown.count, at(), size(), room, window.devicePixelRatio]);
		if (now !== drawn) drawPicture(below, shown.bitmap, size(), at(), room);
		drawn = now;
		const { strokes, again } = board.look(get("busy"));
		drawStrokes(above, scratch, strokes, at(), room);
		if (light) drawHighlight(above, light, size(), at());
		placeRing();
		stage.dataset.strokes = String(strokes.length);
		clearTimeout(timer);
		if (again === 0) redraw();
		else if (again !== null) timer = setTimeout(redraw, again);
	};
	const redraw = perFrame(draw, signal);

	// Pointers and keys

	const onPicture = (x: number, y: number): { x: number; y: number } => toPicture(at(), x, y);
	paintPointers(stage, {
		tool: () => get("tool"),
		begin: (x, y, tool) => {
			aimed = null;
			const spot = onPicture(x, y);
			return begin(spot.x, spot.y, tool);
		},
		extend: (x, y) => {
			const spot = onPicture(x, y);
			extend(spot.x, spot.y);
		},
		finish,
		cancel,
		pan: (dx, dy) => void move(panBy(camera, dx, dy, size(), extent())),
		zoom,
		hover: (spot) => {
			pointer = spot;
			if (spot) aimed = null;
			placeRing();
		},
	}, held, signal);

	const where = (): { x: number; y: number } => {
		if (aimed) return aimed;
		return pointer ? onPicture(pointer.x, pointer.y) : { x: size().width / 2, y: size().height / 2 };
	};
	paintKeys(stage, {
		where,
		aim: (x, y) => {
			aimed = { x: Math.max(0, Math.min(size().width, x)), y: Math.max(0, Math.min(size().height, y)) };
			move(reveal(camera, aimed.x, aimed.y, size(), extent()));
		},
		aiming: () => aimed !== null,
		step: () => Math.max(1, brushSize() / 4),
		begin: (x, y) => begin(x, y, get("tool") === "pan" ? "paint" : get("tool")),
		extend,
		finish,
		cancel,
		other: (key) => paintCommand(key, {
			size: brushSize,
			largest,
			softness,
			tool: () => get("tool"),
			tools: () => get("tools"),
			set: (values) => view.set(values as Partial<MaskPainterTraits>),
			zoom: zoomTo,
		}),
	}, held, signal);
	listen(stage, "focus", () => {
		if (!pointer && stage.matches(":focus-visible")) aimed ??= where();
		redraw();
	}, signal);
	listen(stage, "blur", () => {
		aimed = null;
		redraw();
	}, signal);
	listen(view.root, "keydown", (event) => {
		if (!(event.ctrlKey || event.metaKey) || event.altKey) return;
		const key = event.key.toLowerCase();
		if (key === "z" && !event.shiftKey) undo();
		else if (key === "y" || key === "z") get("can_redo") && ask("redo");
		else return;
		event.preventDefault();
	}, signal);

	onResize(view.body, (now) => {
		if (Math.floor(now) === width) return;
		width = Math.floor(now);
		camera = clampCamera(camera, size(), extent());
		redraw();
	}, signal);
	onPixelRatio(redraw, signal);
	listen(below, "contextrestored", () => {
		drawn = "";
		redraw();
	}, signal);
	view.watch(["image"], () => shown.take(get("image")));
	view.watch(["overlay"], () => marked.take(get("overlay")));
	view.watch(["message"], () => {
		flash = "";
	});
	view.watch(["size", "brush_size", "softness", "color", "tool", "tools", "busy", "message", "error"], redraw);
	shown.take(get("image"));
	marked.take(get("overlay"));
	draw();
	view.ready();
}

const hintFor = (tools: readonly Tool[]): string =>
	["Drag paints", tools.includes("erase") && "Ctrl erases", "Space moves", "wheel zooms", "Esc cancels"].filter(Boolean).join(" · ");

export default { render };
