/** Run, cancel, resume, and how far it is. */
import type { RenderProps } from "@anywidget/types";
import { doneOf, remaining } from "../lib/format";
import { assign, h, listen, setText } from "../parts/dom";
import { component, type ComponentTraits, type View } from "./component";

export interface RunBarTraits extends ComponentTraits {
	status: "idle" | "running" | "cancelled" | "failed" | "done";
	progress: number;
	remaining: number;
	n_done: number;
	n_total: number;
	noun: string;
	resumable: boolean;
	note: string;
	disabled: string;
	label: string;
}

const ACTIONS: Record<RunBarTraits["status"], readonly string[]> = {
	idle: ["run"],
	running: ["cancel"],
	cancelled: ["resume", "run"],
	failed: ["resume", "run"],
	done: ["run"],
};
const WORDS: Record<string, string> = { cancel: "Cancel", resume: "Resume" };

function render(props: RenderProps<RunBarTraits>): void {
	const view = component(props, "run-bar");
	const first = h("button", { type: "button", class: "gw-button gw-primary" });
	const second = h("button", { type: "button", class: "gw-button" });
	const fill = h("div", { class: "gw-run-fill" });
	const scale = { "aria-label": "Progress", "aria-valuemin": 0, "aria-valuemax": 100 };
	const track = h("div", { class: "gw-run-track", role: "progressbar", ...scale }, fill);
	const status = h("div", { class: "gw-run-status", role: "status" });
	view.body.append(h("div", { class: "gw-run-buttons" }, first, second), h("div", { class: "gw-run-middle" }, track, status));

	const word = (action: string, state: RunBarTraits["status"]): string => {
		if (action !== "run") return WORDS[action] ?? "";
		return view.get("label") || (state === "idle" ? "Run" : "Run again");
	};
	let pending = "";
	const update = (): void => {
		const state = view.get("status");
		const [done, total] = [view.get("n_done"), view.get("n_total")];
		const resumable = view.get("resumable") && done > 0 && (total === 0 || done < total);
		const actions = ACTIONS[state].filter((action) => action !== "resume" || resumable);
		[first, second].forEach((button, i) => {
			const action = actions[i] ?? "";
			button.hidden = action === "";
			button.dataset.action = action;
			setText(button, word(action, state));
			const off = action === "cancel" ? "" : view.get("disabled");
			button.disabled = !view.live || pending !== "" || off !== "";
			assign(button, { title: view.live ? off || null : `${word(action, "idle")} ${view.needs}` });
		});
		first.classList.toggle("gw-primary", actions[0] !== "cancel");
		const share = state === "done" ? 1 : Math.max(0, Math.min(1, view.get("progress")));
		fill.style.transform = `scaleX(${share})`;
		assign(track, { "aria-valuenow": Math.round(share * 100), "data-status": state });
		setText(status, sentence(view));
		assign(status, { title: status.textContent || null });
	};
	const act = async (button: HTMLButtonElement): Promise<void> => {
		pending = button.dataset.action ?? "";
		update();
		await view.request(pending).catch(() => undefined); // the reason stands in `error`
		pending = "";
		if (!view.signal.aborted) update();
	};
	for (const button of [first, second]) listen(button, "click", () => void act(button), view.signal);
	view.watch(["status", "progress", "remaining", "n_done", "n_total", "noun", "resumable", "note", "disabled", "label"], update);
	view.onLive(update);
	update();
	view.ready();
}

function sentence(view: View<RunBarTraits>): string {
	const [state, done, total, note] = [view.get("status"), view.get("n_done"), view.get("n_total"), view.get("note")];
	const left = state === "running" ? remaining(view.get("remaining")) : "";
	const amount = done > 0 || (state === "running" && total > 0) ? doneOf(done, total, view.get("noun")) : "";
	const how = { idle: "", running: "", cancelled: "stopped", failed: "failed", done: "" }[state];
	const empty = state === "idle" && !amount && !note && !view.get("label") ? "Not run yet" : "";
	return [amount, how, left, note, empty].filter(Boolean).join(" · ");
}

export default { render };
