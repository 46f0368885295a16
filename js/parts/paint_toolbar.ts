/** Above a painter: the tool, the brush, and how near the picture is. */
import { brushSizes, nearestSize } from "../lib/brush";
import { short } from "../lib/format";
import { assign, h, icon, listen, setText, uid } from "./dom";
import type { Tool } from "./paint_pointers";
import { segmented } from "./segmented";

export interface PaintToolbarState {
	tool: Tool;
	tools: readonly Tool[];
	size: number;
	softness: number;
	largest: number;
	zoom: number;
	off: boolean;
}

export interface PaintToolbarActions {
	tool(tool: Tool): void;
	size(size: number): void;
	softness(softness: number): void;
	zoom(factor: number | null): void;
}

const WORDS: Record<Tool, string> = { paint: "Paint", erase: "Erase", pan: "Move" };
const HINTS: Record<string, string> = { size: "Smaller and larger: [ and ]", softness: "Harder and softer: { and }" };
const PATHS = { minus: "M3.5 8h9", plus: "M3.5 8h9 M8 3.5v9" };

export interface PaintToolbar {
	element: HTMLElement;
	update(state: PaintToolbarState): void;
}

export function paintToolbar(actions: PaintToolbarActions, signal: AbortSignal): PaintToolbar {
	const tools = segmented("Tool", (value) => actions.tool(value as Tool), signal);
	let sizes = brushSizes(1);
	const size = slider("Size", "size", (at) => actions.size(sizes[at] as number), signal);
	const softness = slider("Softness", "softness", (at) => actions.softness(at / 20), signal);
	const button = (label: string, ...content: (Node | string)[]): HTMLButtonElement =>
		h("button", { type: "button", class: "gw-quiet", "aria-label": label, title: label }, ...content);
	const out = button("Zoom out (-)", icon(PATHS.minus));
	const whole = button("Show the whole picture (0)", "100 %");
	const into = button("Zoom in (+)", icon(PATHS.plus));
	listen(out, "click", () => actions.zoom(1 / 1.5), signal);
	listen(whole, "click", () => actions.zoom(null), signal);
	listen(into, "click", () => actions.zoom(1.5), signal);
	return {
		element: h(
			"div",
			{ class: "gw-paint-bar", role: "toolbar", "aria-label": "Brush and view" },
			tools.element,
			size.element,
			softness.element,
			h("span", { class: "gw-paint-zoom", role: "group", "aria-label": "Zoom" }, out, whole, into),
		),
		update(state) {
			if (sizes.at(-1) !== state.largest) sizes = brushSizes(state.largest);
			tools.element.hidden = state.tools.length < 2;
			tools.update(state.tools.map((value) => ({ value, label: WORDS[value] })), state.tool);
			size.update(nearestSize(sizes, state.size), sizes.length - 1, `${short(state.size)} px`, state.off);
			softness.update(Math.round(state.softness * 20), 20, `${Math.round(state.softness * 100)} %`, state.off);
			setText(whole, `${Math.round(state.zoom * 100)} %`);
			out.disabled = whole.disabled = state.zoom <= 1;
		},
	};
}

interface Slider {
	element: HTMLElement;
	update(at: number, last: number, words: string, off: boolean): void;
}

function slider(label: string, name: string, changed: (at: number) => void, signal: AbortSignal): Slider {
	const id = uid(name);
	const input = h("input", { type: "range", class: "gw-range", id, min: 0, max: 20, step: 1, title: HINTS[name] });
	const output = h("output", { for: id });
	listen(input, "input", () => changed(Number(input.value)), signal);
	return {
		element: h("span", { class: "gw-paint-slider" }, h("label", { for: id }, label), input, output),
		update(at, last, words, off) {
			assign(input, { max: last, "aria-valuetext": words });
			if (Number(input.value) !== at) input.value = String(at);
			input.style.setProperty("--gw-share", `${last > 0 ? (at / last) * 100 : 0}%`);
			input.disabled = off;
			setText(output, words);
		},
	};
}
