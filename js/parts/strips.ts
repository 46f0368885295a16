/** Draws tiles of a sheet: plain, with the outline of a mask, or as a segmentation. */
import { dimming, outline, redChannel } from "../lib/outline";
import { fitCanvas } from "./dom";
import type { Sheet, Strip } from "./sheets";

export type Mode = "mask" | "segmentation" | "plain";

interface Overlay {
	dim: HTMLCanvasElement;
	path: Path2D;
}

const DIM = 118; // of 255: dark enough to see the region, light enough to see the rest
const overlays = new WeakMap<ImageBitmap, Map<number, Overlay>>();

/** The dimmed outside and the outline of one tile, computed once per decoded mask. */
function overlay(mask: ImageBitmap, index: number, x: number, y: number, width: number, height: number): Overlay | null {
	const known = overlays.get(mask) ?? new Map<number, Overlay>();
	overlays.set(mask, known);
	const found = known.get(index);
	if (found) return found;
	const dim = document.createElement("canvas");
	dim.width = width;
	dim.height = height;
	const context = dim.getContext("2d", { willReadFrequently: true });
	if (!context) return null;
	context.drawImage(mask, x, y, width, height, 0, 0, width, height);
	const inside = redChannel(context.getImageData(0, 0, width, height).data);
	context.putImageData(new ImageData(dimming(inside, DIM), width, height), 0, 0);
	const path = new Path2D();
	for (const loop of outline(inside, width, height)) {
		path.moveTo(loop[0] as number, loop[1] as number);
		for (let i = 2; i < loop.length; i += 2) path.lineTo(loop[i] as number, loop[i + 1] as number);
		path.closePath();
	}
	const made = { dim, path };
	known.set(index, made);
	return made;
}

/** Draws tile `index` of a sheet into a box of the page; false while something of it is still being decoded. */
export function drawTile(
	context: CanvasRenderingContext2D,
	sheet: Sheet,
	index: number,
	mode: Mode,
	box: { x: number; y: number; width: number; height: number },
): boolean {
	const [width, height] = sheet.data.tile as [number, number];
	const sx = (index % sheet.data.columns) * width;
	const sy = Math.floor(index / sheet.data.columns) * height;
	const source = (mode === "segmentation" ? sheet.get("seg") : null) ?? sheet.get("image");
	if (!source) return false;
	context.imageSmoothingEnabled = mode !== "segmentation" || source === sheet.get("image");
	context.imageSmoothingQuality = "high";
	context.drawImage(source, sx, sy, width, height, box.x, box.y, box.width, box.height);
	const missing = mode === "segmentation" ? sheet.pending("seg") : mode === "mask" && sheet.pending("mask");
	const mask = mode === "mask" ? sheet.get("mask") : null;
	if (!mask) return !missing;
	const over = overlay(mask, index, sx, sy, width, height);
	if (!over) return true;
	context.save();
	context.beginPath();
	context.rect(box.x, box.y, box.width, box.height);
	context.clip();
	context.imageSmoothingEnabled = true;
	context.drawImage(over.dim, box.x, box.y, box.width, box.height);
	context.translate(box.x, box.y);
	const scale = box.width / width;
	context.scale(scale, box.height / height);
	context.lineJoin = "round";
	// A dark line below a light one: one of the two is visible on every picture.
	context.strokeStyle = "rgba(0, 0, 0, 0.7)";
	context.lineWidth = 3 / scale;
	context.stroke(over.path);
	context.strokeStyle = "#ffe95c";
	context.lineWidth = 1.4 / scale;
	context.stroke(over.path);
	context.restore();
	return true;
}

/** How many tiles of a strip fit into `width` when each is at least `least` wide, and how large they are. */
export function stripFit(width: number, columns: number, least: number, gap = 2): { shown: number; size: number } {
	const shown = Math.max(1, Math.min(columns, Math.floor((width + gap) / (least + gap))));
	return { shown, size: (width - gap * (shown - 1)) / shown };
}

/** How much of a strip could be drawn. */
export type Drawn = "all" | "part" | "nothing";

/** Draws the first `shown` tiles of a unit's strip next to each other. */
export function drawStrip(
	canvas: HTMLCanvasElement,
	strip: Strip,
	mode: Mode,
	{ width, height, shown, gap = 2 }: { width: number; height: number; shown: number; gap?: number },
): Drawn {
	if (!strip.sheet.get("image")) return "nothing";
	const context = fitCanvas(canvas, width, height);
	if (!context) return "nothing";
	context.clearRect(0, 0, width, height);
	const { columns } = strip.sheet.data;
	const size = (width - gap * (shown - 1)) / shown;
	let whole = true;
	for (let i = 0; i < Math.min(shown, columns); i++) {
		const box = { x: i * (size + gap), y: 0, width: size, height };
		whole = drawTile(context, strip.sheet, strip.row * columns + i, mode, box) && whole;
	}
	return whole ? "all" : "part";
}
