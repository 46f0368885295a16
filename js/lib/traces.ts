/** Strokes that were drawn here and that Python's picture does not show yet: when may each disappear? */

export interface Trace {
	name: string;
	/** How many pictures had been drawn when the stroke was finished. */
	made: number;
	/** How many when Python confirmed it; null before that. */
	confirmed: number | null;
	/** When Python confirmed it [ms]. */
	confirmedAt: number;
	/** When it began to fade [ms]; null before that. */
	fading: number | null;
}

export const FADE = 260; // [ms]
/** A confirmed stroke without a new picture (it changed nothing) stays this long [ms]. */
export const LINGER = 1500;

export const trace = (name: string, pictures: number): Trace => ({
	name,
	made: pictures,
	confirmed: null,
	confirmedAt: 0,
	fading: null,
});

/**
 * A stroke fades once Python confirmed it and a picture came after that. A picture that came between the stroke and
 * its confirmation shows it too, unless more are on their way. With nothing on its way it does not wait for ever.
 */
export function mayFade(one: Trace, pictures: number, busy: boolean, now: number): boolean {
	if (one.confirmed === null) return false;
	if (pictures > one.confirmed) return true;
	return !busy && (pictures > one.made || now - one.confirmedAt >= LINGER);
}

/** 1 before fading, 0 after. */
export const strength = ({ fading }: Trace, now: number): number =>
	fading === null ? 1 : Math.max(0, 1 - (now - fading) / FADE);
