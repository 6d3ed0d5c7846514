import type { Kept } from "./outbox.ts";
import type { SavedTimeline } from "./timeline.ts";

/** SavedConversation is a conversation as it is kept. Its value is never changed, so that the same object is the same state. */
export interface SavedConversation extends SavedTimeline {
  readonly id: string;
  readonly kind: string;
  readonly title: string | null;
  readonly peer: string | null;
  readonly activeAt: string;
  readonly readSeq: number;
  readonly receipts: readonly (readonly [string, number])[];
}

/** Saved is all that a client keeps of one user. */
export interface Saved {
  readonly outbox: readonly Kept[];
  readonly conversations: readonly SavedConversation[];
}

/** Store keeps what must survive a reload. When save's promise is kept, so is the state. */
export interface Store {
  load(user: string): Promise<Saved>;
  save(user: string, saved: Saved): Promise<void>;
}

/** MemoryStore keeps nothing beyond its own life. */
export class MemoryStore implements Store {
  readonly #kept = new Map<string, Saved>();

  async load(user: string): Promise<Saved> {
    return this.#kept.get(user) ?? { outbox: [], conversations: [] };
  }

  async save(user: string, saved: Saved): Promise<void> {
    this.#kept.set(user, saved);
  }
}

/** Shelf is as much of the browser's Storage as is used. */
export type Shelf = Pick<Storage, "getItem" | "setItem" | "removeItem" | "key" | "length">;

const VERSION = 1; // of what is written; another version's is not read

/**
 * LocalStore keeps the state in localStorage, a key for the outbox and one for
 * each conversation, and writes only what has changed. When there is no room,
 * messages that a server has make way for those that it has not.
 */
export class LocalStore implements Store {
  readonly #written = new Map<string, unknown>();

  constructor(private readonly shelf: Shelf) {}

  async load(user: string): Promise<Saved> {
    const outbox = this.#read(`${prefix(user)}outbox`);
    const conversations: SavedConversation[] = [];
    for (const key of this.#keys(user)) {
      const found = this.#read(key);
      if (key.includes("/c/") && isConversation(found)) conversations.push(found);
    }
    return { outbox: Array.isArray(outbox) ? outbox.filter(isKept) : [], conversations };
  }

  async save(user: string, saved: Saved): Promise<void> {
    if (saved.outbox.length > 0 || this.#written.has(`${prefix(user)}outbox`)) this.#write(user, `${prefix(user)}outbox`, saved.outbox);
    const now = new Set<string>();
    for (const conversation of saved.conversations) {
      const key = `${prefix(user)}c/${conversation.id}`;
      now.add(key);
      if (this.#written.get(key) !== conversation) this.#write(user, key, conversation);
    }
    for (const key of this.#keys(user)) {
      if (key.includes("/c/") && !now.has(key)) this.#remove(key);
    }
  }

  /** forget leaves nothing of a user behind. */
  forget(user: string): void {
    for (const key of this.#keys(user)) this.#remove(key);
  }

  #write(user: string, key: string, value: unknown): void {
    const text = JSON.stringify({ v: VERSION, value });
    try {
      this.shelf.setItem(key, text);
    } catch (err) {
      if (!key.endsWith("/outbox")) return this.#remove(key); // it is synced again
      for (const other of this.#keys(user)) if (other !== key) this.#remove(other);
      try {
        this.shelf.setItem(key, text);
      } catch {
        throw err;
      }
    }
    this.#written.set(key, value);
  }

  #remove(key: string): void {
    this.shelf.removeItem(key);
    this.#written.delete(key);
  }

  #read(key: string): unknown {
    try {
      const found: unknown = JSON.parse(this.shelf.getItem(key) ?? "null");
      if (typeof found !== "object" || found === null || !("v" in found) || found.v !== VERSION || !("value" in found)) return null;
      this.#written.set(key, found.value);
      return found.value;
    } catch {
      return null; // written by something else: as if it were not there
    }
  }

  #keys(user: string): string[] {
    const keys: string[] = [];
    for (let i = 0; i < this.shelf.length; i++) {
      const key = this.shelf.key(i);
      if (key?.startsWith(prefix(user))) keys.push(key);
    }
    return keys;
  }
}

// An id has no slash, so that no user's keys begin like another's.
function prefix(user: string): string {
  return `bazaar/${user}/`;
}

function isKept(value: unknown): value is Kept {
  const v = value as Partial<Kept> | null;
  return typeof v === "object" && v !== null && typeof v.clientMsgId === "string" && typeof v.target === "object" && typeof v.kind === "string" && typeof v.body === "object";
}

function isConversation(value: unknown): value is SavedConversation {
  const v = value as Partial<SavedConversation> | null;
  return typeof v === "object" && v !== null && typeof v.id === "string" && typeof v.cursor === "number" && Array.isArray(v.messages) && Array.isArray(v.gaps) && Array.isArray(v.receipts);
}
