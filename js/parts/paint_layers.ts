/** The two canvases of a painter: the picture, and above it what was painted and what is pointed at. */
import type { Area } from "../lib/brush";
import type { Extent, Placement } from "../lib/camera";
import { dimming, outline, redChannel } from "../lib/outline";
import { fitCanvas } from "./dom";

/** A stroke as it is drawn: a stencil that lies at `area` of the picture. */
export interface Painted {
	stencil: HTMLCanvasElement;
	area: Area;
	erases: boolean;
	color: string;
	strength: number;
}

/** Beyond this many device pixels per pixel of the picture, its pixels are shown as they are. */
const COARSE = 3;

export function drawPicture(canvas: HTMLCanvasElement, bitmap: ImageBitmap | null, picture: Extent, at: Placement, stage: Extent): void {
	const context = fitCanvas(canvas, stage.width, stage.height);
	if (!context) return;
	context.clearRect(0, 0, stage.width, stage.height);
	if (!bitmap) return;
	context.imageSmoothingEnabled = (at.scale * picture.width * window.devicePixelRatio) / bitmap.width < COARSE;
	context.imageSmoothingQuality = "high";
	context.drawImage(bitmap, at.x, at.y, picture.width * at.scale, picture.height * at.scale);
}

/** Draws strokes of one look together: a hatched tint that can be told from every picture below it. */
export function drawStrokes(canvas: HTMLCanvasElement, scratch: HTMLCanvasElement, strokes: readonly Painted[], at: Placement, stage: Extent): void {
	const context = fitCanvas(canvas, stage.width, stage.height);
	if (!context) return;
	context.clearRect(0, 0, stage.width, stage.height);
	const looks = new Map<string, Painted[]>();
	for (const stroke of strokes) {
		const look = `${stroke.erases} ${stroke.color} ${stroke.strength.toFixed(2)}`;
		looks.set(look, [...(looks.get(look) ?? []), stroke]);
	}
	for (const alike of looks.values()) {
		const [first] = alike as [Painted];
		const ink = fitCanvas(scratch, stage.width, stage.height);
		if (!ink) return;
		ink.clearRect(0, 0, stage.width, stage.height);
		ink.imageSmoothingQuality = "high";
		for (const { stencil, area } of alike) {
			ink.drawImage(stencil, area.x * at.scale + at.x, area.y * at.scale + at.y, area.width * at.scale, area.height * at.scale);
		}
		ink.setTransform(1, 0, 0, 1, 0, 0);
		ink.globalCompositeOperation = "source-in";
		ink.fillStyle = hatch(ink, first.erases ? "#808080" : first.color, first.erases) ?? first.color;
		ink.fillRect(0, 0, scratch.width, scratch.height);
		ink.globalCompositeOperation = "source-over";
		context.globalAlpha = first.strength;
		context.drawImage(scratch, 0, 0, stage.width, stage.height);
		context.globalAlpha = 1;
	}
}

/** Diagonal lines over a tint; the other way round for what erases. */
function hatch(context: CanvasRenderingContext2D, color: string, mirrored: boolean): CanvasPattern | null {
	const side = Math.round(10 * (window.devicePixelRatio || 1));
	const tile = document.createElement("canvas");
	tile.width = tile.height = side;
	const pen = tile.getContext("2d");
	if (!pen) return null;
	pen.globalAlpha = 0.58;
	pen.fillStyle = color;
	pen.fillRect(0, 0, side, side);
	pen.globalAlpha = 0.4;
	pen.strokeStyle = "#ffffff";
	pen.lineWidth = side / 9;
	if (mirrored) pen.setTransform(-1, 0, 0, 1, side, 0);
	for (const shift of [-side, 0, side]) {
		pen.moveTo(shift - 1, side + 1);
		pen.lineTo(shift + side + 1, -1);
	}
	pen.stroke();
	return context.createPattern(tile, "repeat");
}

/** A region to point at: its surroundings dimmed, its edge drawn. */
export interface Highlight {
	dim: HTMLCanvasElement;
	path: Path2D;
	width: number;
	height: number;
}

export function highlightOf(mask: ImageBitmap | null): Highlight | null {
	if (!mask) return null;
	const { width, height } = mask;
	const dim = document.createElement("canvas");
	[dim.width, dim.height] = [width, height];
	const context = dim.getContext("2d", { willReadFrequently: true });
	if (!context) return null;
	context.drawImage(mask, 0, 0);
	const inside = redChannel(context.getImageData(0, 0, width, height).data);
	context.putImageData(new ImageData(dimming(inside, 90), width, height), 0, 0);
	const path = new Path2D();
	for (const loop of outline(inside, width, height)) {
		path.moveTo(loop[0] as number, loop[1] as number);
		for (let i = 2; i < loop.length; i += 2) path.lineTo(loop[i] as number, loop[i + 1] as number);
		path.closePath();
	}
	return { dim, path, width, height };
}

export function drawHighlight(canvas: HTMLCanvasElement, light: Highlight, picture: Extent, at: Placement): void {
	const context = canvas.getContext("2d");
	if (!context) return;
	const [sx, sy] = [(picture.width * at.scale) / light.width, (picture.height * at.scale) / light.height];
	context.save();
	context.translate(at.x, at.y);
	context.scale(sx, sy);
	context.drawImage(light.dim, 0, 0);
	context.lineJoin = "round";
	// A dark line below a light one: one of the two is visible on every picture.
	for (const [color, width] of [["rgba(0, 0, 0, 0.7)", 3.4], ["#ffe95c", 1.6]] as const) {
		context.strokeStyle = color;
		context.lineWidth = width / sx;
		context.stroke(light.path);
	}
	context.restore();
}
