/** What the numbers and names of a unit grid are called; `UnitGrid.words` replaces some. */
export interface UnitWords {
	/** The number by which cards are sorted, shown as a bar. */
	value: string;
	/** What `label` names. */
	label: string;
	/** What `category` names, and all of them. */
	category: string;
	categories: string;
	/** A unit whose label is not accepted, and what stands before that label. */
	unlabelled: string;
	best: string;
	/** The order by `effect`, and what loses or gains; empty: the unit's label. */
	effect: string;
	affected: string;
	/** Heading of the second row of pictures of an opened unit. */
	counter: string;
	/** How to read the chance level. */
	note: string;
}

const WORDS: UnitWords = {
	value: "IoU",
	label: "Concept",
	category: "Category",
	categories: "All categories",
	unlabelled: "unlabelled",
	best: "best",
	effect: "Effect",
	affected: "",
	counter: "Active without the concept",
	note:
		"By chance: the best IoU with the segmentations of other images (95 % quantile). A concept at the same place in every " +
		"picture sits near it, though the unit may follow the concept.",
};

export const unitWords = (given: Partial<UnitWords> = {}): UnitWords => ({ ...WORDS, ...given });
