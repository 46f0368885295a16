/** Which layer to look at: a list box that opens like a select, with what one needs to choose. */
import type { RenderProps } from "@anywidget/types";
import { plural } from "../lib/format";
import { assign, h, icon, ICONS, listen, setText, uid } from "../parts/dom";
import { popup } from "../parts/popup";
import { component, type ComponentTraits } from "./component";

export interface Layer {
	name: string;
	units?: number | null;
	resolution?: number[] | null;
	dissected?: boolean | null;
	usable?: boolean | null;
	why?: string | null;
}

export interface LayerPickerTraits extends ComponentTraits {
	layers: Layer[];
	layer: string;
	done: string;
}

const size = ({ resolution }: Layer): string => (resolution ? `${resolution[0]} × ${resolution[1]}` : "");
const units = (layer: Layer): string => (layer.units == null ? "" : plural(layer.units, "unit"));

function render(props: RenderProps<LayerPickerTraits>): void {
	const view = component(props, "layer-picker");
	const [listId, labelId] = [uid("layers"), uid("layer")];
	const name = h("span", { class: "gw-layer-name" });
	const facts = h("span", { class: "gw-layer-facts" });
	const dot = h("span", { class: "gw-layer-dot" });
	const button = h(
		"button",
		{
			type: "button",
			class: "gw-button gw-layer-button",
			role: "combobox",
			"aria-haspopup": "listbox",
			"aria-expanded": "false",
			"aria-controls": listId,
			"aria-labelledby": labelId,
		},
		dot,
		name,
		facts,
		icon(ICONS.chevron),
	);
	const list = h("div", { class: "gw-layer-list", role: "listbox", id: listId, "aria-labelledby": labelId });
	const label = h("span", { class: "gw-layer-label", id: labelId }, "Layer");
	view.body.append(label, h("div", { class: "gw-layer-anchor" }, button, list));

	let active = -1;
	let typed = "";
	let typedAt = 0;
	const options = (): HTMLElement[] => [...list.children] as HTMLElement[];
	const usable = (i: number): boolean => view.get("layers")[i]?.usable !== false;
	const chosen = (): number => view.get("layers").findIndex((layer) => layer.name === view.get("layer"));

	const activate = (index: number): void => {
		active = index;
		options().forEach((option, i) => option.classList.toggle("gw-active", i === index));
		const option = options()[index];
		assign(button, { "aria-activedescendant": option?.id ?? null });
		option?.scrollIntoView?.({ block: "nearest" });
	};
	const panel = popup(button, list, (open) => {
		assign(button, { "aria-expanded": String(open) });
		activate(open ? Math.max(0, chosen()) : -1);
	}, view.signal);
	const choose = (index: number): void => {
		const layer = view.get("layers")[index];
		if (!layer || !usable(index)) return;
		panel.hide();
		button.focus();
		if (layer.name !== view.get("layer")) view.set({ layer: layer.name });
	};
	const step = (from: number, by: number): number => {
		const n = view.get("layers").length;
		for (let i = from + by; i >= 0 && i < n; i += by) if (usable(i)) return i;
		return Math.max(0, Math.min(n - 1, from));
	};

	listen(button, "click", () => (panel.open ? panel.hide() : panel.show()), view.signal);
	listen(button, "keydown", (event) => {
		const n = view.get("layers").length;
		const moves: Record<string, () => number> = {
			ArrowDown: () => step(active, 1),
			ArrowUp: () => step(active, -1),
			Home: () => step(-1, 1),
			End: () => step(n, -1),
		};
		const move = moves[event.key];
		if (event.key === "Escape" && panel.open) panel.hide();
		else if ((event.key === "Enter" || event.key === " ") && panel.open) choose(active);
		else if (move) {
			if (panel.open) activate(move());
			else panel.show();
		} else if (event.key.length === 1 && event.key !== " " && !event.ctrlKey && !event.metaKey) {
			typed = event.timeStamp - typedAt > 700 ? event.key : typed + event.key;
			typedAt = event.timeStamp;
			const found = view.get("layers").findIndex((layer) => layer.name.toLowerCase().includes(typed.toLowerCase()));
			panel.show();
			if (found >= 0) activate(found);
		} else return;
		event.preventDefault();
	}, view.signal);
	listen(button, "blur", () => panel.hide(), view.signal);
	listen(list, "pointerdown", (event) => event.preventDefault(), view.signal); // keeps the focus on the button
	const indexAt = (event: Event): number => options().indexOf((event.target as Element).closest("[role=option]") as HTMLElement);
	listen(list, "click", (event) => choose(indexAt(event)), view.signal);
	listen(list, "pointermove", (event) => {
		const index = indexAt(event);
		if (index >= 0 && index !== active && usable(index)) activate(index);
	}, view.signal);

	const update = (): void => {
		const layers = view.get("layers");
		const current = layers[chosen()];
		const dissected = layers.filter((layer) => layer.dissected).length;
		setText(name, current?.name ?? (layers.length > 0 ? "Choose a layer" : "No layers"));
		setText(facts, current ? [size(current), units(current)].filter(Boolean).join(" · ") : "");
		dot.classList.toggle("gw-on", current?.dissected === true);
		button.disabled = layers.length === 0 || !view.live;
		const done = view.get("done") || "dissected";
		const known = view.live ? `${plural(dissected, "layer")} of ${layers.length} ${done}` : `Another layer ${view.needs}`;
		assign(button, { title: known });
		list.replaceChildren(
			...layers.map((layer, i) => {
				const off = layer.usable === false;
				const state = layer.dissected ? done : `not ${done} yet`;
				return h(
					"div",
					{
						role: "option",
						id: `${listId}-${i}`,
						"aria-selected": String(layer.name === view.get("layer")),
						"aria-disabled": off ? "true" : null,
						"aria-label": [layer.name, size(layer), units(layer), off ? layer.why : state].filter(Boolean).join(", "),
					},
					h("span", { class: `gw-layer-dot${layer.dissected ? " gw-on" : ""}`, title: state }),
					h("span", { class: "gw-layer-name" }, layer.name),
					h("span", { class: "gw-layer-facts" }, off ? layer.why : size(layer)),
					h("span", { class: "gw-layer-units" }, off ? "" : units(layer)),
				);
			}),
		);
		if (panel.open) activate(active);
	};
	view.watch(["layers", "layer", "done"], update);
	view.onLive(update);
	update();
	view.ready();
}

export default { render };
