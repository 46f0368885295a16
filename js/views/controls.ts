/** A form: sliders, numbers, choices, toggles, texts and buttons. */
import type { RenderProps } from "@anywidget/types";
import { count, short } from "../lib/format";
import { stream } from "../lib/stream";
import { assign, h, listen, perFrame, setText, uid } from "../parts/dom";
import { component, type ComponentTraits, type View } from "./component";

export type Value = number | string | boolean | null;

/** One of a choice; its hint stands below while it is chosen. */
export interface Option {
	value: Value;
	label: string;
	hint?: string | null;
}

export interface Field {
	name: string;
	kind: "slider" | "int" | "choice" | "toggle" | "text" | "button";
	label?: string | null;
	min?: number | null;
	max?: number | null;
	step?: number | null;
	options?: (Value | Option)[] | null;
	hint?: string | null;
}

export interface ControlsTraits extends ComponentTraits {
	fields: Field[];
	values: Record<string, Value>;
	disabled: Record<string, string>;
}

/** A built field: how to show a value, and how to switch it off. */
interface Built {
	element: HTMLElement;
	input: HTMLInputElement | HTMLSelectElement | HTMLButtonElement;
	show(value: Value | undefined): void;
	reason: HTMLElement;
}

function render(props: RenderProps<ControlsTraits>): void {
	const view = component(props, "controls");
	let built = new Map<string, Built>();
	let life = new AbortController();
	view.signal.addEventListener("abort", () => life.abort(), { once: true });

	const showValues = (): void => {
		for (const [name, field] of built) field.show(view.get("values")[name]);
	};
	const showDisabled = (): void => {
		for (const [name, { input, reason, element }] of built) {
			const why = view.live ? (view.get("disabled")[name] ?? "") : view.needs;
			input.disabled = why !== "";
			element.classList.toggle("gw-off", why !== "");
			assign(element, { title: why || null });
			setText(reason, view.live ? why : "");
			reason.hidden = !why || !view.live;
		}
	};
	const build = (): void => {
		life.abort();
		life = new AbortController();
		built = new Map(view.get("fields").map((field) => [field.name, BUILDERS[field.kind](field, view, life.signal)]));
		view.body.replaceChildren(...[...built.values()].map(({ element }) => element));
		showValues();
		showDisabled();
	};
	view.watch(["fields"], build);
	view.watch(["values"], showValues);
	view.watch(["disabled"], showDisabled);
	view.onLive(showDisabled);
	build();
	view.ready();
}

type Builder = (field: Field, view: View<ControlsTraits>, signal: AbortSignal) => Built;

const BUILDERS: Record<Field["kind"], Builder> = {
	slider(field, view, signal) {
		const input = h("input", { type: "range", min: field.min ?? 0, max: field.max ?? 1, step: field.step ?? "any" });
		const output = h("output", { class: "gw-control-value" });
		const paint = (): void => {
			const [low, high, at] = [Number(input.min), Number(input.max), Number(input.value)];
			input.style.setProperty("--gw-share", `${high > low ? ((at - low) / (high - low)) * 100 : 0}%`);
			setText(output, short(at));
		};
		const values = stream<number>(
			(value) => send(view, field.name, value),
			(work) => perFrame(work, signal),
		);
		listen(input, "input", () => {
			paint();
			values.push(Number(input.value));
		}, signal);
		listen(input, "change", () => values.end(Number(input.value)), signal);
		return row(field, input, (value) => {
			if (!values.idle) return;
			input.value = String(value ?? field.min ?? 0);
			paint();
		}, output);
	},
	int(field, view, signal) {
		const input = h("input", { type: "number", class: "gw-field", min: field.min, max: field.max, step: field.step ?? 1 });
		const refused = h("span", { class: "gw-control-hint gw-refused", role: "alert", hidden: true });
		const say = (why: string): void => {
			setText(refused, why);
			refused.hidden = why === "";
		};
		listen(input, "input", () => say(""), signal);
		listen(input, "change", () => {
			const typed = input.value.trim();
			const why = typed === "" && !input.validity?.badInput ? "" : whyNot(typed, field);
			if (typed === "" || why) input.value = String(view.get("values")[field.name] ?? "");
			else send(view, field.name, Number(typed));
			say(why);
		}, signal);
		const built = row(field, input, (value) => setUnlessTyping(input, value));
		built.element.append(refused);
		return built;
	},
	choice(field, view, signal) {
		const options = (field.options ?? []).map((option): Option =>
			typeof option === "object" && option !== null ? option : { value: option, label: String(option ?? "none") },
		);
		const input = h("select", { class: "gw-select" }, ...options.map(({ label }, i) => h("option", { value: i }, label)));
		listen(input, "change", () => send(view, field.name, options[Number(input.value)]?.value ?? null), signal);
		const meaning = h("span", { class: "gw-control-hint", id: uid("meaning"), role: "status", hidden: true });
		const built = row(field, input, (value) => {
			const at = options.findIndex((option) => option.value === (value ?? null));
			input.value = String(at);
			setText(meaning, options[at]?.hint ?? "");
			meaning.hidden = meaning.textContent === "";
		});
		if (options.some(({ hint }) => hint)) {
			built.element.append(meaning);
			assign(input, { "aria-describedby": [input.getAttribute("aria-describedby"), meaning.id].filter(Boolean).join(" ") });
		}
		return built;
	},
	toggle(field, view, signal) {
		const input = h("input", { type: "checkbox", class: "gw-toggle", role: "switch" });
		listen(input, "change", () => send(view, field.name, input.checked), signal);
		return row(field, input, (value) => {
			input.checked = value === true;
		});
	},
	text(field, view, signal) {
		const input = h("input", { type: "text", class: "gw-field", spellcheck: "false" });
		listen(input, "change", () => send(view, field.name, input.value), signal);
		return row(field, input, (value) => setUnlessTyping(input, value));
	},
	button(field, view, signal) {
		const input = h("button", { type: "button", class: "gw-button" }, field.label ?? field.name);
		let busy = false;
		const press = async (): Promise<void> => {
			if (busy) return;
			busy = true;
			assign(input, { "aria-busy": "true" });
			await view.request("press", { name: field.name }).catch(() => undefined); // the reason stands in `error`
			busy = false;
			assign(input, { "aria-busy": null });
		};
		listen(input, "click", () => void press(), signal);
		const reason = h("span", { class: "gw-control-hint", hidden: true });
		const element = h("div", { class: "gw-control gw-control-button", title: field.hint }, input, reason);
		return { element, input, reason, show: () => undefined };
	},
};

function row(field: Field, input: Built["input"], show: Built["show"], output?: HTMLElement): Built {
	const id = uid("field");
	input.id = id;
	const reason = h("span", { class: "gw-control-hint", hidden: true });
	const hint = field.hint ? h("span", { class: "gw-control-hint", id: `${id}-hint` }, field.hint) : null;
	if (hint) assign(input, { "aria-describedby": hint.id });
	const element = h(
		"div",
		{ class: `gw-control gw-control-${field.kind}` },
		h("label", { for: id }, field.label ?? field.name),
		h("div", { class: "gw-control-input" }, input, output),
		hint,
		reason,
	);
	return { element, input, show, reason };
}

function send(view: View<ControlsTraits>, name: string, value: Value): void {
	view.set({ values: { ...view.get("values"), [name]: value } });
}

/** Why what was typed cannot be the value of a field of whole numbers; "" when it can. */
function whyNot(typed: string, { label, name, min, max }: Field): string {
	const value = Number(typed);
	const [low, high] = [min ?? Number.NEGATIVE_INFINITY, max ?? Number.POSITIVE_INFINITY];
	if (typed !== "" && Number.isSafeInteger(value) && value >= low && value <= high) return "";
	const from = min == null ? "" : max == null ? ` of at least ${count(min)}` : ` from ${count(min)} to ${count(max)}`;
	const got = typed === "" ? "" : `; ${typed} is not`;
	return `${label ?? name} must be a whole number${from || (max == null ? "" : ` up to ${count(max)}`)}${got}.`;
}

function setUnlessTyping(input: HTMLInputElement, value: Value | undefined): void {
	const root = input.getRootNode() as Document | ShadowRoot;
	if (root.activeElement !== input || input.value === "") input.value = String(value ?? "");
}

export default { render };
