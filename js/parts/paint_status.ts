/** Below a painter: what is on its way to Python, what did not get there and what to do about it, or how to paint. */
import { plural } from "../lib/format";
import type { Parcel } from "../lib/outbox";
import { h, listen, setText } from "./dom";

export interface PaintStatus {
	element: HTMLElement;
	update(parcels: readonly Parcel<unknown>[], note: string): void;
}

const LATE = 2500; // [ms]

export function paintStatus(retry: () => void, discard: () => void, signal: AbortSignal): PaintStatus {
	const text = h("span", { class: "gw-paint-text", role: "status" });
	const again = h("button", { type: "button", class: "gw-button" }, "Send again");
	const drop = h("button", { type: "button", class: "gw-quiet" }, "Discard");
	const element = h("div", { class: "gw-paint-status" }, text, again, drop);
	listen(again, "click", retry, signal);
	listen(drop, "click", discard, signal);
	return {
		element,
		update(parcels, note) {
			const stuck = parcels.filter(({ standing }) => standing !== "sent");
			again.hidden = drop.hidden = stuck.length === 0;
			element.classList.toggle("gw-stuck", stuck.length > 0);
			setText(text, sentence(parcels, stuck) || note);
		},
	};
}

function sentence(parcels: readonly Parcel<unknown>[], stuck: readonly Parcel<unknown>[]): string {
	if (stuck.length > 0) {
		const kept = stuck.length === 1 ? "This stroke was not taken and is kept here" : `${plural(stuck.length, "stroke")} were not taken and are kept here`;
		return `${kept}: ${stuck.at(-1)?.reason}`;
	}
	const late = parcels.filter(({ since }) => Date.now() - since > LATE).length;
	return late > 0 ? `Python is busy; ${late === 1 ? "1 stroke waits" : `${plural(late, "stroke")} wait`} for it.` : "";
}
