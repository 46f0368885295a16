/**
 * What a person did and Python has not confirmed yet. Nothing leaves the box but by Python's yes or by the person's
 * wish: without an answer a parcel goes out again (Python knows it by its name and acts once), after a no it waits for
 * the person.
 */

export type Standing = "sent" | "refused" | "unsent";

export interface Parcel<P> {
	name: string;
	content: P;
	standing: Standing;
	/** Why Python refused it, or why it could not be sent. */
	reason: string;
	/** When it went out first [ms]; the answer is late some seconds after. */
	since: number;
	/** When it goes out again if no answer comes [ms]. */
	again: number;
}

export interface OutboxOptions<P> {
	/** Hands a parcel over under a message id, and says which one went out before it; throws when nobody is there. */
	send: (id: string, name: string, content: P, after: string) => void;
	confirmed: (name: string) => void;
	changed: () => void;
	signal: AbortSignal;
	/** Time until a parcel without an answer goes out again; doubles each time up to a minute [ms]. */
	patience?: number;
}

const LONGEST = 60_000;

export class Outbox<P> {
	private readonly parcels = new Map<string, Parcel<P>>();
	private readonly names = new Map<string, string>(); // message id -> parcel
	private timer: ReturnType<typeof setTimeout> | undefined;
	private serial = 0;

	constructor(private readonly options: OutboxOptions<P>) {
		options.signal.addEventListener("abort", () => clearTimeout(this.timer), { once: true });
	}

	get patience(): number {
		return this.options.patience ?? 5000;
	}

	/** In the order in which they were made. */
	all(): Parcel<P>[] {
		return [...this.parcels.values()];
	}

	post(name: string, content: P): void {
		const now = Date.now();
		const parcel: Parcel<P> = { name, content, standing: "sent", reason: "", since: now, again: now + this.patience };
		this.parcels.set(name, parcel);
		this.hand(parcel);
		this.told();
	}

	/** Takes an answer; true when it was for this box. */
	receive({ id, ok, error }: { id: string; ok: boolean; error: string }): boolean {
		const name = this.names.get(id);
		if (name === undefined) return false;
		const parcel = this.parcels.get(name);
		if (parcel && ok) {
			this.forget(name);
			this.options.confirmed(name);
		} else if (parcel) {
			parcel.standing = "refused";
			parcel.reason = error || "Python could not do that.";
		}
		this.told();
		return true;
	}

	/** Sends again what was refused or could not be sent, in order. */
	retry(): void {
		for (const parcel of this.all().filter(({ standing }) => standing !== "sent")) {
			Object.assign(parcel, { standing: "sent", reason: "", since: Date.now(), again: Date.now() + this.patience });
			this.hand(parcel);
		}
		this.told();
	}

	/** Gives up what was refused or could not be sent; what Python may still do stays. */
	discard(names = this.all().map(({ name }) => name)): string[] {
		const gone = names.filter((name) => ["refused", "unsent"].includes(this.parcels.get(name)?.standing ?? ""));
		gone.forEach((name) => this.forget(name));
		this.told();
		return gone;
	}

	private forget(name: string): void {
		this.parcels.delete(name);
		for (const [id, other] of this.names) if (other === name) this.names.delete(id);
	}

	private hand(parcel: Parcel<P>): void {
		const id = `${parcel.name}.${++this.serial}`;
		this.names.set(id, parcel.name);
		try {
			this.options.send(id, parcel.name, parcel.content, this.before(parcel));
		} catch {
			parcel.standing = "unsent";
			parcel.reason = "Python is gone: the kernel was restarted or closed. Run the cell again.";
		}
	}

	/** The one that was made before it and has no answer yet: Python may hear of them at the same time. */
	private before(parcel: Parcel<P>): string {
		const earlier = this.all().slice(0, this.all().indexOf(parcel));
		return earlier.filter(({ standing }) => standing === "sent").at(-1)?.name ?? "";
	}

	private told(): void {
		clearTimeout(this.timer);
		const waiting = this.all().filter(({ standing }) => standing === "sent");
		if (waiting.length > 0 && !this.options.signal.aborted) {
			const next = Math.min(...waiting.map(({ again }) => again)) - Date.now();
			this.timer = setTimeout(() => this.repeat(), Math.max(0, next));
		}
		this.options.changed();
	}

	private repeat(): void {
		const now = Date.now();
		for (const parcel of this.all()) {
			if (parcel.standing !== "sent" || parcel.again > now) continue;
			parcel.again = now + Math.min(LONGEST, 2 * (parcel.again - parcel.since));
			this.hand(parcel);
		}
		this.told();
	}
}
