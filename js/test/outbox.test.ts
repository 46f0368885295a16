import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Outbox } from "../lib/outbox";
import { FADE, LINGER, mayFade, strength, trace } from "../lib/traces";

describe("the outbox", () => {
	let sent: { id: string; name: string; content: string; after: string }[];
	let gone: boolean;
	let confirmed: string[];
	let end: AbortController;
	let box: Outbox<string>;
	beforeEach(() => {
		vi.useFakeTimers();
		[sent, gone, confirmed, end] = [[], false, [], new AbortController()];
		box = new Outbox<string>({
			send: (id, name, content, after) => {
				if (gone) throw new Error("Cannot send");
				sent.push({ id, name, content, after });
			},
			confirmed: (name) => confirmed.push(name),
			changed: () => undefined,
			signal: end.signal,
			patience: 1000,
		});
	});
	afterEach(() => {
		end.abort();
		vi.useRealTimers();
	});
	const answer = (position: number, error = ""): boolean =>
		box.receive({ id: sent[position]?.id ?? "", ok: error === "", error });

	it("sends in order and forgets what was confirmed", () => {
		for (const name of ["a", "b", "c"]) box.post(name, name);
		expect(sent.map(({ name }) => name)).toEqual(["a", "b", "c"]);
		expect(answer(1)).toBe(true);
		expect(confirmed).toEqual(["b"]);
		expect(box.all().map(({ name }) => name)).toEqual(["a", "c"]);
		expect(box.receive({ id: "of somebody else", ok: true, error: "" })).toBe(false);
	});
	it("says which one without an answer went out before", () => {
		for (const name of ["a", "b", "c"]) box.post(name, name);
		expect(sent.map(({ after }) => after)).toEqual(["", "a", "b"]);
		answer(0);
		answer(1, "no");
		answer(2);
		box.post("d", "d");
		expect(sent.at(-1)?.after).toBe("");
		box.retry();
		expect([sent.at(-1)?.name, sent.at(-1)?.after]).toEqual(["b", ""]);
	});
	it("sends again under the same name when no answer comes, less and less often", () => {
		box.post("a", "mask");
		vi.advanceTimersByTime(999);
		expect(sent).toHaveLength(1);
		vi.advanceTimersByTime(1);
		expect(sent.map(({ name, content }) => [name, content])).toEqual([["a", "mask"], ["a", "mask"]]);
		expect(sent[0]?.id).not.toBe(sent[1]?.id);
		vi.advanceTimersByTime(1999);
		expect(sent).toHaveLength(2);
		vi.advanceTimersByTime(10 * 60_000);
		expect(sent.length).toBeLessThan(20);
		expect(answer(0)).toBe(true); // the first answer, though late
		expect(confirmed).toEqual(["a"]);
		const then = sent.length;
		vi.advanceTimersByTime(10 * 60_000);
		expect(sent).toHaveLength(then);
		expect(answer(1)).toBe(false);
		expect(confirmed).toEqual(["a"]);
	});
	it("keeps what was refused until the person sends it again or gives it up", () => {
		box.post("a", "1");
		box.post("b", "2");
		answer(0, "`brush` is not chosen.");
		answer(1, "");
		expect(box.all()).toMatchObject([{ name: "a", standing: "refused", reason: "`brush` is not chosen." }]);
		vi.advanceTimersByTime(60_000);
		expect(sent).toHaveLength(2);
		box.retry();
		expect(sent.at(-1)).toMatchObject({ name: "a", content: "1" });
		expect(box.discard()).toEqual([]); // on its way: Python may act on it
		answer(2, "again no");
		expect(box.discard(["a"])).toEqual(["a"]);
		expect(box.all()).toEqual([]);
	});
	it("keeps what could not be sent and sends it in order later", () => {
		gone = true;
		box.post("a", "1");
		box.post("b", "2");
		expect(box.all().map(({ standing }) => standing)).toEqual(["unsent", "unsent"]);
		expect(box.all()[0]?.reason).toContain("Python is gone");
		gone = false;
		box.retry();
		expect(sent.map(({ name }) => name)).toEqual(["a", "b"]);
	});
	it("is quiet after the view has ended", () => {
		box.post("a", "1");
		end.abort();
		vi.advanceTimersByTime(60_000);
		expect(sent).toHaveLength(1);
	});
});

describe("a stroke that waits for its picture", () => {
	const confirmed = (made: number, when: number) => ({ ...trace("a", made), confirmed: when, confirmedAt: 1000 });
	it("stays until Python confirmed it, whatever pictures come", () => {
		expect(mayFade(trace("a", 3), 9, false, 99_999)).toBe(false);
	});
	it("fades with the first picture after the confirmation", () => {
		expect(mayFade(confirmed(3, 4), 4, true, 1001)).toBe(false);
		expect(mayFade(confirmed(3, 4), 5, true, 1001)).toBe(true);
	});
	it("fades with a picture that came before the confirmation only when no other is on its way", () => {
		expect(mayFade(confirmed(3, 4), 4, false, 1001)).toBe(true);
		expect(mayFade(confirmed(3, 4), 4, true, 99_999)).toBe(false);
	});
	it("does not wait for ever for a picture that will not come", () => {
		expect(mayFade(confirmed(3, 3), 3, false, 1000 + LINGER - 1)).toBe(false);
		expect(mayFade(confirmed(3, 3), 3, false, 1000 + LINGER)).toBe(true);
	});
	it("loses its strength while it fades", () => {
		const fading = { ...confirmed(0, 0), fading: 500 };
		expect([0, FADE / 2, FADE, 9999].map((after) => strength(fading, 500 + after))).toEqual([1, 0.5, 0, 0]);
		expect(strength(trace("a", 0), 9)).toBe(1);
	});
});
