/** A place to drop a file, or to choose one; its bytes go to Python, which says whether it can use them. */
import type { RenderProps } from "@anywidget/types";
import { fileTooHeavy } from "../lib/limits";
import { assign, h, icon, listen, setText } from "../parts/dom";
import { component, type ComponentTraits } from "./component";

export interface FileDropTraits extends ComponentTraits {
	label: string;
	hint: string;
	accept: string[];
	disabled: string;
}

const ARROW = "M8 13.5V6 M4.5 9 8 5.5 11.5 9 M3 2.5h10";

function render(props: RenderProps<FileDropTraits>): void {
	const view = component(props, "file-drop");
	const { signal, get } = view;
	const words = h("span", {});
	const button = h("button", { type: "button", class: "gw-button" }, icon(ARROW), words);
	const input = h("input", { type: "file", hidden: true, tabindex: -1, "aria-hidden": "true" });
	const hint = h("span", { class: "gw-faint" });
	const said = h("span", { class: "gw-drop-said", role: "status" });
	const zone = h("div", { class: "gw-drop" }, button, input, hint, said);
	view.body.append(zone);
	let busy = false;
	let depth = 0; // dragging over a child leaves the parent

	const obstacle = (): string => (view.live ? get("disabled") : view.needs);
	const draw = (): void => {
		const why = obstacle();
		setText(words, get("label"));
		setText(hint, get("hint"));
		hint.hidden = get("hint") === "";
		button.disabled = why !== "" || busy;
		assign(button, { title: why || null, "aria-busy": busy ? "true" : null });
		assign(input, { accept: get("accept").join(",") || null });
		zone.classList.toggle("gw-over", depth > 0 && why === "");
	};
	const refuse = (why: string): void => {
		setText(said, why);
		said.classList.add("gw-refused");
	};
	const send = async (file: File): Promise<void> => {
		if (busy || obstacle() !== "") return;
		said.classList.remove("gw-refused");
		setText(said, "");
		const endings = get("accept");
		if (endings.length > 0 && !endings.some((ending) => file.name.toLowerCase().endsWith(ending))) {
			return refuse(`${file.name} ends in none of ${endings.join(", ")}.`);
		}
		const heavy = fileTooHeavy(file.name, file.size);
		if (heavy) return refuse(heavy);
		busy = true;
		draw();
		try {
			const content = await file.arrayBuffer();
			await view.request("file", { name: file.name }, 0, [content]);
			if (!signal.aborted) setText(said, `${file.name} was opened.`);
		} catch {
			// The reason stands in `error`.
		}
		busy = false;
		if (!signal.aborted) draw();
	};

	listen(button, "click", () => input.click(), signal);
	listen(input, "change", () => {
		const file = input.files?.[0];
		if (file) void send(file);
		input.value = ""; // the same file can be chosen again
	}, signal);
	const over = (event: DragEvent, by: number): void => {
		if (![...(event.dataTransfer?.types ?? [])].includes("Files")) return;
		event.preventDefault();
		event.stopPropagation(); // the notebook would open it
		depth = Math.max(0, depth + by);
		draw();
	};
	listen(zone, "dragenter", (event) => over(event, 1), signal);
	listen(zone, "dragover", (event) => over(event, 0), signal);
	listen(zone, "dragleave", (event) => over(event, -1), signal);
	listen(zone, "drop", (event) => {
		over(event, -depth);
		const files = event.dataTransfer?.files;
		if (files && files.length > 1) refuse("Drop one file at a time.");
		else if (files?.[0]) void send(files[0]);
	}, signal);
	view.watch(["label", "hint", "accept", "disabled"], draw);
	view.onLive(draw);
	draw();
	view.ready();
}

export default { render };
