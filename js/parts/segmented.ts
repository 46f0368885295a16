/** One of a few, side by side: a radio group whose arrows move the choice. */
import { assign, h, listen } from "./dom";

export interface Segmented {
	element: HTMLElement;
	update(options: readonly { value: string; label: string }[], chosen: string): void;
}

export function segmented(label: string, choose: (value: string) => void, signal: AbortSignal): Segmented {
	const element = h("div", { class: "gw-segmented", role: "radiogroup", "aria-label": label });
	const buttons = (): HTMLButtonElement[] => [...element.querySelectorAll("button")];

	listen(element, "click", (event) => {
		const button = (event.target as Element).closest("button");
		if (button && button.getAttribute("aria-checked") !== "true") choose(button.dataset.value ?? "");
	}, signal);
	listen(element, "keydown", (event) => {
		const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
		if (!step) return;
		event.preventDefault();
		const all = buttons();
		const at = all.findIndex((button) => button.getAttribute("aria-checked") === "true");
		const next = all[(at + step + all.length) % all.length];
		choose(next?.dataset.value ?? "");
		next?.focus();
	}, signal);

	let shape = "";
	return {
		element,
		update(options, chosen) {
			const nextShape = JSON.stringify(options);
			if (nextShape !== shape) {
				shape = nextShape;
				element.replaceChildren(
					...options.map(({ value, label: text }) => h("button", { type: "button", role: "radio", "data-value": value }, text)),
				);
			}
			for (const button of buttons()) {
				const on = button.dataset.value === chosen;
				assign(button, { "aria-checked": String(on), tabindex: on ? 0 : -1 });
			}
		},
	};
}
