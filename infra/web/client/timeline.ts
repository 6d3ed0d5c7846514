import type { Gap, Page } from "./api.ts";
import type { Random } from "./backoff.ts";
import type { Clock, Timer } from "./clock.ts";
import type { Message } from "./frame.ts";

/** Piece is what a timeline shows, from top to bottom. A gap is shown and not hidden: coming ones fill by themselves, others on demand. */
export type Piece =
  | { readonly type: "message"; readonly message: Message }
  | { readonly type: "gap"; readonly from: number; readonly to: number; readonly coming: boolean };

/** SavedTimeline is a timeline as it is kept. */
export interface SavedTimeline {
  readonly cursor: number;
  readonly messages: readonly Message[];
  readonly gaps: readonly Gap[];
}

export interface TimelineOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** Called when what is missing has to be asked for. */
  behind(): void;
}

const REORDER_MS = 300; // a neighbour's push may overtake
const SPREAD_MS = 2_000; // a whole group sees the same gap
const MOST_SPREAD_MS = 30_000;
const HINT_MS = 200;
const AHEAD = 1_000; // messages beyond a gap; more are left to sync
const SAVED = 200;

/**
 * Timeline holds the messages of one conversation in the order of seq, each
 * once. Its cursor is the last seq up to which nothing is missing but what is
 * in a known gap; what is beyond it waits ahead and never moves it.
 */
export class Timeline {
  #cursor = 0;
  #head = 0; // a server has said that there is so much
  #messages: Message[] = []; // ascending, not above the cursor
  #gaps: Gap[] = []; // ascending, below the cursor, disjoint, without what is in messages
  readonly #ahead = new Map<number, Message>();
  #timer: Timer | null = null;
  #due = 0;
  #tries = 0;

  constructor(private readonly o: TimelineOptions) {}

  get cursor(): number {
    return this.#cursor;
  }

  /** head is the last seq that is known to exist. */
  get head(): number {
    return Math.max(this.#head, this.#cursor, ...this.#ahead.keys());
  }

  get gaps(): readonly Gap[] {
    return this.#gaps;
  }

  /** last is the newest message that can be shown. */
  get last(): Message | null {
    const ahead = this.#ahead.get(Math.max(...this.#ahead.keys()));
    return ahead ?? this.#messages.at(-1) ?? null;
  }

  get(seq: number): Message | null {
    return this.#ahead.get(seq) ?? this.#messages[this.#search(seq)] ?? null;
  }

  /** above gives what is known beyond a seq, ascending, what waits ahead of the cursor left out. */
  above(seq: number): readonly Message[] {
    const at = this.#messages.findLastIndex((m) => m.seq <= seq);
    return this.#messages.slice(at + 1);
  }

  pieces(): Piece[] {
    const found: Piece[] = [];
    let gap = 0;
    for (const message of this.#messages) {
      for (; gap < this.#gaps.length && this.#gaps[gap]!.from < message.seq; gap++) found.push({ type: "gap", ...this.#gaps[gap]!, coming: false });
      found.push({ type: "message", message });
    }
    for (; gap < this.#gaps.length; gap++) found.push({ type: "gap", ...this.#gaps[gap]!, coming: false });
    let shown = this.#cursor;
    for (const seq of [...this.#ahead.keys()].sort((a, b) => a - b)) {
      if (seq > shown + 1) found.push({ type: "gap", from: shown + 1, to: seq - 1, coming: true });
      found.push({ type: "message", message: this.#ahead.get(seq)! });
      shown = seq;
    }
    return found;
  }

  /** take puts in a message that was pushed, or that a `sent` tells of. False: it was known, or is left to sync. */
  take(message: Message): boolean {
    const { seq } = message;
    if (seq <= this.#cursor) {
      if (!this.#carve(seq)) return this.#replace(message);
      this.#put(message);
      return true;
    }
    if (this.#ahead.has(seq)) return this.#replace(message);
    if (seq > this.#cursor + 1) {
      const room = this.#ahead.size < AHEAD;
      if (room) this.#ahead.set(seq, message);
      this.#head = Math.max(this.#head, seq);
      // Of a conversation with nothing in it yet no neighbour can be on the way.
      if (this.#cursor === 0) this.#expect(this.o.random() * HINT_MS);
      else if (!this.#timer) this.#expect(REORDER_MS + this.o.random() * this.#spread());
      return room;
    }
    this.#cursor = seq;
    this.#messages.push(message);
    this.#drain();
    return true;
  }

  /** hint says that there are messages up to a seq. */
  hint(lastSeq: number): void {
    if (lastSeq <= this.#cursor) return;
    this.#head = Math.max(this.#head, lastSeq);
    this.#expect(this.o.random() * HINT_MS);
  }

  /** synced takes in the page that a sync brought: all that is above the cursor it was asked with, but for the gap. */
  synced(page: Page): void {
    const messages = [...page.messages].sort((a, b) => a.seq - b.seq);
    for (const seq of page.recalled) this.recall(seq);
    let missing = 0; // the first seq that the page owes and does not have
    const first = messages[0]?.seq ?? page.lastSeq + 1;
    if (page.gap) this.#gap(Math.max(page.gap.from, this.#cursor + 1), first - 1);
    for (const message of messages) {
      if (missing > 0 && message.seq > missing) this.#gap(Math.max(missing, this.#cursor + 1), message.seq - 1);
      missing = message.seq + 1;
      if (message.seq <= this.#cursor) {
        this.take(message);
      } else {
        this.#ahead.delete(message.seq);
        this.#cursor = message.seq;
        this.#messages.push(message);
      }
    }
    if (missing > 0 && missing <= page.lastSeq) this.#gap(Math.max(missing, this.#cursor + 1), page.lastSeq);
    this.#cursor = Math.max(this.#cursor, page.lastSeq);
    this.#drain();
  }

  /**
   * settled says that a sync is done which was asked when head was as given.
   * What it did not bring of that is not there; what still waits ahead is asked
   * for again, less often each time.
   */
  settled(head: number): void {
    if (this.#head <= head) this.#head = this.#cursor;
    if (!this.#lacking()) return;
    this.#tries++;
    this.#expect(REORDER_MS + this.o.random() * this.#spread());
  }

  /** filled takes in a page of history below `before`; last: nothing older can be seen. */
  filled(before: number, messages: readonly Message[], last: boolean): void {
    const gap = this.#gaps.find((g) => g.from < before && before - 1 <= g.to);
    if (!gap) return;
    let lowest = before;
    for (const message of messages) {
      if (message.seq < gap.from || message.seq >= before || !this.#carve(message.seq)) continue;
      this.#put(message);
      lowest = Math.min(lowest, message.seq);
    }
    // The server has no more of it: who joined later sees from there on.
    if (last || lowest === before) this.#gaps = this.#gaps.filter((g) => g.to < gap.from || g.from >= lowest);
  }

  /** recall empties a message. */
  recall(seq: number, at: string = new Date(this.o.clock.now()).toISOString()): boolean {
    const message = this.get(seq);
    if (!message || message.recalledAt !== null) return false;
    return this.#replace({ ...message, body: {}, recalledAt: at });
  }

  close(): void {
    this.#timer?.stop();
    this.#timer = null;
  }

  save(): SavedTimeline {
    const messages = this.#messages.slice(-SAVED);
    const first = messages[0]?.seq ?? 1;
    if (messages.length === this.#messages.length) return { cursor: this.#cursor, messages, gaps: this.#gaps };
    // What is not kept is a gap as well, down to wherever this user's sight begins.
    return { cursor: this.#cursor, messages, gaps: [{ from: 1, to: first - 1 }, ...this.#gaps.filter((g) => g.from > first)] };
  }

  restore(saved: SavedTimeline): void {
    this.#cursor = saved.cursor;
    this.#messages = [...saved.messages];
    this.#gaps = [...saved.gaps];
  }

  #lacking(): boolean {
    return this.#ahead.size > 0 || this.#head > this.#cursor;
  }

  #spread(): number {
    return Math.min(MOST_SPREAD_MS, SPREAD_MS * 2 ** this.#tries);
  }

  #expect(ms: number): void {
    const due = this.o.clock.now() + ms;
    if (this.#timer && this.#due <= due) return;
    this.#timer?.stop();
    this.#due = due;
    this.#timer = this.o.clock.after(ms, () => {
      this.#timer = null;
      if (this.#lacking()) this.o.behind();
    });
  }

  /** drain moves what follows the cursor behind it, and stops waiting when nothing is missing. */
  #drain(): void {
    for (const seq of [...this.#ahead.keys()].sort((a, b) => a - b)) {
      const message = this.#ahead.get(seq)!;
      if (seq > this.#cursor + 1) break;
      this.#ahead.delete(seq);
      if (seq <= this.#cursor) {
        if (this.#carve(seq)) this.#put(message);
        continue;
      }
      this.#cursor = seq;
      this.#messages.push(message);
    }
    if (this.#lacking()) return;
    this.#tries = 0;
    this.close();
  }

  #gap(from: number, to: number): void {
    if (from <= to) this.#gaps.push({ from, to });
  }

  /** carve takes a seq out of the gap that it lies in. */
  #carve(seq: number): boolean {
    const at = this.#gaps.findIndex((g) => g.from <= seq && seq <= g.to);
    const gap = this.#gaps[at];
    if (!gap) return false;
    const rest = [{ from: gap.from, to: seq - 1 }, { from: seq + 1, to: gap.to }].filter((g) => g.from <= g.to);
    this.#gaps.splice(at, 1, ...rest);
    return true;
  }

  #put(message: Message): void {
    const at = this.#messages.findLastIndex((m) => m.seq < message.seq);
    this.#messages.splice(at + 1, 0, message);
  }

  #search(seq: number): number {
    let low = 0;
    let high = this.#messages.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#messages[middle]!.seq < seq) low = middle + 1;
      else high = middle;
    }
    return this.#messages[low]?.seq === seq ? low : -1;
  }

  /** replace is for a message that is known: only that it was recalled is news. */
  #replace(message: Message): boolean {
    if (message.recalledAt === null) return false;
    if (this.#ahead.has(message.seq)) {
      this.#ahead.set(message.seq, message);
      return true;
    }
    const at = this.#search(message.seq);
    if (at < 0 || this.#messages[at]!.recalledAt !== null) return false;
    this.#messages[at] = message;
    return true;
  }
}
