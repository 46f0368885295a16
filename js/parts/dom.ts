/** Elements from code: text is only ever text, and every listener ends with the view. */

type Child = Node | string | null | undefined | false;
type Value = string | number | boolean | null | undefined;

/** An element with attributes (false and null leave one out; true is an empty one) and children. */
export function h<K extends keyof HTMLElementTagNameMap>(
	tag: K,
	attributes: Record<string, Value> = {},
	...children: Child[]
): HTMLElementTagNameMap[K] {
	const element = document.createElement(tag);
	assign(element, attributes);
	element.append(...children.filter((child): child is Node | string => Boolean(child)));
	return element;
}

/** The same for SVG. */
export function svg<K extends keyof SVGElementTagNameMap>(
	tag: K,
	attributes: Record<string, Value> = {},
	...children: Child[]
): SVGElementTagNameMap[K] {
	const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
	assign(element, attributes);
	element.append(...children.filter((child): child is Node | string => Boolean(child)));
	return element;
}

/** Sets or removes attributes; touches the page only where something changed. */
export function assign(element: Element, attributes: Record<string, Value>): void {
	for (const [name, value] of Object.entries(attributes)) {
		if (value === false || value === null || value === undefined) element.removeAttribute(name);
		else {
			const text = value === true ? "" : String(value);
			if (element.getAttribute(name) !== text) element.setAttribute(name, text);
		}
	}
}

/** Sets a text without touching the page when it is the same (screen readers would read it again). */
export function setText(element: Element, text: string): void {
	if (element.textContent !== text) element.textContent = text;
}

export function listen<K extends keyof HTMLElementEventMap>(
	target: EventTarget,
	type: K,
	handler: (event: HTMLElementEventMap[K]) => void,
	signal: AbortSignal,
	options: AddEventListenerOptions = {},
): void {
	target.addEventListener(type, handler as EventListener, { ...options, signal });
}

/** A function that runs `work` once before the next paint, however often it is called. */
export function perFrame(work: () => void, signal: AbortSignal): () => void {
	let pending = 0;
	signal.addEventListener("abort", () => cancelAnimationFrame(pending), { once: true });
	return () => {
		if (pending || signal.aborted) return;
		pending = requestAnimationFrame(() => {
			pending = 0;
			if (!signal.aborted) work();
		});
	};
}

/** Calls `work` with the size of an element now and whenever it changes; never with a width of 0. */
export function onResize(element: Element, work: (width: number, height: number) => void, signal: AbortSignal): void {
	const observer = new ResizeObserver((entries) => {
		const box = entries.at(-1)?.contentRect;
		if (box && box.width > 0) work(box.width, box.height);
	});
	observer.observe(element);
	signal.addEventListener("abort", () => observer.disconnect(), { once: true });
}

/** Fits a canvas to its size on the page times the device's pixel ratio; the context draws in page pixels. */
export function fitCanvas(canvas: HTMLCanvasElement, width: number, height: number): CanvasRenderingContext2D | null {
	const scale = window.devicePixelRatio || 1;
	const [w, h] = [Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale))];
	if (canvas.width !== w) canvas.width = w;
	if (canvas.height !== h) canvas.height = h;
	const context = canvas.getContext("2d");
	context?.setTransform(scale, 0, 0, scale, 0, 0);
	return context;
}

/** Calls `work` whenever a media query begins or ceases to match. */
export function onMedia(query: string, work: () => void, signal: AbortSignal): void {
	const media = window.matchMedia(query);
	media.addEventListener("change", work);
	signal.addEventListener("abort", () => media.removeEventListener("change", work), { once: true });
}

/** Calls `work` when the device's pixel ratio changes (another screen, browser zoom). */
export function onPixelRatio(work: () => void, signal: AbortSignal): void {
	const watch = (): void => {
		const changed = new AbortController();
		onMedia(
			`(resolution: ${window.devicePixelRatio || 1}dppx)`,
			() => {
				changed.abort();
				work();
				watch();
			},
			AbortSignal.any([signal, changed.signal]),
		);
	};
	watch();
}

let unique = 0;
/** An id that no other element of the page has, for labels. */
export const uid = (prefix: string): string => `gw-${prefix}-${++unique}-${Math.random().toString(36).slice(2, 8)}`;

/** An icon of 16 × 16 drawn with one stroke; for decoration only (hidden from screen readers). */
export function icon(path: string): SVGSVGElement {
	const pen = { stroke: "currentColor", "stroke-width": 1.5, "stroke-linecap": "round", "stroke-linejoin": "round" };
	return svg(
		"svg",
		{ class: "gw-icon", viewBox: "0 0 16 16", width: 16, height: 16, "aria-hidden": "true", focusable: "false" },
		svg("path", { d: path, fill: "none", ...pen }),
	);
}

export const ICONS = {
	check: "M3.5 8.5 6.5 11.5 12.5 4.5",
	close: "M4 4 12 12 M12 4 4 12",
	search: "M7 2.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 1 0 0-9 M10.5 10.5 13.5 13.5",
	chevron: "M4.5 6.5 8 10 11.5 6.5",
	previous: "M10 3.5 5.5 8 10 12.5",
	next: "M6 3.5 10.5 8 6 12.5",
	copy: "M5.5 5.5h7v8h-7z M10.5 5.5v-3h-7v8h2",
	alert: "M8 2.2 14.3 13.3H1.7z M8 6.5v3 M8 11.4v.1",
	expand: "M9.5 2.5h4v4 M13.5 2.5 9 7 M6.5 13.5h-4v-4 M2.5 13.5 7 9",
} as const;
