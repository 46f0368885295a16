import { describe, expect, it, vi } from "vitest";
import { aside, moved, position, shown, strengthAfter } from "../lib/stack";
import editStack from "../views/edit_stack";
import { click, givePageASize, mount, press, settle } from "./harness";

givePageASize();

const traits = (): Record<string, unknown> => ({
	entries: [
		{ id: "a", title: "Draw tree", detail: "20 units", strength: 1, color: "#56b4e9" },
		{ id: "b", title: "Remove door", strength: 0.5, muted: true },
		{ id: "c", title: "Paste" },
	],
	sheet: null,
	selected: "",
	hovered: "",
	can_undo: true,
	can_redo: false,
	title: "Edits",
	message: "",
	strengths: [0, 1],
	renamable: false,
});
const row = (all: (selector: string) => HTMLElement[], at: number): HTMLElement => all(".gw-stack-row")[at] as HTMLElement;
const keyup = (element: Element): boolean => element.dispatchEvent(new KeyboardEvent("keyup", { key: "ArrowLeft", bubbles: true }));

describe("the order of a stack", () => {
	it("is shown with the newest at the top", () => {
		expect(shown([1, 2, 3])).toEqual([3, 2, 1]);
		expect([0, 1, 2].map((at) => position(at, 3))).toEqual([2, 1, 0]);
	});
	it("moves an entry the other way round than its row", () => {
		expect(moved(2, 1, 3)).toBe(1);
		expect(moved(0, -9, 3)).toBe(2);
		expect(moved(1, 9, 3)).toBe(0);
	});
	it("lets the rows between step aside", () => {
		expect([0, 1, 2, 3].map((at) => aside(at, 0, 2))).toEqual([0, -1, -1, 0]);
		expect([0, 1, 2, 3].map((at) => aside(at, 3, 1))).toEqual([0, 1, 1, 0]);
	});
	it("changes strengths in steps of 5 % within [0, 1]", () => {
		expect(strengthAfter("ArrowLeft", 0.3)).toBe(0.25);
		expect(strengthAfter("ArrowRight", 1)).toBe(1);
		expect(strengthAfter("ArrowLeft", 0.02)).toBe(0);
		expect(strengthAfter("x", 0.5)).toBeNull();
	});
});

describe("the edit stack", () => {
	it("lets strengths go as far as it is told", async () => {
		const { model, all } = await mount(editStack, { ...traits(), strengths: [-1, 2] });
		const range = row(all, 2).querySelector("input") as HTMLInputElement;
		expect([range.min, range.max, range.style.getPropertyValue("--gw-share")]).toEqual(["-1", "2", `${(2 / 3) * 100}%`]);
		row(all, 2).focus();
		press(row(all, 2), "ArrowRight");
		keyup(row(all, 2));
		expect(model.sent.at(-1)).toMatchObject({ action: "strength", entry: "a", strength: 1.05 });
		expect(strengthAfter("ArrowLeft", -0.98, [-1, 2])).toBe(-1);
	});
	it("asks for another name after F2 or a double click, if it may", async () => {
		const { model, all, one, settle } = await mount(editStack, { ...traits(), renamable: true });
		row(all, 2).focus();
		press(row(all, 2), "F2");
		const field = one(".gw-stack-name") as HTMLInputElement;
		expect([field.value, document.activeElement === field]).toEqual(["Draw tree", true]);
		field.value = " Spires ";
		press(field, "Delete"); // the field's own
		press(field, "Enter");
		expect(model.sent).toMatchObject([{ action: "rename", entry: "a", name: "Spires" }]);
		model.answer();
		await settle();
		expect([all(".gw-stack-name").length, document.activeElement]).toEqual([0, row(all, 2)]);
		row(all, 1).querySelector(".gw-stack-title")?.dispatchEvent(new MouseEvent("dblclick", { bubbles: true }));
		press(one(".gw-stack-name"), "Escape");
		expect([model.sent.length, all(".gw-stack-name").length]).toEqual([1, 0]);
		model.set("renamable", false);
		press(row(all, 2), "F2");
		expect(all(".gw-stack-name").length).toBe(0);
	});
	it("has a row per edit with words for what it is", async () => {
		const { all } = await mount(editStack, traits());
		expect(all(".gw-stack-row").map((one) => one.getAttribute("aria-label"))).toEqual([
			"Paste",
			"Remove door, strength 50 %, muted",
			"Draw tree, 20 units, strength 100 %",
		]);
		expect(all(".gw-stack-strength").map((one) => one.hidden)).toEqual([true, false, false]);
		expect(all("[data-action=mute]").map((one) => one.getAttribute("aria-pressed"))).toEqual(["false", "true", "false"]);
	});
	it("asks Python by the entry's id, however the list changes meanwhile", async () => {
		const { model, all } = await mount(editStack, traits());
		click(row(all, 1).querySelector("[data-action=mute]") as Element);
		click(row(all, 2).querySelector("[data-action=delete]") as Element);
		expect(model.sent).toMatchObject([
			{ action: "mute", entry: "b", muted: false },
			{ action: "delete", entry: "a" },
		]);
		expect(all(".gw-stack-row")).toHaveLength(3); // nothing happens before Python says so
		model.set("entries", (traits().entries as unknown[]).slice(1));
		await settle();
		expect(all(".gw-stack-row").map((one) => one.dataset.id)).toEqual(["c", "b"]);
	});
	it("shows a strength while it is dragged and sends it once when the hand lets go", async () => {
		const { model, all } = await mount(editStack, traits());
		const range = row(all, 2).querySelector("input") as HTMLInputElement;
		for (const value of ["0.8", "0.6", "0.4"]) {
			range.value = value;
			range.dispatchEvent(new Event("input", { bubbles: true }));
		}
		await settle();
		expect(model.sent).toEqual([]);
		expect(row(all, 2).querySelector("output")?.textContent).toBe("40 %");
		range.dispatchEvent(new Event("change", { bubbles: true }));
		expect(model.sent).toMatchObject([{ action: "strength", entry: "a", strength: 0.4 }]);
		model.answer("`strength` is refused.");
		await vi.waitFor(() => expect(row(all, 2).querySelector("output")?.textContent).toBe("100 %"), { timeout: 15_000 });
	});
	it("does everything with the keys", async () => {
		const { model, all, one } = await mount(editStack, traits());
		expect(one('.gw-stack-row[tabindex="0"]').dataset.id).toBe("c");
		row(all, 0).focus();
		press(row(all, 0), "ArrowDown");
		expect(document.activeElement).toBe(row(all, 1));
		expect(model.get("hovered")).toBe("b");
		press(row(all, 1), "m");
		press(row(all, 1), "ArrowLeft");
		press(row(all, 1), "ArrowLeft");
		keyup(row(all, 1));
		press(row(all, 1), "ArrowUp", { altKey: true });
		press(row(all, 1), "Delete");
		press(row(all, 1), "Enter");
		expect(model.get("selected")).toBe("b");
		expect(model.sent).toMatchObject([
			{ action: "mute", entry: "b", muted: false },
			{ action: "strength", entry: "b", strength: 0.4 },
			{ action: "move", entry: "b", to: 2 },
			{ action: "delete", entry: "b" },
		]);
		press(row(all, 0), "ArrowUp", { altKey: true }); // already at the top
		expect(model.sent).toHaveLength(4);
	});
	it("gives the focus to the neighbour when the focused row is deleted", async () => {
		const { model, all } = await mount(editStack, traits());
		row(all, 0).focus();
		press(row(all, 0), "ArrowDown");
		model.set("entries", (traits().entries as { id: string }[]).filter(({ id }) => id !== "b"));
		await settle();
		expect(document.activeElement).toBe(row(all, 1));
		expect(row(all, 1).dataset.id).toBe("a");
	});
	it("tells which row the pointer is over, and when it left", async () => {
		const { model, all, one } = await mount(editStack, traits());
		row(all, 2).dispatchEvent(new PointerEvent("pointerover", { bubbles: true }));
		expect(model.get("hovered")).toBe("a");
		one(".gw-stack").dispatchEvent(new PointerEvent("pointerleave"));
		expect(model.get("hovered")).toBe("");
	});
	it("undoes and redoes with the buttons and with Ctrl-Z, when there is something", async () => {
		const { model, root, all, settle: drawn } = await mount(editStack, traits());
		const [undo, redo] = all(".gw-stack-head button") as HTMLButtonElement[];
		expect([undo?.disabled, redo?.disabled]).toEqual([false, true]);
		click(undo as Element);
		press(root, "z", { ctrlKey: true });
		press(root, "z", { ctrlKey: true, shiftKey: true });
		model.set("can_redo", true);
		await drawn();
		press(root, "Z", { metaKey: true, shiftKey: true });
		press(root, "y", { ctrlKey: true });
		expect(model.sent.map(({ action }) => action)).toEqual(["undo", "undo", "redo", "redo"]);
	});
	it("moves a row by its grip to where it is dropped", async () => {
		const { model, all, one } = await mount(editStack, traits());
		const grip = row(all, 0).querySelector(".gw-stack-grip") as Element;
		const list = one(".gw-stack");
		const point = (target: Element, type: string, y: number) =>
			target.dispatchEvent(new PointerEvent(type, { clientY: y, pointerId: 1, button: 0, isPrimary: true, bubbles: true, cancelable: true }));
		point(grip, "pointerdown", 10);
		point(list, "pointermove", 10 + 2 * 48);
		expect(row(all, 1).style.transform).toBe("translateY(-48px)");
		point(list, "pointerup", 10 + 2 * 48);
		expect(model.sent).toMatchObject([{ action: "move", entry: "c", to: 0 }]);
		model.answer();
		await settle();
		expect(all(".gw-stack-row").map((each) => each.style.transform)).toEqual(["", "", ""]);
		point(grip, "pointerdown", 10);
		point(list, "pointermove", 100);
		press(list, "Escape");
		point(list, "pointerup", 100);
		expect(model.sent).toHaveLength(1);
	});
	it("switches off what needs Python on a saved page, but still shows and selects", async () => {
		const { model, all } = await mount(editStack, { ...traits(), live: false });
		expect(all(".gw-body button, .gw-body input").every((control) => (control as HTMLButtonElement).disabled)).toBe(true);
		press(row(all, 0), "Delete");
		press(row(all, 2), "ArrowLeft");
		press(row(all, 0), " ");
		await settle();
		expect(row(all, 2).querySelector("output")?.textContent).toBe("100 %");
		expect(model.sent).toEqual([]);
		expect(model.get("selected")).toBe("c");
	});
	it("says when there is nothing", async () => {
		const { one } = await mount(editStack, { ...traits(), entries: [], message: "Paint something." });
		expect(one(".gw-blank").textContent).toBe("Paint something.");
		expect(one(".gw-stack").hidden).toBe(true);
	});
	it("does not let a colour from data become a style rule", async () => {
		const { all } = await mount(editStack, { ...traits(), entries: [{ id: "a", title: "<b>x</b>", color: "red;background:url(x)" }] });
		expect(row(all, 0).getAttribute("style")).toBe("--gw-swatch:transparent");
		expect(row(all, 0).querySelector("b")).toBeNull();
	});
});
