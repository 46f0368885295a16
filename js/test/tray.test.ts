import { describe, expect, it } from "vitest";
import tray from "../views/tray";
import { click, givePageASize, mount, press } from "./harness";

givePageASize();

const traits = (): Record<string, unknown> => ({
	entries: [{ id: "a", label: "12", thumbnail: 0 }, { id: "b", label: "7", thumbnail: 1 }, { id: "c" }],
	sheet: null,
	selected: "b",
	title: "Context",
	color: "#009e73",
	message: "Paint, then add.",
});
const opens = (all: (selector: string) => HTMLElement[]): HTMLButtonElement[] => all(".gw-tray-open") as HTMLButtonElement[];

describe("the tray", () => {
	it("has a button for each picture, in order, and says which one is looked at", async () => {
		const { all, one } = await mount(tray, traits());
		expect(opens(all).map((open) => open.getAttribute("aria-label"))).toEqual(["Context: 12", "Context: 7", "Context: 3"]);
		expect(opens(all).map((open) => open.getAttribute("aria-pressed"))).toEqual(["false", "true", "false"]);
		expect(one("[role=status]").textContent).toBe("3");
		expect(one(".gw-blank").hidden).toBe(true);
	});
	it("asks Python by the entry's id, and changes nothing by itself", async () => {
		const { model, all, one } = await mount(tray, traits());
		click(opens(all)[1] as Element);
		click(all("[data-action=remove]")[2] as Element);
		click(one(".gw-tray-clear"));
		expect(model.sent.map(({ action, entry }) => [action, entry])).toEqual([["open", "b"], ["remove", "c"], ["clear", undefined]]);
		expect(opens(all).length).toBe(3);
	});
	it("is one stop of Tab; arrows move, Delete takes out, and the neighbour takes the focus", async () => {
		const { model, all, settle } = await mount(tray, traits());
		expect(opens(all).map((open) => open.tabIndex)).toEqual([0, -1, -1]);
		opens(all)[0]?.focus();
		press(opens(all)[0] as Element, "ArrowRight");
		expect(document.activeElement).toBe(opens(all)[1]);
		press(opens(all)[1] as Element, "Delete");
		expect(model.sent.map(({ action, entry }) => [action, entry])).toEqual([["remove", "b"]]);
		model.set("entries", [{ id: "a", label: "12" }, { id: "c" }]);
		await settle();
		expect(document.activeElement?.getAttribute("aria-label")).toBe("Context: 2");
		press(document.activeElement as Element, "Home");
		expect(document.activeElement).toBe(opens(all)[0]);
	});
	it("says what to do while it is empty", async () => {
		const { model, one, settle } = await mount(tray, traits());
		model.set("entries", []);
		await settle();
		expect([one(".gw-blank").hidden, one(".gw-blank").textContent]).toEqual([false, "Paint, then add."]);
		expect([one(".gw-tray-list").hidden, one(".gw-tray-clear").hidden]).toEqual([true, true]);
	});
	it("takes no colour that is none, and no word as markup", async () => {
		const { one, all } = await mount(tray, { ...traits(), color: "red;x:y", title: "<b>x</b>", entries: [{ id: "a", label: "<i>1</i>" }] });
		expect(one(".gw-swatch").hidden).toBe(true);
		expect([all("b").length, all("i").length]).toEqual([0, 0]);
	});
	it("is switched off where no Python is", async () => {
		const { model, all } = await mount(tray, { ...traits(), live: false });
		expect(opens(all)[0]?.disabled).toBe(true);
		press(opens(all)[0] as Element, "Delete");
		expect(model.sent).toEqual([]);
	});
});
