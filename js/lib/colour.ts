/** Colours that mean something: Okabe-Ito for categories (ganwidgets/ui/palette.py has the same list), viridis for scales. */

export const CATEGORY_COLOURS = [
	"#0072B2",
	"#E69F00",
	"#009E73",
	"#CC79A7",
	"#56B4E9",
	"#D55E00",
	"#F0E442",
	"#8C8C8C",
] as const;

/** The colour of a category: its position among `groups`; grey for one that is not listed. */
export function categoryColour(category: string, groups: readonly string[]): string {
	const index = groups.indexOf(category);
	return CATEGORY_COLOURS[index < 0 ? CATEGORY_COLOURS.length - 1 : index % CATEGORY_COLOURS.length] as string;
}

/** The given order, or all names alphabetically, as Python does when `groups` is empty. */
export function groupOrder(groups: readonly string[], names: Iterable<string>): string[] {
	return groups.length > 0 ? [...groups] : [...new Set(names)].filter(Boolean).sort();
}

const VIRIDIS = ["440154", "482878", "3e4989", "31688e", "26828e", "1f9e89", "35b779", "6ece58", "b5de2b", "fde725"];

/** Viridis at t in [0, 1], as a CSS colour. */
export function viridis(t: number): string {
	const at = Math.max(0, Math.min(1, t)) * (VIRIDIS.length - 1);
	const low = Math.min(VIRIDIS.length - 2, Math.floor(at));
	const channels = [0, 2, 4].map((i) => {
		const [a, b] = [low, low + 1].map((k) => Number.parseInt((VIRIDIS[k] as string).slice(i, i + 2), 16)) as [number, number];
		return Math.round(a + (b - a) * (at - low));
	});
	return `rgb(${channels.join(" ")})`;
}

/** Whether a CSS colour "rgb(r g b)" or "rgb(r, g, b)" is dark; null when it cannot be read or is transparent. */
export function isDark(colour: string): boolean | null {
	const parts = colour.match(/[\d.]+/g)?.map(Number);
	if (!parts || parts.length < 3 || (parts.length > 3 && (parts[3] as number) < 0.5)) return null;
	const [r, g, b] = parts as [number, number, number];
	return 0.2126 * r + 0.7152 * g + 0.0722 * b < 110;
}
