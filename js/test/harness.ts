/** A notebook in miniature: a model, a place on a page with a size, and a record of what was sent to Python. */
import type { RenderProps } from "@anywidget/types";
import { afterEach, beforeEach, vi } from "vitest";
import { StaticModel } from "../lib/page";

export const WIDTH = 640;
const HEIGHT = 480;

interface Widget<T> {
	render: (props: RenderProps<T & Record<string, unknown>>) => unknown;
}

export class FakeModel extends StaticModel {
	readonly sent: Record<string, unknown>[] = [];
	readonly saved = vi.fn();
	/** Throws, as a model does after a kernel restart. */
	gone = false;
	private readonly receivers = new Set<(content: unknown, buffers: DataView[]) => void>();

	override send(content?: unknown): void {
		if (this.gone) throw new Error("Cannot send");
		this.sent.push(content as Record<string, unknown>);
	}

	override save_changes(): void {
		this.saved();
	}

	override on(event: string, handler: (...values: unknown[]) => void): void {
		if (event === "msg:custom") this.receivers.add(handler);
		super.on(event, handler);
	}

	override off(event?: string | null, handler?: ((...values: unknown[]) => void) | null): void {
		if (event === "msg:custom" && handler) this.receivers.delete(handler);
		super.off(event, handler);
	}

	/** What Python sends. */
	receive(content: unknown, buffers: DataView[] = []): void {
		for (const handler of [...this.receivers]) handler(content, buffers);
	}

	/** Answers the newest request. */
	answer(error = ""): void {
		this.receive({ id: this.sent.at(-1)?.id, ok: error === "", error });
	}
}

export interface Mounted {
	model: FakeModel;
	el: HTMLElement;
	root: HTMLElement;
	controller: AbortController;
	/** Waits until what was scheduled for the next frames is drawn. */
	settle(): Promise<void>;
	all(selector: string): HTMLElement[];
	one(selector: string): HTMLElement;
}

export async function settle(): Promise<void> {
	for (let i = 0; i < 3; i++) await new Promise((resolve) => requestAnimationFrame(() => resolve(null)));
	await new Promise((resolve) => setTimeout(resolve, 0));
}

export async function mount(widget: unknown, traits: Record<string, unknown>, host: unknown = {}): Promise<Mounted> {
	const model = new FakeModel({ error: "", ...traits });
	const el = document.createElement("div");
	document.body.append(el);
	const controller = new AbortController();
	mounted.push(controller);
	await (widget as Widget<Record<string, unknown>>).render({
		model: model.as(),
		el,
		signal: controller.signal,
		host,
		experimental: {},
	} as never);
	await settle();
	const one = (selector: string): HTMLElement => {
		const found = el.querySelector<HTMLElement>(selector);
		if (!found) throw new Error(`nothing matches ${selector}`);
		return found;
	};
	return { model, el, root: one(".gw"), controller, settle, one, all: (selector) => [...el.querySelectorAll<HTMLElement>(selector)] };
}

export function press(target: Element, key: string, options: KeyboardEventInit = {}): KeyboardEvent {
	const event = new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...options });
	target.dispatchEvent(event);
	return event;
}

export function click(target: Element, options: MouseEventInit = {}): void {
	target.dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true, detail: 1, ...options }));
}

const mounted: AbortController[] = [];

/** Sizes that happy-dom does not compute. Call once per test file with views. */
export function givePageASize(): void {
	beforeEach(() => {
		for (const [name, size] of [["clientWidth", WIDTH], ["clientHeight", HEIGHT], ["offsetWidth", 100], ["offsetHeight", 40]] as const) {
			vi.spyOn(HTMLElement.prototype, name, "get").mockReturnValue(size);
		}
		vi.stubGlobal(
			"ResizeObserver",
			class {
				constructor(private readonly tell: (entries: unknown[]) => void) {}
				observe(): void {
					this.tell([{ contentRect: { width: WIDTH, height: HEIGHT } }]);
				}
				disconnect(): void {}
			},
		);
	});
	afterEach(() => {
		for (const controller of mounted.splice(0)) controller.abort();
		document.body.replaceChildren();
		vi.unstubAllGlobals();
	});
}

/** A few units with every kind of row. */
export function someRows(): Record<string, unknown> {
	return {
		rows: {
			unit: [0, 1, 2, 3, 4],
			label: ["tree", "sky", "tree", "door", ""],
			category: ["object", "object", "object", "part", ""],
			iou: [0.1, 0.3, 0.2, 0.02, null],
			chance: [0.05, 0.31, 0.05, 0.05, null],
			above: [true, false, true, false, null],
			labelled: [true, true, true, false, false],
			low: [0.08, 0.28, 0.15, 0.01, null],
			high: [0.12, 0.33, 0.25, 0.03, null],
			effect: [null, null, null, null, null],
			status: ["ok", "ok", "ok", "ok", "dead"],
		},
		sheets: [],
		wanted: [],
		selected: [],
		concepts: [],
		query: "",
		category: "",
		groups: [],
		sort: "iou",
		mode: "mask",
		detail: null,
		kept: {},
		legend: [],
		message: "",
	};
}
