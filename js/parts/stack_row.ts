/** One edit: its picture, its words, how strongly it acts, and what can be done with it. */
import type { Entry, Strengths } from "../lib/stack";
import { assign, fitCanvas, h, icon, listen, setText } from "./dom";
import type { Sheet } from "./sheets";
import { drawTile } from "./strips";

export interface RowState {
	sheet: Sheet | null;
	/** A strength under the hand; null shows the entry's own. */
	strength: number | null;
	selected: boolean;
	hovered: boolean;
	active: boolean;
	live: boolean;
	strengths: Strengths;
	renamable: boolean;
	/** Counted from the oldest, which is 1. */
	position: number;
}

const SIDE = 36; // of a thumbnail [px]
const EYE = "M1.5 8S4 3.5 8 3.5 14.5 8 14.5 8 12 12.5 8 12.5 1.5 8 1.5 8z M8 6a2 2 0 1 0 0 4 2 2 0 1 0 0-4";
const SHUT = `${EYE} M2.5 13.5l11-11`;
const BIN = "M3 4.5h10 M6.5 4.5v-2h3v2 M4.5 4.5l.6 9h5.8l.6-9 M7 7v4 M9 7v4";
const GRIP = "M6 4v.01 M6 8v.01 M6 12v.01 M10 4v.01 M10 8v.01 M10 12v.01";

export class StackRow {
	readonly element: HTMLElement;
	private readonly canvas = h("canvas", { "aria-hidden": "true" });
	private readonly thumb = h("span", { class: "gw-stack-thumb" }, this.canvas);
	private readonly title = h("span", { class: "gw-stack-title" });
	private readonly detail = h("span", { class: "gw-stack-detail" });
	private readonly range = h("input", { type: "range", class: "gw-range", step: 0.05, "aria-label": "Strength", "data-action": "strength" });
	private readonly percent = h("output");
	private readonly strength = h("span", { class: "gw-stack-strength", role: "gridcell", "data-action": "strength" }, this.range, this.percent);
	private readonly mute = h("button", { type: "button", class: "gw-quiet", "data-action": "mute" });
	private readonly bin = h("button", { type: "button", class: "gw-quiet", "data-action": "delete", "aria-label": "Delete", title: "Delete (Del)" }, icon(BIN));

	constructor(id: string) {
		this.element = h(
			"div",
			{ class: "gw-stack-row", role: "row", "data-id": id },
			h("span", { class: "gw-stack-grip", "aria-hidden": "true", title: "Drag to move (Alt with the arrow keys)" }, icon(GRIP)),
			h("span", { class: "gw-stack-what", role: "gridcell" }, this.thumb, h("span", { class: "gw-stack-words" }, this.title, this.detail)),
			this.strength,
			h("span", { class: "gw-stack-tools", role: "gridcell" }, this.mute, this.bin),
		);
	}

	show(entry: Entry, state: RowState): void {
		const muted = entry.muted === true;
		const strength = state.strength ?? entry.strength ?? 1;
		const percent = `${Math.round(strength * 100)} %`;
		setText(this.title, entry.title);
		setText(this.detail, entry.detail ?? "");
		assign(this.element, {
			tabindex: state.active ? 0 : -1,
			"aria-selected": String(state.selected),
			"aria-rowindex": state.position,
			"aria-label": [entry.title, entry.detail, typeof entry.strength === "number" && `strength ${percent}`, muted && "muted"].filter(Boolean).join(", "),
			"data-hovered": state.hovered,
			"data-muted": muted,
			style: `--gw-swatch:${color(entry.color)}`,
		});
		const drawn = this.paint(entry, state.sheet);
		this.thumb.classList.toggle("gw-plain", !drawn);
		this.thumb.hidden = typeof entry.thumbnail !== "number" && color(entry.color) === "transparent";
		this.strength.hidden = typeof entry.strength !== "number";
		const [low, high] = state.strengths;
		assign(this.range, { min: low, max: high, "aria-valuetext": percent });
		if (Number(this.range.value) !== strength) this.range.value = String(strength);
		this.range.style.setProperty("--gw-share", `${((strength - low) / (high - low)) * 100}%`);
		assign(this.title, { title: state.renamable && state.live ? "Double-click or F2 renames" : null });
		setText(this.percent, percent);
		const label = muted ? "Use again (m)" : "Mute (m)";
		if (this.mute.title !== label) this.mute.replaceChildren(icon(muted ? SHUT : EYE));
		assign(this.mute, { title: label, "aria-label": "Mute", "aria-pressed": String(muted) });
		for (const control of [this.range, this.mute, this.bin]) {
			control.disabled = !state.live;
			control.tabIndex = state.active ? 0 : -1;
		}
	}

	/** Puts a field in place of the title; `done` hears what was typed, or null when it was given up. */
	rename(name: string, done: (typed: string | null) => void, signal: AbortSignal): void {
		if (this.title.hidden) return;
		const input = h("input", { type: "text", class: "gw-field gw-stack-name", "aria-label": "Name", "data-action": "name", maxlength: 200 });
		input.value = name;
		let open = true;
		const end = (typed: string | null, back: boolean): void => {
			if (!open) return;
			open = false;
			input.remove();
			this.title.hidden = false;
			if (back) this.element.focus();
			done(typed);
		};
		listen(input, "keydown", (event) => {
			event.stopPropagation(); // Ctrl-Z and Delete are the field's own here
			if (event.key === "Enter") end(input.value, true);
			else if (event.key === "Escape") end(null, true);
			else return;
			event.preventDefault();
		}, signal);
		listen(input, "blur", () => end(input.value, false), signal);
		this.title.hidden = true;
		this.title.after(input);
		input.focus();
		input.select();
	}

	/** Draws the thumbnail once per sheet; false when there is none. */
	private paint({ thumbnail }: Entry, sheet: Sheet | null): boolean {
		if (!sheet || typeof thumbnail !== "number") return false;
		const [width, height] = sheet.data.tile as [number, number];
		const scale = SIDE / Math.max(width, height);
		const context = fitCanvas(this.canvas, width * scale, height * scale);
		assign(this.canvas, { style: `width:${width * scale}px;height:${height * scale}px` });
		return context !== null && drawTile(context, sheet, thumbnail, "plain", { x: 0, y: 0, width: width * scale, height: height * scale });
	}
}

/** A hex colour, or nothing: strings from data do not become style rules. */
const color = (text: string | null | undefined): string => (/^#[0-9a-f]{6}$/i.test(text ?? "") ? (text as string) : "transparent");
