import { describe, expect, it, vi } from "vitest";
import grid from "../views/unit_grid";
import { click, givePageASize, mount, press, someRows } from "./harness";

givePageASize();

const shown = (cards: HTMLElement[]): string[] => cards.map((card) => card.dataset.unit as string);

describe("the unit grid", () => {
	it("shows a card per unit, by IoU, and says what it is", async () => {
		const { all, one, root } = await mount(grid, someRows());
		expect(shown(all(".gw-card"))).toEqual(["1", "2", "0", "3", "4"]);
		expect(one('[data-unit="2"]').getAttribute("aria-label")).toBe("Unit 2: tree (object), IoU 0.20 (0.15 to 0.25), above chance level 0.05");
		expect(one('[data-unit="1"]').textContent).toContain("not above chance 0.31");
		expect(one('[data-unit="3"] .gw-card-label').textContent).toBe("best: door");
		expect(one('[data-unit="3"]').getAttribute("aria-label")).toContain("unlabelled, best door");
		expect(one('[data-unit="4"] .gw-card-label').textContent).toBe("unlabelled");
		expect(one('[data-unit="4"]').textContent).toContain("never active");
		expect(root.dataset.ready).toBe("1");
		expect(root.getAttribute("data-lm-suppress-shortcuts")).toBe("true");
		expect(one(".gw-cards").getAttribute("role")).toBe("grid");
	});
	it("calls things what it is told to", async () => {
		const words = { value: "Class drop", unlabelled: "no class", best: "most", affected: "accuracy", categories: "All classes", counter: "Other classes" };
		const { model, one, settle } = await mount(grid, { ...someRows(), words });
		expect(one('[data-unit="2"]').getAttribute("aria-label")).toContain("Class drop 0.20");
		expect(one('[data-unit="3"] .gw-card-label').textContent).toBe("most: door");
		expect(one('[data-unit="4"] .gw-card-label').textContent).toBe("no class");
		expect([...one(".gw-toolbar").querySelectorAll("option")].map((option) => option.textContent)).toEqual(
			expect.arrayContaining(["All classes", "Class drop", "no class"]),
		);
		press(one('[data-unit="2"]'), "Enter");
		await settle();
		expect(one(".gw-detail").textContent).toContain("Other classes");
		model.set("rows", { unit: [0], iou: [-0.1], low: [-0.2], high: [0.1], effect: [0.25] });
		await settle();
		expect(one('[data-unit="0"] .gw-card-foot').textContent).toContain("accuracy loses 25.0 %");
		expect(one('[data-unit="0"] .gw-iou-whisker').getAttribute("style")).toMatch(/^left:0.0%/); // not beyond the end
	});
	it("selects with click, Ctrl and Shift, and tells Python", async () => {
		const { model, one, settle } = await mount(grid, someRows());
		click(one('[data-unit="1"]'));
		expect(model.get("selected")).toEqual([1]);
		click(one('[data-unit="0"]'), { ctrlKey: true });
		expect(model.get("selected")).toEqual([0, 1]);
		click(one('[data-unit="1"]'), { shiftKey: true });
		expect(model.get("selected")).toEqual([0, 1, 2]);
		await settle();
		expect(one('[data-unit="2"]').getAttribute("aria-selected")).toBe("true");
		expect(one(".gw-count").textContent).toBe("5 units · 3 selected");
		expect(model.saved).toHaveBeenCalledTimes(3 + 1); // three clicks and one `wanted`
		click(one('[data-unit="0"] .gw-card-box'));
		expect(model.get("selected")).toEqual([1, 2]);
	});
	it("is worked with the keys: one tab stop, arrows, Space, Shift, Ctrl+A, Escape", async () => {
		const { model, one, all, settle } = await mount(grid, someRows());
		expect(all('.gw-card[tabindex="0"]')).toHaveLength(1);
		const press_ = (key: string, options: KeyboardEventInit = {}) => press(one('.gw-card[tabindex="0"]'), key, options);
		press_("ArrowRight");
		await settle();
		expect(one('.gw-card[tabindex="0"]').dataset.unit).toBe("2");
		press_(" ");
		expect(model.get("selected")).toEqual([2]);
		press_("ArrowRight", { shiftKey: true });
		expect(model.get("selected")).toEqual([0, 2]);
		press_("a", { ctrlKey: true });
		expect(model.get("selected")).toEqual([0, 1, 2, 3, 4]);
		press_("Escape");
		expect(model.get("selected")).toEqual([]);
		press_("3");
		await settle();
		expect(one('.gw-card[tabindex="0"]').dataset.unit).toBe("3");
	});
	it("selects what a rectangle covers, with the mouse only, and takes the click after it for a part of the drag", async () => {
		const { model, one, settle } = await mount(grid, { ...someRows(), selected: [4] });
		const viewport = one(".gw-viewport");
		for (const element of [viewport, one(".gw-cards")]) vi.spyOn(element, "getBoundingClientRect").mockReturnValue(new DOMRect(0, 0, 640, 480));
		const point = (type: string, x: number, y: number, options: PointerEventInit = {}): void => {
			const place = { clientX: x, clientY: y, pointerId: 1, isPrimary: true, pointerType: "mouse", bubbles: true };
			viewport.dispatchEvent(new PointerEvent(type, { ...place, ...options }));
		};
		point("pointerdown", 10, 10, { pointerType: "touch" });
		point("pointermove", 300, 60, { pointerType: "touch" });
		point("pointerup", 300, 60, { pointerType: "touch" });
		expect(model.get("selected")).toEqual([4]);
		point("pointerdown", 10, 10);
		point("pointermove", 12, 11);
		expect(one(".gw-band").hidden).toBe(true); // a shaky click is no drag
		point("pointermove", 300, 60);
		await settle();
		expect(one(".gw-band").hidden).toBe(false);
		expect(model.get("selected")).toEqual([4]); // Python hears of it when the button is released
		expect(one(".gw-count").textContent).toContain("2 selected");
		point("pointerup", 300, 60);
		click(one('[data-unit="0"]'));
		expect(model.get("selected")).toEqual([1, 2]);
		await settle();
		point("pointerdown", 10, 10, { ctrlKey: true });
		point("pointermove", 620, 60);
		point("pointerup", 620, 60);
		expect(model.get("selected")).toEqual([0, 1, 2]);
	});
	it("keeps its keys to itself, but for Tab", async () => {
		const { el, one } = await mount(grid, someRows());
		const heard: string[] = [];
		el.addEventListener("keydown", (event) => heard.push(event.key));
		press(one(".gw-card"), "d");
		press(one(".gw-card"), "Tab");
		expect(heard).toEqual(["Tab"]);
	});
	it("filters by text, category and concept, and says how many are left", async () => {
		const { model, all, one, settle } = await mount(grid, someRows());
		const search = one(".gw-search-input") as HTMLInputElement;
		search.value = "tree";
		search.dispatchEvent(new Event("input", { bubbles: true }));
		expect(shown(all(".gw-card"))).toEqual(["2", "0"]);
		expect(one(".gw-count").textContent).toBe("2 of 5 units");
		expect(model.get("query")).toBe("tree");
		press(search, "Escape");
		expect(all(".gw-card")).toHaveLength(5);
		model.set("concepts", ["sky"]);
		await settle();
		expect(shown(all(".gw-card"))).toEqual(["1"]);
		click(one("[data-concept=sky]"));
		expect(model.get("concepts")).toEqual([]);
		const category = one("select[aria-label=Category]") as HTMLSelectElement;
		category.value = "unlabelled";
		category.dispatchEvent(new Event("change"));
		expect(shown(all(".gw-card"))).toEqual(["3", "4"]);
	});
	it("counts selected units that a filter hides", async () => {
		const { one } = await mount(grid, { ...someRows(), selected: [1, 3], query: "tree" });
		expect(one(".gw-count").textContent).toBe("2 of 5 units · 2 selected (2 hidden)");
	});
	it("says what to do when there is nothing to show", async () => {
		const { model, one, settle } = await mount(grid, { ...someRows(), rows: {}, message: "Choose a layer." });
		expect(one(".gw-blank").textContent).toBe("Choose a layer.");
		model.set("rows", someRows().rows);
		model.set("query", "nothing like it");
		await settle();
		expect(one(".gw-blank").textContent).toContain("No unit passes the filter");
		expect(one(".gw-blank").hidden).toBe(false);
	});
	it("m goes through what the images show; typing an m does not", async () => {
		const { model, one } = await mount(grid, someRows());
		press(one(".gw-card"), "m");
		expect(model.get("mode")).toBe("segmentation");
		press(one(".gw-card"), "m");
		press(one(".gw-card"), "m");
		expect(model.get("mode")).toBe("mask");
		press(one(".gw-search-input"), "m");
		expect(model.get("mode")).toBe("mask");
	});
	it("asks for the sheets of the units in view, once", async () => {
		const { model, settle } = await mount(grid, someRows());
		expect(model.get("wanted")).toEqual([1, 2, 0, 3, 4]);
		const image = new DataView(new ArrayBuffer(1));
		model.receive({ kind: "sheets", sheets: [{ units: [0, 1, 2, 3, 4], columns: 2, tile: [16, 16], image: 0 }] }, [image]);
		await settle();
		expect(model.get("wanted")).toEqual([]);
	});
	it("makes only the cards in view of 2,048 units", async () => {
		const n = 2048;
		const rows = { unit: [...Array(n).keys()], label: Array(n).fill("tree"), iou: Array(n).fill(0.1) };
		const { all, one, settle } = await mount(grid, { ...someRows(), rows });
		expect(one(".gw-count").textContent).toBe("2,048 units");
		expect(all(".gw-card").length).toBeLessThan(60);
		const before = all(".gw-card").length;
		const viewport = one(".gw-viewport");
		viewport.scrollTop = 20_000;
		viewport.dispatchEvent(new Event("scroll"));
		await settle();
		expect(Number(all(".gw-card")[0]?.dataset.unit)).toBeGreaterThan(100);
		expect(all(".gw-card").length).toBeLessThanOrEqual(before + 10);
	});
	it("opens a unit with Enter, asks Python for more, and gives the focus back", async () => {
		const { model, one, settle } = await mount(grid, someRows());
		const card = one('[data-unit="1"]');
		card.focus();
		press(card, "Enter");
		const dialog = one("[role=dialog]");
		expect(dialog.hidden).toBe(false);
		expect(dialog.contains(document.activeElement)).toBe(true);
		expect(dialog.textContent).toContain("Unit 1 · sky");
		expect(model.sent.at(-1)).toMatchObject({ action: "detail", unit: 1 });
		model.answer("The layer is gone.");
		await settle();
		expect(dialog.textContent).toContain("The layer is gone.");
		model.set("detail", { unit: 1, title: "Unit 1 <b>", facts: [["Threshold", 0.5]], top: null, counter: null });
		await settle();
		expect(dialog.textContent).toContain("Unit 1 <b>");
		expect(dialog.textContent).toContain("Threshold");
		press(dialog.querySelector("button") as Element, "ArrowRight");
		expect(dialog.textContent).toContain("Unit 2 · tree");
		press(dialog.querySelector("button") as Element, "Escape");
		expect(dialog.hidden).toBe(true);
		expect(model.get("detail")).toBeNull();
		expect((document.activeElement as HTMLElement).dataset.unit).toBe("2");
	});
	it("stays closed when the answer comes after Escape", async () => {
		const { model, one, settle } = await mount(grid, someRows());
		const card = one('[data-unit="1"]');
		card.focus();
		press(card, "Enter");
		const dialog = one("[role=dialog]");
		press(dialog.querySelector("button") as Element, "Escape");
		model.set("detail", { unit: 1, title: "Unit 1", facts: [], top: null, counter: null });
		await settle();
		expect(dialog.hidden).toBe(true);
		expect(model.get("detail")).toBeNull();
		model.set("detail", { unit: 2, title: "Unit 2", facts: [], top: null, counter: null });
		await settle();
		expect(dialog.hidden).toBe(false);
	});
	it("keeps the focus inside an open unit", async () => {
		const { one } = await mount(grid, someRows());
		press(one('[data-unit="1"]'), "Enter");
		const stops = [...one("[role=dialog]").querySelectorAll("button")];
		expect(document.activeElement).toBe(stops.at(-1)); // Close
		press(document.activeElement as Element, "Tab");
		expect(document.activeElement).toBe(stops[0]);
		press(document.activeElement as Element, "Tab", { shiftKey: true });
		expect(document.activeElement).toBe(stops.at(-1));
	});
	it("opens and sorts on a saved page, and asks nobody", async () => {
		const { model, one } = await mount(grid, { ...someRows(), live: false });
		press(one('[data-unit="1"]'), "Enter");
		expect(one("[role=dialog]").textContent).toContain("needs Python");
		expect(model.sent).toEqual([]);
		expect(model.get("wanted")).toEqual([]);
	});
	it("shows on a saved page what it keeps of an opened unit", async () => {
		const drawn: number[] = [];
		const canvas = { drawImage: (_: unknown, x: number, y: number) => drawn.push(x, y) };
		for (const name of ["clearRect", "setTransform", "save", "restore", "scale"]) Object.assign(canvas, { [name]: () => undefined });
		vi.spyOn(HTMLCanvasElement.prototype, "getContext").mockReturnValue(canvas as never);
		vi.stubGlobal("createImageBitmap", async () => ({ width: 32, height: 32, close: () => undefined }));
		const sheet = { units: [0, 1], counts: [2, 1], columns: 2, tile: [16, 16], image: new DataView(new ArrayBuffer(1)) };
		const kept = { facts: { "1": [["active above", "2.5, on 1.0 % of all pixels"]], "2": [] }, counter: [sheet] };
		const { one, settle } = await mount(grid, { ...someRows(), kept, mode: "plain", live: false });
		press(one('[data-unit="1"]'), "Enter");
		await settle();
		await settle();
		const dialog = one("[role=dialog]");
		expect(dialog.textContent).toContain("active above2.5, on 1.0 %");
		expect(dialog.textContent).toContain("sits near it, though the unit may follow");
		expect(one(".gw-detail-waiting").hidden).toBe(true);
		expect(dialog.querySelectorAll("canvas")[1]?.getAttribute("aria-label")).toBe("1 images");
		expect(drawn).toEqual([0, 16]); // the second row, and one picture of it
		press(dialog.querySelector("button") as Element, "ArrowRight");
		expect(one(".gw-detail-waiting").textContent).toBe("None were kept.");
	});
	it("says what a unit's concept loses or gains without it", async () => {
		const { one } = await mount(grid, { ...someRows(), rows: { ...(someRows().rows as object), effect: [0.005, -0.0004, null, null, null] } });
		expect(one('[data-unit="0"] .gw-card-foot').textContent).toContain("loses 0.50 %");
		expect(one('[data-unit="1"] .gw-card-foot').textContent).toContain("gains 0.040 %");
		expect(one('[data-unit="0"]').getAttribute("aria-label")).toContain("without it tree loses 0.50 %");
	});
	it("takes strings from data as text", async () => {
		const rows = { unit: [0], label: ["<img src=x onerror=alert(1)>"], category: ["<b>"], iou: [0.5] };
		const legend = [{ name: "<i>", color: "red;background:url(x)" }];
		const { el, one } = await mount(grid, { ...someRows(), rows, legend, mode: "segmentation", error: "<script>1</script>" });
		expect(el.querySelector("img, b, script")).toBeNull();
		expect(one(".gw-card-label").textContent).toBe("<img src=x onerror=alert(1)>");
		expect(one("[role=alert]").textContent).toBe("<script>1</script>");
		expect(one(".gw-legend .gw-swatch").getAttribute("style")).toBe("--gw-swatch:gray");
	});
});
