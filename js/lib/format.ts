/** Numbers as people read them: a true minus sign, thousands separated, a dash for what is not known. */

const counts = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

export const UNKNOWN = "–";

export type Maybe = number | null | undefined;

export const known = (value: Maybe): value is number => typeof value === "number" && Number.isFinite(value);

/** 12345 → "12,345". */
export const count = (n: number): string => counts.format(n);

/** (1, "unit") → "1 unit"; (38, "unit") → "38 units". */
export const plural = (n: number, noun: string): string => `${count(n)} ${noun}${n === 1 ? "" : "s"}`;

/** An IoU or another share, to two digits: 0.2371 → "0.24". */
export const ratio = (value: Maybe, digits = 2): string => (known(value) ? minus(value.toFixed(digits)) : UNKNOWN);

/** A share that may be lost or gained: 0.032 → "+3.2 %", −0.004 → "−0.40 %", 0 → "0 %". */
export function signedPercent(value: Maybe): string {
	if (!known(value)) return UNKNOWN;
	const words = value === 0 ? "0 %" : percent(Math.abs(value));
	return /^\d/.test(words) && value !== 0 ? `${value < 0 ? "−" : "+"}${words}` : words;
}

/** What a concept loses (above zero) or gains, in words: 0.005 → "loses 0.50 %". */
export function lossOrGain(lost: Maybe): string {
	if (!known(lost)) return "";
	return lost === 0 ? "changes nothing" : `${lost > 0 ? "loses" : "gains"} ${percent(Math.abs(lost))}`;
}

/** A share above zero with two digits that mean something: 0.032 → "3.2 %", 0.00041 → "0.041 %". */
function percent(share: number): string {
	const hundredths = share * 100;
	if (hundredths < 0.001) return "<0.001 %";
	const digits = hundredths >= 0.995 ? 1 : hundredths >= 0.0995 ? 2 : 3;
	return `${hundredths.toFixed(digits)} %`;
}

/** A short number for an axis or a bar: 1200 → "1,200", 0.25 → "0.25", 3.4567 → "3.46". */
export function short(value: Maybe): string {
	if (!known(value)) return UNKNOWN;
	if (Number.isInteger(value)) return minus(count(value));
	const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
	return minus(value.toFixed(digits));
}

/** Seconds left: 12.3 → "about 12 s left", 200 → "about 3 min left", −1 → "". */
export function remaining(seconds: number): string {
	if (!Number.isFinite(seconds) || seconds < 0) return "";
	if (seconds < 1) return "about 1 s left";
	if (seconds < 90) return `about ${Math.round(seconds)} s left`;
	if (seconds < 5400) return `about ${Math.round(seconds / 60)} min left`;
	return `about ${(seconds / 3600).toFixed(1)} h left`;
}

/** "640 of 1,000 images", or "640 images" while the total is not known. */
export function doneOf(done: number, total: number, noun = "image"): string {
	return total > 0 ? `${count(done)} of ${plural(total, noun)}` : plural(done, noun);
}

const minus = (text: string): string => text.replace("-", "−");
