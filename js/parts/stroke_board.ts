/** Every stroke that is drawn in the browser: the one under the hand, and those that Python's picture does not show yet. */
import { type Area, type Brush, emptyMask, isBlank, type Mask, paintLine, stencil } from "../lib/brush";
import type { Extent } from "../lib/camera";
import { FADE, LINGER, mayFade, strength, type Trace, trace } from "../lib/traces";
import { h } from "./dom";
import type { Painted } from "./paint_layers";

export interface Look {
	brush: Brush;
	tool: "paint" | "erase";
	color: string;
}

export interface Finished {
	name: string;
	mask: Mask;
	tool: "paint" | "erase";
}

interface Unfinished extends Look {
	mask: Mask;
	canvas: HTMLCanvasElement;
	x: number;
	y: number;
}

export class StrokeBoard {
	private hand: Unfinished | null = null;
	private readonly left = new Map<string, { trace: Trace; painted: Painted }>();
	private pictures = 0;

	get painting(): boolean {
		return this.hand !== null;
	}

	begin(size: Extent, look: Look, x: number, y: number): void {
		const canvas = h("canvas", { width: size.width, height: size.height });
		this.hand = { ...look, mask: emptyMask(size.width, size.height), canvas, x, y };
		this.extend(x, y);
	}

	extend(x: number, y: number): void {
		if (!this.hand) return;
		const { mask, brush, canvas } = this.hand;
		const area = paintLine(mask, brush, this.hand.x, this.hand.y, x, y);
		Object.assign(this.hand, { x, y });
		const context = area && canvas.getContext("2d");
		if (context) context.putImageData(new ImageData(stencil(mask, area), area.width, area.height), area.x, area.y);
	}

	cancel(): boolean {
		const had = this.hand !== null;
		this.hand = null;
		return had;
	}

	/** The stroke under the hand becomes one that waits for its picture; null when nothing was painted. */
	finish(): Finished | null {
		const { hand } = this;
		this.hand = null;
		if (!hand?.mask.painted || isBlank(hand.mask)) return null;
		const name = `${Date.now().toString(36)}-${Math.random().toString(36).slice(2, 10)}`;
		this.left.set(name, { trace: trace(name, this.pictures), painted: this.keep(hand, hand.mask.painted) });
		return { name, mask: hand.mask, tool: hand.tool };
	}

	confirmed(name: string): void {
		const one = this.left.get(name)?.trace;
		if (one) Object.assign(one, { confirmed: this.pictures, confirmedAt: performance.now() });
	}

	drop(name: string): void {
		this.left.delete(name);
	}

	/** A new picture is on the stage. */
	pictured(): void {
		this.pictures++;
	}

	/** What is to be drawn now, and in how many milliseconds it will look different (null: not by itself). */
	look(busy: boolean): { strokes: Painted[]; again: number | null } {
		const now = performance.now();
		let again: number | null = null;
		for (const [name, { trace: one, painted }] of this.left) {
			if (one.fading === null && mayFade(one, this.pictures, busy, now)) one.fading = now;
			if (one.fading !== null && now - one.fading >= FADE) this.left.delete(name);
			painted.strength = strength(one, now);
			if (one.fading !== null) again = 0;
			else if (one.confirmed !== null && !busy) again ??= Math.max(0, one.confirmedAt + LINGER - now);
		}
		const strokes = [...this.left.values()].map(({ painted }) => painted);
		if (this.hand?.mask.painted) strokes.push(this.whole(this.hand));
		return { strokes, again: this.left.size > 0 ? again : null };
	}

	private whole({ canvas, mask, tool, color }: Unfinished): Painted {
		const area = { x: 0, y: 0, width: mask.width, height: mask.height };
		return { stencil: canvas, area, erases: tool === "erase", color, strength: 1 };
	}

	/** Only the painted part is kept: many strokes on a large picture would fill the memory. */
	private keep(hand: Unfinished, area: Area): Painted {
		const part = h("canvas", { width: area.width, height: area.height });
		part.getContext("2d")?.drawImage(hand.canvas, -area.x, -area.y);
		return { ...this.whole(hand), stencil: part, area };
	}
}
