/** An exported page's data: states with their bytes put back, and a small model that lives without a kernel. */
import type { AnyModel } from "@anywidget/types";

export interface SavedModel {
	kind: string;
	state: Record<string, unknown>;
	buffers: { path: (string | number)[]; data: string }[];
}

export interface SavedPage {
	root: string;
	models: Record<string, SavedModel>;
	scripts: Record<string, string>;
}

export function bytesOf(base64: string): DataView {
	const text = atob(base64);
	const bytes = new Uint8Array(text.length);
	for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
	return new DataView(bytes.buffer);
}

/** Puts every buffer back to its place in the state. */
export function restore({ state, buffers }: SavedModel): Record<string, unknown> {
	for (const { path, data } of buffers) {
		let place = state as Record<string | number, unknown>;
		for (const step of path.slice(0, -1)) place = place[step] as Record<string | number, unknown>;
		place[path.at(-1) as string | number] = bytesOf(data);
	}
	return state;
}

type Handler = (...values: unknown[]) => void;

/** A model that remembers and tells, as the notebook's does; what is sent to Python is dropped. */
export class StaticModel {
	private readonly handlers = new Map<string, Set<Handler>>();

	constructor(private readonly state: Record<string, unknown>) {}

	get(name: string): unknown {
		return this.state[name];
	}

	set(name: string, value: unknown): void {
		if (this.state[name] === value) return;
		this.state[name] = value;
		for (const handler of [...(this.handlers.get(`change:${name}`) ?? [])]) handler();
	}

	on(event: string, handler: Handler): void {
		const known = this.handlers.get(event) ?? new Set();
		this.handlers.set(event, known.add(handler));
	}

	off(event?: string | null, handler?: Handler | null): void {
		if (!event) this.handlers.clear();
		else if (handler) this.handlers.get(event)?.delete(handler);
		else this.handlers.delete(event);
	}

	/** How many listeners there are; 0 after every view has ended. */
	get listeners(): number {
		return [...this.handlers.values()].reduce((sum, set) => sum + set.size, 0);
	}

	save_changes(): void {}
	send(): void {}

	as<T extends Record<string, unknown>>(): AnyModel<T> {
		return this as unknown as AnyModel<T>;
	}
}
