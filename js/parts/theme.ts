/** Light or dark: what the page around us says, and only then what the system prefers. */
import { isDark } from "../lib/colour";
import { onMedia } from "./dom";

export type Theme = "light" | "dark";

/** JupyterLab, VS Code, Colab and marimo each say it in their own way; other pages show their background. */
export function currentTheme(root: Element): Theme {
	const { body, documentElement: html } = document;
	const lab = body.dataset.jpThemeLight;
	if (lab) return lab === "false" ? "dark" : "light";
	for (const element of [body, html]) {
		const { classList, dataset } = element;
		const said = dataset.theme ?? element.getAttribute("theme") ?? "";
		if (classList.contains("vscode-dark") || classList.contains("dark") || said === "dark") return "dark";
		if (classList.contains("vscode-light") || classList.contains("light") || said === "light") return "light";
	}
	for (let element = root.parentElement; element; element = element.parentElement) {
		if (element.classList.contains("gw")) continue;
		const dark = isDark(getComputedStyle(element).backgroundColor);
		if (dark !== null) return dark ? "dark" : "light";
	}
	return window.matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}

/** Keeps `data-theme` on the root right and calls `work` after each change (canvases must draw again). */
export function watchTheme(root: HTMLElement, work: () => void, signal: AbortSignal): void {
	const update = (): void => {
		const theme = currentTheme(root);
		if (root.dataset.theme === theme) return;
		root.dataset.theme = theme;
		work();
	};
	const observer = new MutationObserver(update);
	const options = { attributes: true, attributeFilter: ["data-jp-theme-light", "data-theme", "theme", "class", "style"] };
	observer.observe(document.body, options);
	observer.observe(document.documentElement, options);
	signal.addEventListener("abort", () => observer.disconnect(), { once: true });
	onMedia("(prefers-color-scheme: dark)", update, signal);
	root.dataset.theme = currentTheme(root);
}
