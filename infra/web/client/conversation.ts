import type { Listed, Page } from "./api.ts";
import type { Change, Message } from "./frame.ts";
import type { SavedConversation } from "./store.ts";
import { Timeline, type TimelineOptions } from "./timeline.ts";

/** Note is what happened in a conversation without being a message; it stands behind the seq after. It is told live only. */
export interface Note {
  readonly after: number;
  readonly change: Extract<Change, { kind: "member" | "group" }>;
}

const NOTES = 100;

/** Conversation is what one client knows of one: what is in it, who read how far, and what it is called. */
export class Conversation {
  kind = "";
  title: string | null = null;
  peer: string | null = null;
  mutedUntil: string | null = null;
  readonly timeline: Timeline;
  readonly receipts = new Map<string, number>();
  readonly notes: Note[] = [];
  #activeAt = "";
  #readSeq = 0; // here
  #confirmed = 0; // as the server has said
  #listed: Message | null = null;
  #saved: SavedConversation | null = null;

  constructor(
    readonly id: string,
    private readonly me: string,
    o: TimelineOptions,
  ) {
    this.timeline = new Timeline(o);
  }

  get readSeq(): number {
    return this.#readSeq;
  }

  /** unconfirmed: the server may not have heard how far was read. */
  get unconfirmed(): boolean {
    return this.#readSeq > this.#confirmed;
  }

  /** last is the newest message known, also where only the list has told of it. */
  get last(): Message | null {
    const shown = this.timeline.last;
    return this.#listed && this.#listed.seq > (shown?.seq ?? 0) ? this.#listed : shown;
  }

  get activeAt(): string {
    const sent = this.timeline.last?.sentAt ?? "";
    return sent > this.#activeAt ? sent : this.#activeAt;
  }

  /** unread counts others' messages beyond the read mark; more: there are some that are not loaded. */
  unread(): { count: number; more: boolean } {
    const count = this.timeline.above(this.#readSeq).filter((m) => m.from !== this.me).length;
    return { count, more: this.timeline.gaps.some((g) => g.to > this.#readSeq) };
  }

  /** touch says that what is kept of it is no longer so. */
  touch(): void {
    this.#saved = null;
  }

  /** read moves the mark forward, at most to what was shown. False: it was there. */
  read(seq: number): boolean {
    const to = Math.min(seq, this.timeline.cursor);
    if (to <= this.#readSeq) return false;
    this.#readSeq = to;
    this.touch();
    return true;
  }

  /** confirmed is the server's word on how far this user has read, on whatever device. */
  confirm(seq: number): boolean {
    this.#confirmed = Math.max(this.#confirmed, seq);
    if (seq <= this.#readSeq) return false;
    this.#readSeq = seq;
    this.touch();
    return true;
  }

  /** receipt says that somebody else has read so far. False: it was known. */
  receipt(user: string, seq: number): boolean {
    if (seq <= (this.receipts.get(user) ?? 0)) return false;
    this.receipts.set(user, seq);
    this.touch();
    return true;
  }

  /** note keeps what happened, once. */
  note(change: Note["change"]): boolean {
    const twin = JSON.stringify(change);
    if (this.notes.some((n) => JSON.stringify(n.change) === twin)) return false;
    this.notes.push({ after: Math.max(change.seq, this.timeline.cursor), change });
    if (this.notes.length > NOTES) this.notes.shift();
    return true;
  }

  /** recall empties a message, wherever it is shown. */
  recall(seq: number): boolean {
    const before = this.#listed;
    if (before?.seq === seq) this.#listed = { ...before, body: {}, recalledAt: before.recalledAt ?? before.sentAt };
    this.touch();
    return this.timeline.recall(seq) || this.#listed !== before;
  }

  listed(l: Listed): void {
    this.kind = l.kind;
    this.title = l.title;
    this.peer = l.peer;
    this.mutedUntil = l.mutedUntil;
    if (l.activeAt > this.#activeAt) this.#activeAt = l.activeAt;
    this.#listed = l.last;
    this.confirm(l.readSeq);
    this.timeline.hint(l.lastSeq);
    this.touch();
  }

  synced(page: Page): void {
    if (page.kind) this.kind = page.kind;
    this.timeline.synced(page);
    this.confirm(page.readSeq);
    this.touch();
  }

  save(): SavedConversation {
    return (this.#saved ??= {
      id: this.id,
      kind: this.kind,
      title: this.title,
      peer: this.peer,
      activeAt: this.activeAt,
      readSeq: this.#readSeq,
      receipts: [...this.receipts],
      ...this.timeline.save(),
    });
  }

  restore(saved: SavedConversation): void {
    this.kind = saved.kind;
    this.title = saved.title;
    this.peer = saved.peer;
    this.#activeAt = saved.activeAt;
    this.#readSeq = saved.readSeq;
    for (const [user, seq] of saved.receipts) this.receipts.set(user, seq);
    this.timeline.restore(saved);
    this.#saved = saved;
  }
}
