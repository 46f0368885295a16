/** What an exported page runs: builds the models from the page's data and shows the root. No kernel, no network. */
import type { AnyModel, Host, RenderProps } from "@anywidget/types";
import { restore, type SavedPage, StaticModel } from "./lib/page";

interface Widget {
	initialize?: (props: unknown) => unknown;
	render?: (props: RenderProps) => unknown;
}

/** Loads a component's script from the page itself. */
export async function load(script: string): Promise<Widget> {
	const url = URL.createObjectURL(new Blob([script], { type: "text/javascript" }));
	try {
		const { default: widget } = await import(/* @vite-ignore */ url);
		return typeof widget === "function" ? await widget() : widget;
	} finally {
		URL.revokeObjectURL(url);
	}
}

/** Shows `page` in `el`; `loader` turns a script into a component. */
export async function show(
	page: SavedPage,
	el: HTMLElement,
	signal: AbortSignal,
	loader = load,
): Promise<Record<string, StaticModel>> {
	const entries = Object.entries(page.models).map(([name, saved]) => [name, new StaticModel(restore(saved))] as const);
	const models = Object.fromEntries(entries);
	const widgets = new Map<string, Promise<Widget>>();
	const widgetOf = (name: string): Promise<Widget> => {
		const kind = page.models[name]?.kind ?? "";
		const known = widgets.get(kind) ?? loader(page.scripts[kind] ?? "");
		widgets.set(kind, known);
		return known;
	};
	const nameOf = (ref: string): string => ref.replace(/^anywidget:/, "");
	const model = (name: string): AnyModel => (models[name] as StaticModel).as();
	const draw = async (name: string, place: HTMLElement, end: AbortSignal): Promise<void> => {
		const widget = await widgetOf(name);
		const invoke = (): Promise<never> => Promise.reject(new Error("There is no kernel behind this page."));
		await widget.render?.({ model: model(name), el: place, signal: end, host, experimental: { invoke } });
	};
	const host = {
		getModel: async (ref: string) => model(nameOf(ref)),
		getWidget: async (ref: string) => ({
			exports: {},
			render: ({ el: place, signal: end }: { el: HTMLElement; signal?: AbortSignal }) => draw(nameOf(ref), place, end ?? signal),
		}),
	} as unknown as Host;
	await draw(page.root, el, signal);
	return models;
}

const data = document.getElementById("gw-page");
const place = document.getElementById("gw-root");
if (data && place) {
	show(JSON.parse(data.textContent ?? ""), place, new AbortController().signal).catch((reason) => {
		place.setAttribute("role", "alert");
		place.textContent = `This page could not be shown: ${reason instanceof Error ? reason.message : reason}`;
	});
}
