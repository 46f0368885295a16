/** Finished strokes on their way to Python, in the order in which they were painted, until each is confirmed. */
import type { AnyModel } from "@anywidget/types";
import type { Mask } from "../lib/brush";
import { tooHeavy } from "../lib/limits";
import { Outbox } from "../lib/outbox";
import { canCompress, greyPng } from "../lib/png";

interface Content {
	tool: "paint" | "erase";
	width: number;
	height: number;
	bytes: Uint8Array<ArrayBuffer>;
}

/** Up to here a mask travels as it is: packing would take longer than it saves [bytes]. */
const SMALL = 32_768;

export interface StrokeSender {
	readonly box: Outbox<Content>;
	/** Sends a mask under a name that Python acts on once. */
	send(name: string, mask: Mask, tool: "paint" | "erase"): void;
	/** Does something once every stroke so far has been handed over: an undo must not overtake a stroke. */
	then(work: () => void): void;
	/** Whether strokes are being packed or wait for Python. */
	readonly idle: boolean;
}

export interface SenderEvents {
	confirmed(name: string): void;
	changed(): void;
	/** A stroke that can never be sent. */
	impossible(name: string, reason: string): void;
}

export function strokeSender(model: AnyModel, events: SenderEvents, signal: AbortSignal): StrokeSender {
	let queue = Promise.resolve();
	let packing = 0;
	const box = new Outbox<Content>({
		send: (id, stroke, { bytes, ...fields }, after) => {
			// A copy: what a front end does with a buffer it was given is its own affair.
			model.send({ id, action: "stroke", stroke, after, ...fields }, undefined, [bytes.slice().buffer]);
		},
		confirmed: events.confirmed,
		changed: events.changed,
		signal,
	});
	const pack = async (name: string, { alpha, width, height }: Mask, tool: Content["tool"]): Promise<void> => {
		const raw = alpha as Uint8Array<ArrayBuffer>;
		const bytes = raw.length > SMALL && canCompress() ? await greyPng(raw, width, height).catch(() => raw) : raw;
		packing--;
		const heavy = tooHeavy(bytes.byteLength);
		if (heavy) events.impossible(name, heavy);
		else box.post(name, { tool, width, height, bytes });
	};
	return {
		box,
		get idle() {
			return packing === 0 && box.all().length === 0;
		},
		then(work) {
			queue = queue.then(work);
		},
		send(name, mask, tool) {
			packing++;
			queue = queue.then(() => pack(name, mask, tool));
		},
	};
}
