/** What every view shares: the root, the traits, requests, the error strip, the theme, and the end of it all. */
import type { AnyModel, Host, RenderProps } from "@anywidget/types";
import { h, icon, ICONS, listen, perFrame, setText } from "../parts/dom";
import { watchTheme } from "../parts/theme";

/** Traits of `Component` in Python. */
export interface ComponentTraits {
	error: string;
}

/** Why something cannot be used on an exported page. */
export const NEEDS_KERNEL = "needs Python: open the notebook to use it";
/** Why something cannot be used any more. */
export const NEEDS_RUN = "needs Python: run the cell again to use it";

export interface View<T extends ComponentTraits> {
	root: HTMLElement;
	/** Where the component draws; the error strip stands below it. */
	body: HTMLElement;
	signal: AbortSignal;
	host: Host;
	/** False where no Python answers: on an exported page, and from the moment on when a layout sees it go. */
	readonly live: boolean;
	/** Why something cannot be used while not `live`; follows a verb-less name, as in "Run needs Python: …". */
	readonly needs: string;
	/** Calls `work` when `live` has changed. */
	onLive(work: () => void): void;
	get<K extends keyof T & string>(name: K): T[K];
	/** Changes traits and tells Python. */
	set(values: Partial<T>): void;
	/** Calls `work` after any of these traits changed. */
	watch(names: readonly (keyof T & string)[], work: () => void): void;
	/** Messages from Python that answer no request. */
	onMessage(work: (content: Record<string, unknown>, buffers: DataView[]) => void): void;
	/** Asks Python to act. Rejects with one sentence when it refuses, or when nobody is there. */
	request(action: string, fields?: Record<string, unknown>, timeout?: number, buffers?: ArrayBuffer[]): Promise<void>;
	/** Draws before the next paint; called for every change of theme too. */
	onTheme(work: () => void): void;
	/** Marks the view as painted. */
	ready(): void;
}

export class Disconnected extends Error {}
export class NoAnswer extends Error {}

interface Reply {
	id: string;
	ok: boolean;
	error: string;
}

const isReply = (content: unknown): content is Reply =>
	typeof content === "object" && content !== null && "id" in content && "ok" in content;

export function component<T extends ComponentTraits>(
	{ model, el, signal, host }: RenderProps<T>,
	name: string,
	options: { showError?: boolean } = {},
): View<T> {
	const body = h("div", { class: "gw-body" });
	const root = h("div", { class: `gw gw-${name}`, "data-lm-suppress-shortcuts": "true" }, body);
	const themed: (() => void)[] = [];
	const traits = model as AnyModel<T & { live?: boolean }>;
	el.append(root);
	signal.addEventListener("abort", () => root.remove(), { once: true });
	watchTheme(root, () => themed.forEach((work) => work()), signal);

	// Jupyter, VS Code and Colab would take "d d" or "b" for themselves; Tab must still leave the component.
	listen(root, "keydown", (event) => event.key !== "Tab" && event.stopPropagation(), signal);

	const watch = (names: readonly string[], work: () => void): void => {
		for (const trait of names) model.on(`change:${trait}`, work);
		signal.addEventListener("abort", () => names.forEach((trait) => model.off(`change:${trait}`, work)), { once: true });
	};
	const onMessage = (work: (content: Record<string, unknown>, buffers: DataView[]) => void): void => {
		const receive = (content: unknown, buffers: DataView[]): void => {
			if (typeof content === "object" && content !== null) work(content as Record<string, unknown>, buffers ?? []);
		};
		model.on("msg:custom", receive);
		signal.addEventListener("abort", () => model.off("msg:custom", receive), { once: true });
	};

	const waiting = new Map<string, { resolve: () => void; reject: (reason: Error) => void }>();
	onMessage((content) => {
		if (!isReply(content)) return;
		const asked = waiting.get(content.id);
		if (content.ok) asked?.resolve();
		else asked?.reject(new Error(content.error || "Python could not do that."));
	});
	const live = (): boolean => traits.get("live") !== false;
	const needs = live() ? NEEDS_RUN : NEEDS_KERNEL;
	const request: View<T>["request"] = (action, fields = {}, timeout = 0, buffers = undefined) =>
		new Promise<void>((resolve, reject) => {
			if (!live()) return reject(new Disconnected(`This ${needs}.`));
			const id = Math.random().toString(36).slice(2) + Date.now().toString(36);
			const timer = timeout > 0 ? setTimeout(() => settle(() => reject(new NoAnswer("Python has not answered."))), timeout) : 0;
			const end = (): void => settle(() => reject(new Disconnected("The view was closed.")));
			const settle = (how: () => void): void => {
				clearTimeout(timer);
				waiting.delete(id);
				signal.removeEventListener("abort", end);
				how();
			};
			waiting.set(id, { resolve: () => settle(resolve), reject: (reason) => settle(() => reject(reason)) });
			signal.addEventListener("abort", end, { once: true });
			try {
				if (buffers) model.send({ id, action, ...fields }, undefined, buffers);
				else model.send({ id, action, ...fields });
			} catch {
				settle(() => reject(new Disconnected("Python is gone: the kernel was restarted or closed. Run the cell again.")));
			}
		});

	if (options.showError !== false) {
		const strip = errorStrip();
		root.append(strip.element);
		const show = (): void => strip.show(model.get("error") ?? "");
		watch(["error"], show);
		listen(strip.close, "click", () => strip.show(""), signal);
		show();
	}

	return {
		root,
		body,
		signal,
		host,
		get live() {
			return live();
		},
		needs,
		onLive: (work) => watch(["live"], work),
		watch,
		onMessage,
		request,
		get: (trait) => model.get(trait),
		set: (values) => {
			for (const [trait, value] of Object.entries(values)) model.set(trait as keyof T, value as T[keyof T]);
			try {
				model.save_changes();
			} catch {
				// The kernel is gone; the layout says so. What was chosen stays visible.
			}
		},
		onTheme: (work) => void themed.push(work),
		ready: perFrame(() => {
			root.dataset.ready = "1";
		}, signal),
	};
}

/** A red strip with a sentence and a button that closes it. */
export function errorStrip(): { element: HTMLElement; close: HTMLElement; show: (message: string) => void } {
	const text = h("span", { class: "gw-error-text" });
	const close = h("button", { type: "button", class: "gw-quiet", "aria-label": "Dismiss the message" }, icon(ICONS.close));
	const element = h("div", { class: "gw-error", role: "alert", hidden: true }, icon(ICONS.alert), text, close);
	const show = (message: string): void => {
		setText(text, message);
		element.hidden = message === "";
	};
	return { element, close, show };
}
