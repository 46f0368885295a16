/** Buttons that save files here; Python makes a file when its button is pressed. */
import type { RenderProps } from "@anywidget/types";
import { assign, h, icon, listen, setText, uid } from "../parts/dom";
import { component, type ComponentTraits } from "./component";

export interface DownloadTraits extends ComponentTraits {
	files: { name: string; label: string; hint?: string | null }[];
	disabled: Record<string, string>;
}

const ARROW = "M8 2.5v7.5 M4.5 7 8 10.5 11.5 7 M3 13.5h10";
const KEPT = 30_000; // how long a file stays for the browser to save it [ms]

function render(props: RenderProps<DownloadTraits>): void {
	const view = component(props, "download");
	const { signal } = view;
	const said = h("span", { class: "gw-sr", role: "status" });
	const buttons = h("div", { class: "gw-download-buttons" });
	view.body.append(buttons, said);
	const asked = new Set<string>(); // tickets of this view: another view's files are not for us

	const save = (content: Record<string, unknown>, buffers: DataView[]): void => {
		const data = buffers[0];
		if (!asked.delete(String(content.ticket)) || !data) return;
		const url = URL.createObjectURL(new Blob([data as BlobPart], { type: String(content.type) }));
		const forget = (): void => {
			clearTimeout(timer);
			signal.removeEventListener("abort", forget);
			URL.revokeObjectURL(url);
		};
		const timer = setTimeout(forget, KEPT);
		signal.addEventListener("abort", forget, { once: true });
		const link = h("a", { href: url, download: String(content.file), hidden: true });
		view.root.append(link);
		link.click();
		link.remove();
		setText(said, `${String(content.file)} was saved.`);
	};
	const ask = async (name: string, button: HTMLButtonElement): Promise<void> => {
		if (button.getAttribute("aria-busy")) return;
		const ticket = uid("file");
		asked.add(ticket);
		setText(said, "");
		assign(button, { "aria-busy": "true" });
		await view.request("file", { name, ticket }).catch(() => undefined); // the reason stands in `error`
		asked.delete(ticket);
		assign(button, { "aria-busy": null });
	};
	const draw = (): void => {
		const kept = new Map([...buttons.children].map((button) => [(button as HTMLElement).dataset.file, button]));
		const wanted = view.get("files").map(({ name, label, hint }) => {
			const old = kept.get(name) as HTMLButtonElement | undefined;
			const button = old ?? h("button", { type: "button", class: "gw-button", "data-file": name }, icon(ARROW), h("span", {}));
			if (!old) listen(button, "click", () => void ask(name, button), signal);
			const why = view.live ? (view.get("disabled")[name] ?? "") : view.needs;
			button.disabled = why !== "";
			assign(button, { title: why || hint });
			setText(button.lastElementChild as Element, label);
			return button;
		});
		if (wanted.some((button, i) => buttons.children[i] !== button) || wanted.length !== buttons.children.length) {
			buttons.replaceChildren(...wanted);
		}
	};
	view.onMessage(save);
	view.watch(["files", "disabled"], draw);
	view.onLive(draw);
	draw();
	view.ready();
}

export default { render };
