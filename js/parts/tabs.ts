/** Pages behind tabs: one is shown, the arrows, Home and End move to another. */
import { assign, h, listen, uid } from "./dom";

export interface Page {
	label: string;
	element: HTMLElement;
}

export function tabs(pages: readonly Page[], signal: AbortSignal): HTMLElement {
	const heads = pages.map(({ label }) => h("button", { type: "button", class: "gw-tab", role: "tab", id: uid("tab") }, label));
	const bodies = pages.map(({ element }, i) => {
		const head = heads[i] as HTMLElement;
		const body = h("div", { class: "gw-tab-page", role: "tabpanel", id: uid("page"), "aria-labelledby": head.id }, element);
		assign(head, { "aria-controls": body.id });
		return body;
	});
	const show = (chosen: number): void => {
		heads.forEach((head, i) => assign(head, { "aria-selected": String(i === chosen), tabindex: i === chosen ? 0 : -1 }));
		bodies.forEach((body, i) => {
			body.hidden = i !== chosen;
		});
	};
	const list = h("div", { class: "gw-tab-list", role: "tablist" }, ...heads);
	listen(list, "click", (event) => {
		const at = heads.indexOf((event.target as Element).closest("button") as HTMLButtonElement);
		if (at >= 0) show(at);
	}, signal);
	listen(list, "keydown", (event) => {
		const now = heads.findIndex((head) => head.getAttribute("aria-selected") === "true");
		const last = heads.length - 1;
		const next = { ArrowRight: now < last ? now + 1 : 0, ArrowLeft: now > 0 ? now - 1 : last, Home: 0, End: last }[event.key];
		if (next === undefined) return;
		event.preventDefault();
		show(next);
		heads[next]?.focus();
	}, signal);
	show(0);
	return h("div", { class: "gw-tabs" }, list, ...bodies);
}
