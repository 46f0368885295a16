import { describe, expect, it, vi } from "vitest";
import codeSnippet from "../views/code_snippet";
import { click, givePageASize, mount, settle } from "./harness";

givePageASize();

describe("the code snippet", () => {
	it("copies, and selects the text where copying is not allowed", async () => {
		const writeText = vi.fn().mockResolvedValue(undefined);
		vi.stubGlobal("navigator", { clipboard: { writeText } });
		const { one } = await mount(codeSnippet, { code: "x = 1  # <b>", label: "Copy as Python" });
		expect(one("code").textContent).toBe("x = 1  # <b>");
		click(one("button"));
		await settle();
		expect(writeText).toHaveBeenCalledWith("x = 1  # <b>");
		expect(one("button").textContent).toBe("Copied");
		writeText.mockRejectedValue(new Error("not allowed"));
		click(one("button"));
		await settle();
		expect(one("button").textContent).toBe("Press Ctrl+C");
		expect(getSelection()?.toString()).toBe("x = 1  # <b>");
	});
});
