import { describe, expect, it, vi } from "vitest";
import fileDrop from "../views/file_drop";
import { click, givePageASize, mount, settle } from "./harness";

givePageASize();

const traits = (): Record<string, unknown> => ({ label: "Open", hint: "marks", accept: [".json"], disabled: "", max_side: 0 });
const file = (name: string, content = "{}"): File => new File([content], name);

/** A drag event with files, which the page of these tests does not have. */
function drag(type: string, files: File[]): Event {
	const event = new Event(type, { bubbles: true, cancelable: true });
	Object.assign(event, { dataTransfer: { types: ["Files"], files } });
	return event;
}
async function sent(model: { sent: unknown[] }): Promise<void> {
	for (let i = 0; i < 20 && model.sent.length === 0; i++) await settle();
}

describe("a place to drop files", () => {
	it("sends the bytes of the file that was dropped, and says so when Python took it", async () => {
		const { model, one } = await mount(fileDrop, traits());
		const buffers: ArrayBuffer[][] = [];
		const send = model.send.bind(model);
		model.send = ((content: unknown, _: unknown, given: ArrayBuffer[]) => {
			buffers.push(given);
			send(content);
		}) as never;
		const event = drag("drop", [file("a.JSON", "[1]")]);
		one(".gw-drop").dispatchEvent(event);
		expect(event.defaultPrevented).toBe(true);
		await sent(model);
		expect(model.sent[0]).toMatchObject({ action: "file", name: "a.JSON" });
		expect(new TextDecoder().decode(buffers[0]?.[0])).toBe("[1]");
		expect((one("button") as HTMLButtonElement).disabled).toBe(true);
		model.answer();
		await settle();
		expect(one("[role=status]").textContent).toBe("a.JSON was opened.");
		expect((one("button") as HTMLButtonElement).disabled).toBe(false);
	});
	it("refuses other endings, several files and what is too large, here", async () => {
		const { model, one } = await mount(fileDrop, traits());
		one(".gw-drop").dispatchEvent(drag("drop", [file("a.exe")]));
		expect(one("[role=status]").textContent).toBe("a.exe ends in none of .json.");
		one(".gw-drop").dispatchEvent(drag("drop", [file("a.json"), file("b.json")]));
		expect(one("[role=status]").textContent).toBe("Take one file at a time.");
		const large = file("l.json");
		Object.defineProperty(large, "size", { value: 64 * 1024 * 1024 + 1 });
		one(".gw-drop").dispatchEvent(drag("drop", [large]));
		expect(one("[role=status]").textContent).toContain("at most 64 MiB are sent from here");
		await settle();
		expect(model.sent).toEqual([]);
	});
	it("sends a large file piece by piece, the next when the last was taken", async () => {
		const { model, one } = await mount(fileDrop, traits());
		const sizes: number[] = [];
		const send = model.send.bind(model);
		model.send = ((content: unknown, _: unknown, given: ArrayBuffer[]) => {
			sizes.push(given[0]?.byteLength ?? -1);
			send(content);
		}) as never;
		const content = new Uint8Array(4 * 1024 * 1024 + 7).fill(32);
		one(".gw-drop").dispatchEvent(drag("drop", [new File([content], "l.json")]));
		await sent(model);
		expect(model.sent).toMatchObject([{ action: "file", name: "l.json", part: 0, parts: 2 }]);
		model.answer();
		for (let i = 0; i < 20 && model.sent.length < 2; i++) await settle();
		expect(one("[role=status]").textContent).toBe("Sending l.json: 50 %");
		expect(model.sent[1]).toMatchObject({ part: 1, parts: 2, upload: (model.sent[0] as { upload: string }).upload });
		expect(sizes).toEqual([4 * 1024 * 1024, 7]);
		model.answer();
		await settle();
		expect(one("[role=status]").textContent).toBe("l.json was opened.");
	});
	it("says no more that it is sending when Python refuses a piece", async () => {
		const { model, one } = await mount(fileDrop, traits());
		one(".gw-drop").dispatchEvent(drag("drop", [new File([new Uint8Array(4 * 1024 * 1024 + 7)], "l.json")]));
		await sent(model);
		model.answer();
		for (let i = 0; i < 20 && model.sent.length < 2; i++) await settle();
		model.answer("Another was opened meanwhile.");
		await settle();
		expect(one("[role=status]").textContent).toBe("");
		expect((one("button") as HTMLButtonElement).disabled).toBe(false);
	});
	it("shows where a file would land, and leaves other drags alone", async () => {
		const { one } = await mount(fileDrop, traits());
		one(".gw-drop").dispatchEvent(drag("dragenter", []));
		expect(one(".gw-drop").classList.contains("gw-over")).toBe(true);
		one(".gw-drop").dispatchEvent(drag("dragleave", []));
		expect(one(".gw-drop").classList.contains("gw-over")).toBe(false);
		const text = new Event("dragover", { bubbles: true, cancelable: true });
		one(".gw-drop").dispatchEvent(text);
		expect(text.defaultPrevented).toBe(false);
	});
	it("takes a file that is pasted, and leaves pasted text alone", async () => {
		const { model, one } = await mount(fileDrop, traits());
		const pasted = (files: File[]): Event => {
			const event = new Event("paste", { bubbles: true, cancelable: true });
			Object.assign(event, { clipboardData: { files } });
			one(".gw-drop").dispatchEvent(event);
			return event;
		};
		expect(pasted([]).defaultPrevented).toBe(false);
		expect(pasted([file("a.json")]).defaultPrevented).toBe(true);
		await sent(model);
		expect(model.sent[0]).toMatchObject({ action: "file", name: "a.json" });
	});
	it("takes the picture in the clipboard by a button, where pictures are wanted", async () => {
		const { one } = await mount(fileDrop, traits());
		const button = (): HTMLElement => one(".gw-quiet");
		expect(button().hidden).toBe(true);
		const read = vi.fn(async () => [{ types: ["text/plain", "image/png"], getType: async () => new Blob(["x"]) }]);
		vi.stubGlobal("navigator", { clipboard: { read } });
		const shown = await mount(fileDrop, { ...traits(), accept: [".png"], max_side: 64 });
		expect(shown.one(".gw-quiet").hidden).toBe(false);
		click(shown.one(".gw-quiet"));
		await sent(shown.model);
		expect(shown.model.sent[0]).toMatchObject({ action: "file", name: "pasted.png" });
		shown.model.answer();
		await settle();
		read.mockRejectedValueOnce(new Error("denied") as never);
		click(shown.one(".gw-quiet"));
		await settle();
		expect(shown.one("[role=status]").textContent).toContain("press Ctrl-V");
	});
	it("refuses what is too large and cannot be made smaller", async () => {
		const { model, one } = await mount(fileDrop, { ...traits(), max_side: 64 });
		const large = file("l.json");
		Object.defineProperty(large, "size", { value: 64 * 1024 * 1024 + 1 });
		one(".gw-drop").dispatchEvent(drag("drop", [large]));
		for (let i = 0; i < 5; i++) await settle();
		expect(one("[role=status]").textContent).toContain("at most 64 MiB are sent from here");
		expect(model.sent).toEqual([]);
	});
	it("takes nothing while it is disabled or without Python", async () => {
		for (const off of [{ disabled: "not now" }, { live: false }]) {
			const { model, one } = await mount(fileDrop, { ...traits(), ...off });
			one(".gw-drop").dispatchEvent(drag("drop", [file("a.json")]));
			await settle();
			expect((one("button") as HTMLButtonElement).disabled).toBe(true);
			expect(model.sent).toEqual([]);
		}
	});
});
