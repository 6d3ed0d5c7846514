import type { Conversation, Note } from "./conversation.ts";
import type { Message, Target } from "./frame.ts";
import type { Pending } from "./outbox.ts";

/** Entry is one thing that a conversation shows, from top to bottom. */
export type Entry =
  | { readonly type: "message"; readonly message: Message }
  | { readonly type: "gap"; readonly from: number; readonly to: number; readonly coming: boolean }
  | ({ readonly type: "note" } & Note)
  | { readonly type: "pending"; readonly pending: Pending };

/** Summary is a conversation in the list. One that nobody has written in yet has the id `@user`. */
export interface Summary {
  readonly id: string;
  readonly kind: string;
  readonly title: string | null;
  readonly peer: string | null;
  readonly activeAt: string;
  readonly last: Message | null;
  readonly unread: number;
  /** There may be more unread ones than were counted. */
  readonly more: boolean;
  readonly readSeq: number;
  readonly cursor: number;
  readonly mutedUntil: string | null;
  readonly waiting: Pending | null;
}

/** summaries lists conversations, the newest first, with what waits to be sent in them. */
export function summaries(conversations: Iterable<Conversation>, pending: readonly Pending[], lane: (target: Target) => string): Summary[] {
  const found = new Map<string, Summary>();
  for (const c of conversations) {
    const { count, more } = c.unread();
    const { id, kind, title, peer, activeAt, last, readSeq, mutedUntil } = c;
    found.set(id, { id, kind, title, peer, activeAt, last, unread: count, more, readSeq, cursor: c.timeline.cursor, mutedUntil, waiting: null });
  }
  for (const waiting of pending) {
    const id = lane(waiting.target);
    const at = new Date(waiting.at).toISOString();
    const known = found.get(id);
    if (known) found.set(id, { ...known, activeAt: known.activeAt > at ? known.activeAt : at, waiting });
    else if (id.startsWith("@")) found.set(id, { id, kind: "direct", title: null, peer: id.slice(1), activeAt: at, last: null, unread: 0, more: false, readSeq: 0, cursor: 0, mutedUntil: null, waiting });
  }
  return [...found.values()].sort((a, b) => (a.activeAt === b.activeAt ? (a.id < b.id ? -1 : 1) : a.activeAt < b.activeAt ? 1 : -1));
}

/** entries is what a conversation shows: messages and gaps by seq, notes where they happened, and at the end what is not sent. */
export function entries(c: Conversation | undefined, pending: readonly Pending[]): Entry[] {
  const found: Entry[] = [];
  const notes = [...(c?.notes ?? [])];
  for (const piece of c?.timeline.pieces() ?? []) {
    const from = piece.type === "message" ? piece.message.seq : piece.from;
    while (notes[0] && notes[0].after < from) found.push({ type: "note", ...notes.shift()! });
    found.push(piece);
  }
  for (const note of notes) found.push({ type: "note", ...note });
  for (const p of pending) found.push({ type: "pending", pending: p });
  return found;
}
