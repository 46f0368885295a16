/** Just enough of Python's words to colour a snippet; joined, the parts are the text again. */

export interface Token {
	kind: "" | "comment" | "string" | "number" | "word";
	text: string;
}

const PATTERN = new RegExp(
	[
		/(?<comment>#[^\n]*)/,
		/(?<string>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')/,
		/(?<number>\b\d[\d_]*(?:\.\d+)?(?:e[+-]?\d+)?\b)/,
		/(?<word>\b(?:import|from|as|with|for|in|if|else|return|def|None|True|False)\b)/,
	]
		.map((part) => part.source)
		.join("|"),
	"g",
);

export function tokens(code: string): Token[] {
	const found: Token[] = [];
	let end = 0;
	for (const match of code.matchAll(PATTERN)) {
		if (match.index > end) found.push({ kind: "", text: code.slice(end, match.index) });
		const kind = Object.entries(match.groups ?? {}).find(([, text]) => text !== undefined)?.[0] as Token["kind"];
		found.push({ kind, text: match[0] });
		end = match.index + match[0].length;
	}
	if (end < code.length) found.push({ kind: "", text: code.slice(end) });
	return found;
}
