/** The brush under the pointer, or where the keys put it. */
import type { Placement } from "../lib/camera";
import { assign, h } from "./dom";

export interface RingState {
	/** Middle of the brush [px of the stage]; null hides it. */
	spot: { x: number; y: number } | null;
	/** Diameter [pixels of the picture]. */
	size: number;
	softness: number;
	byKey: boolean;
}

export interface BrushRing {
	element: HTMLElement;
	show(state: RingState, at: Placement): void;
}

const SMALL = 8; // below this a cross shows where the brush is [px]

export function brushRing(): BrushRing {
	const element = h("div", { class: "gw-brush", hidden: true });
	return {
		element,
		show({ spot, size, softness, byKey }, at) {
			element.hidden = spot === null;
			if (!spot) return;
			const side = size * at.scale;
			const core = `${(100 * (1 - softness)).toFixed(0)}%`;
			element.classList.toggle("gw-small", side < SMALL);
			element.classList.toggle("gw-by-key", byKey);
			assign(element, {
				style: `width:${side}px;height:${side}px;transform:translate(${spot.x - side / 2}px,${spot.y - side / 2}px);--gw-core:${core}`,
			});
		},
	};
}
