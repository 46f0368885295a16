import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import download from "../views/download";
import { click, givePageASize, mount } from "./harness";

givePageASize();

const traits = () => ({ files: [{ name: "picture", label: "Save picture" }, { name: "edit", label: "Save edit", hint: "strokes" }], disabled: {} });
const data = new DataView(new Uint8Array([1, 2, 3]).buffer);

describe("download", () => {
	const saved: { name: string; href: string }[] = [];
	beforeEach(() => {
		saved.length = 0;
		vi.spyOn(URL, "createObjectURL").mockReturnValue("blob:file");
		vi.spyOn(URL, "revokeObjectURL").mockImplementation(() => undefined);
		vi.spyOn(HTMLAnchorElement.prototype, "click").mockImplementation(function (this: HTMLAnchorElement) {
			saved.push({ name: this.download, href: this.href });
		});
	});
	afterEach(() => vi.restoreAllMocks());

	it("saves what Python made for the button that was pressed", async () => {
		const { model, one, all, settle } = await mount(download, traits());
		click(one("[data-file=edit]"));
		const { action, name, ticket } = model.sent[0] as Record<string, string>;
		expect([action, name]).toEqual(["file", "edit"]);
		expect(one("[data-file=edit]").getAttribute("aria-busy")).toBe("true");
		click(one("[data-file=edit]")); // impatient
		expect(model.sent.length).toBe(1);
		model.receive({ ticket, file: "strokes.json", type: "application/json" }, [data]);
		model.answer();
		await settle();
		expect(saved).toEqual([{ name: "strokes.json", href: "blob:file" }]);
		expect(one("[role=status]").textContent).toBe("strokes.json was saved.");
		expect(one("[data-file=edit]").getAttribute("aria-busy")).toBeNull();
		expect(all("a").length).toBe(0);
	});
	it("leaves files alone that another view asked for, and a second answer", async () => {
		const { model, one } = await mount(download, traits());
		model.receive({ ticket: "theirs", file: "a.png", type: "image/png" }, [data]);
		click(one("[data-file=picture]"));
		const { ticket } = model.sent[0] as Record<string, string>;
		for (let i = 0; i < 2; i++) model.receive({ ticket, file: "a.png", type: "image/png" }, [data]);
		expect(saved.length).toBe(1);
	});
	it("frees the file when the view ends", async () => {
		const { model, one, controller } = await mount(download, traits());
		click(one("[data-file=picture]"));
		model.receive({ ticket: model.sent[0]?.ticket, file: "a.png", type: "image/png" }, [data]);
		expect(URL.revokeObjectURL).not.toHaveBeenCalled();
		controller.abort();
		expect(URL.revokeObjectURL).toHaveBeenCalledWith("blob:file");
	});
	it("says why a file cannot be had, and keeps the focus when labels change", async () => {
		const { model, one, settle } = await mount(download, traits());
		const button = one("[data-file=edit]") as HTMLButtonElement;
		model.set("disabled", { edit: "nothing is painted" });
		await settle();
		expect([button.disabled, button.title]).toEqual([true, "nothing is painted"]);
		model.set("disabled", {});
		model.set("files", [{ name: "edit", label: "Save strokes" }]);
		await settle();
		expect(one("[data-file=edit]")).toBe(button);
		expect([button.disabled, button.textContent]).toEqual([false, "Save strokes"]);
	});
	it("works on no exported page", async () => {
		const { one } = await mount(download, { ...traits(), live: false });
		expect((one("[data-file=edit]") as HTMLButtonElement).title).toContain("needs Python: open the notebook");
	});
	it("stops when Python goes", async () => {
		const { model, one, settle } = await mount(download, traits());
		model.set("live", false);
		await settle();
		const { disabled, title } = one("[data-file=edit]") as HTMLButtonElement;
		expect([disabled, title]).toEqual([true, "needs Python: run the cell again to use it"]);
	});
});
