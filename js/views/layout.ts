/** Rows, columns, tabs and folds of components, the wires between them, and a word when Python is gone. */
import type { AnyModel, RenderProps } from "@anywidget/types";
import { heartbeat } from "../lib/heartbeat";
import { follow, type Link } from "../lib/links";
import { h, icon, ICONS, setText } from "../parts/dom";
import { type Page, tabs } from "../parts/tabs";
import { component, type ComponentTraits, Disconnected } from "./component";

export interface Tree {
	kind: "row" | "column" | "tabs" | "fold";
	items: (number | Tree)[];
	weights?: number[] | null;
	gap?: number | null;
	label?: string | null;
}

export interface LayoutTraits extends ComponentTraits {
	children: string[];
	tree: Tree | Record<string, never>;
	links: Link[];
	title: string;
	live: boolean;
	farewell: string;
}

const EVERY = 5000; // between two heartbeats [ms]
const PATIENCE = 10000; // before a silence is mentioned [ms]
const SAVED = "Saved page: sorting, filtering, selecting and masks work. What needs Python is switched off.";
const NOTICES = {
	alive: "",
	silent: "Python does not answer: it is busy with another cell, or it has stopped.",
	gone: "Disconnected: the kernel was restarted or closed. What you see is the last state; run the cell again to go on.",
};

async function render(props: RenderProps<LayoutTraits>): Promise<void> {
	const view = component(props, "layout");
	const notice = h("div", { class: "gw-notice", role: "status", hidden: true }, icon(ICONS.alert), h("span", {}));
	const title = h("h2", { class: "gw-title" });
	const home = h("div", { class: "gw-home" });
	const saved = h("p", { class: "gw-saved", hidden: view.live }, SAVED);
	view.body.append(notice, h("div", { class: "gw-layout-head" }, title, saved), home);
	let models: (AnyModel | null)[] = [];
	let life = new AbortController();
	view.signal.addEventListener("abort", () => life.abort(), { once: true });

	const build = async (): Promise<void> => {
		life.abort();
		life = new AbortController();
		const { signal } = life;
		const refs = view.get("children");
		const places = refs.map(() => h("div", { class: "gw-place" }));
		const tree = view.get("tree");
		home.replaceChildren(place(isTree(tree) ? tree : { kind: "column", items: refs.map((_, i) => i) }, places, signal));
		models = await Promise.all(refs.map((ref, i) => child(ref, places[i] as HTMLElement, signal)));
		if (signal.aborted) return;
		takeLeave();
		follow(view.get("links"), models, signal);
	};
	const child = async (ref: string, el: HTMLElement, signal: AbortSignal): Promise<AnyModel | null> => {
		try {
			const [model, widget] = await Promise.all([view.host.getModel(ref), view.host.getWidget(ref)]);
			if (signal.aborted) return null;
			await widget.render({ el, signal });
			return model;
		} catch (reason) {
			if (signal.aborted) return null;
			const words = `This part could not be shown: ${reason instanceof Error ? reason.message : String(reason)}`;
			const text = h("span", { class: "gw-error-text" }, words);
			el.replaceChildren(h("div", { class: "gw-error", role: "alert" }, icon(ICONS.alert), text));
			return null;
		}
	};
	/** What needs Python is switched on or off in every child; other views of theirs hear of it too. */
	const enable = (live: boolean): void => models.forEach((model) => model?.set("live", live));
	const takeLeave = (): void => {
		const words = view.get("farewell");
		if (!words) return;
		notice.hidden = false;
		notice.classList.remove("gw-gone");
		setText(notice.lastElementChild as Element, words);
		enable(false);
	};
	const head = (): void => {
		setText(title, view.get("title"));
		title.hidden = view.get("title") === "";
	};
	view.watch(["title"], head);
	view.watch(["children", "tree", "links"], () => void build());
	view.watch(["farewell"], takeLeave);
	head();
	await build();

	if (view.live) {
		heartbeat({
			ask: () => view.request("ping", {}, PATIENCE),
			isGone: (reason) => reason instanceof Disconnected,
			every: EVERY,
			wanted: () => !view.get("farewell") && document.visibilityState !== "hidden" && view.root.isConnected,
			told: (pulse) => {
				if (view.get("farewell")) return;
				enable(pulse !== "gone");
				notice.hidden = pulse === "alive";
				notice.classList.toggle("gw-gone", pulse === "gone");
				view.root.classList.toggle("gw-disconnected", pulse === "gone");
				setText(notice.lastElementChild as Element, NOTICES[pulse]);
			},
			signal: view.signal,
		});
	}
	view.ready();
}

const isTree = (tree: LayoutTraits["tree"]): tree is Tree => Array.isArray((tree as Tree).items);

/** Boxes for a tree; weights share the width of a row, which wraps when its items would get too narrow. */
function place(tree: Tree, places: readonly HTMLElement[], signal: AbortSignal): HTMLElement {
	if (tree.kind === "tabs") return tabs(tree.items.filter(isBox).map((item) => page(item, places, signal)), signal);
	const items = tree.items.map((item, i) => {
		const element = typeof item === "number" ? (places[item] ?? h("div")) : place(item, places, signal);
		const weight = tree.weights?.[i];
		if (weight !== undefined) element.style.setProperty("--gw-weight", String(weight));
		return element;
	});
	const box = h("div", { class: tree.kind === "row" ? "gw-row" : "gw-column" }, ...items);
	if (tree.kind === "fold") return h("details", { class: "gw-fold" }, h("summary", {}, tree.label ?? ""), box);
	if (tree.gap != null) box.style.setProperty("--gw-gap", `${tree.gap}px`);
	if (!tree.label) return box;
	const heading = h("h3", { class: "gw-title gw-section-title" }, tree.label);
	return h("section", { class: "gw-section", "aria-label": tree.label }, heading, box);
}

const isBox = (item: number | Tree): item is Tree => typeof item !== "number";

/** What stands behind a tab: the label is on the tab, so it is no heading. */
const page = (tree: Tree, places: readonly HTMLElement[], signal: AbortSignal): Page => ({
	label: tree.label ?? "",
	element: place({ ...tree, label: null }, places, signal),
});

export default { render };
