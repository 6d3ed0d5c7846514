import type { Clock } from "./clock.ts";
import { Fields, Malformed, message, type Message } from "./frame.ts";

/** Token is an access token and for how many seconds from now it is good. */
export interface Token {
  readonly access: string;
  readonly expiresIn: number;
}

/** SignedOut is what a source of tokens throws when the person has to sign in again. Any other failure is tried again. */
export class SignedOut extends Error {}

/** Fault is a call that did not succeed. status is 0 when there was no answer that could be read. */
export class Fault extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly detail: string,
    /** 0 when the server names no time. */
    readonly retryAfterMs: number,
  ) {
    super(detail || code);
  }
}

/** Gap is seqs that exist and have not been read; both ends belong to it. */
export interface Gap {
  readonly from: number;
  readonly to: number;
}

/** Page is what sync says of one conversation. */
export interface Page {
  readonly conversation: string;
  readonly kind: string;
  readonly lastSeq: number;
  readonly readSeq: number;
  readonly messages: readonly Message[];
  readonly gap: Gap | null;
  readonly recalled: readonly number[];
}

/** Synced is everything after the cursors that were asked with. */
export interface Synced {
  readonly pages: readonly Page[];
  readonly removed: readonly string[];
}

/** Listed is a conversation as the list by activity shows it. */
export interface Listed {
  readonly conversation: string;
  readonly kind: string;
  readonly title: string | null;
  readonly peer: string | null;
  readonly lastSeq: number;
  readonly readSeq: number;
  readonly activeAt: string;
  readonly last: Message | null;
  readonly mutedUntil: string | null;
}

/** Receipts say how many, and in groups up to 200 who, has read a message, its sender left out. */
export interface Receipts {
  readonly read: number;
  readonly members: number;
  readonly users: readonly string[];
}

/** Group is a group as a member of it sees it: role is the member's own. */
export interface Group {
  readonly id: string;
  readonly title: string;
  readonly open: boolean;
  readonly role: string;
  readonly members: number;
}

/** Member is one of a group. */
export interface Member {
  readonly user: string;
  readonly role: string;
  readonly mutedUntil: string | null;
}

/** Pageful is a part of a list, and what to ask the next part with; null: there is none. */
export interface Pageful<T> {
  readonly items: readonly T[];
  readonly next: string | null;
}

/** GroupApi is manage-group. It throws Fault. */
export interface GroupApi {
  create(title: string, members: readonly string[], open: boolean): Promise<Group>;
  show(id: string): Promise<Group>;
  change(id: string, to: { title?: string; open?: boolean }): Promise<Group>;
  dissolve(id: string): Promise<void>;
  members(id: string, after: string | null): Promise<Pageful<Member>>;
  put(id: string, user: string, to: { role?: string; muted_until?: string | null }): Promise<void>;
  remove(id: string, user: string): Promise<void>;
}

/** How long an answer is waited for. */
const PATIENCE_MS = 15_000;

export interface ApiOptions {
  /** Where the functions are, without a slash at the end: `/function`. */
  readonly base: string;
  readonly clock: Clock;
  token(fresh: boolean): Promise<Token>;
  fetch(url: string, init: RequestInit): Promise<Response>;
}

/** Api calls the functions. A token that is refused is replaced once. */
export class Api {
  readonly #o: ApiOptions;
  readonly groups: GroupApi;

  constructor(o: ApiOptions) {
    this.#o = o;
    this.groups = {
      create: async (title, members, open) => group(await this.#json("POST", "/manage-group", { title, members, open })),
      show: async (id) => group(await this.#json("GET", `/manage-group/${id}`)),
      change: async (id, to) => group(await this.#json("PATCH", `/manage-group/${id}`, to)),
      dissolve: (id) => this.#call("DELETE", `/manage-group/${id}`).then(() => undefined),
      members: async (id, after) => pageful(await this.#json("GET", `/manage-group/${id}/members?limit=100${after ? `&after=${encodeURIComponent(after)}` : ""}`), member),
      put: (id, user, to) => this.#call("PUT", `/manage-group/${id}/members/${user}`, to).then(() => undefined),
      remove: (id, user) => this.#call("DELETE", `/manage-group/${id}/members/${user}`).then(() => undefined),
    };
  }

  async sync(cursors: ReadonlyMap<string, number>, limit: number): Promise<Synced> {
    const f = await this.#json("POST", "/sync-messages", { cursors: Object.fromEntries(cursors), limit });
    return read(() => ({ pages: f.list("conversations").map(page), removed: f.ids("removed") }));
  }

  async conversations(after: string | null): Promise<Pageful<Listed>> {
    return pageful(await this.#json("GET", `/sync-messages/conversations?limit=100${after ? `&after=${encodeURIComponent(after)}` : ""}`), listed);
  }

  /** history is newest first, below `before`. */
  async history(conversation: string, before: number, limit: number): Promise<Pageful<Message>> {
    return pageful(await this.#json("GET", `/sync-messages/${conversation}?before=${before}&limit=${limit}`), message);
  }

  async receipts(conversation: string, seq: number): Promise<Receipts> {
    const f = await this.#json("GET", `/sync-messages/${conversation}/receipts?seq=${seq}`);
    return read(() => ({ read: f.whole("read", 0), members: f.whole("members", 0), users: f.has("users") ? f.ids("users") : [] }));
  }

  async recall(conversation: string, seq: number): Promise<void> {
    await this.#call("POST", `/push-message/${conversation}/recall`, { seq });
  }

  async #json(method: string, path: string, body?: unknown): Promise<Fields> {
    const answer = await this.#call(method, path, body);
    return fields(answer);
  }

  async #call(method: string, path: string, body?: unknown): Promise<Response> {
    const answer = await this.#once(method, path, body, false);
    if (answer.ok) return answer;
    const fault = await refusal(answer);
    if (fault.status !== 401) throw fault;
    const second = await this.#once(method, path, body, true);
    if (second.ok) return second;
    throw await refusal(second);
  }

  async #once(method: string, path: string, body: unknown, fresh: boolean): Promise<Response> {
    const cut = new AbortController();
    const limit = this.#o.clock.after(PATIENCE_MS, () => cut.abort());
    try {
      const token = await this.#o.token(fresh);
      const headers: Record<string, string> = { Authorization: `Bearer ${token.access}` };
      if (body !== undefined) headers["Content-Type"] = "application/json";
      return await this.#o.fetch(this.#o.base + path, {
        method,
        headers,
        signal: cut.signal,
        cache: "no-store",
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
    } catch (err) {
      if (err instanceof SignedOut) throw new Fault(401, "unauthenticated", "Signed out", 0);
      throw new Fault(0, "unreachable", "The server cannot be reached", 0);
    } finally {
      limit.stop();
    }
  }
}

async function fields(answer: Response): Promise<Fields> {
  try {
    return new Fields(await answer.json());
  } catch {
    throw new Fault(0, "malformed", "The server's answer cannot be read", 0);
  }
}

/** refusal reads problem+json, or what else came in its place. */
export async function refusal(answer: Response): Promise<Fault> {
  const after = Number(answer.headers.get("Retry-After") ?? "");
  const retryAfterMs = Number.isFinite(after) && after > 0 ? Math.min(after, 3600) * 1000 : 0;
  let code = "unavailable";
  let detail = "";
  try {
    const f = new Fields(await answer.json());
    code = f.textOr("code", code);
    detail = f.textOr("detail", f.textOr("title", ""));
  } catch {
    // A proxy's page says no more than its status does.
  }
  return new Fault(answer.status, code, detail, retryAfterMs);
}

function read<T>(decode: () => T): T {
  try {
    return decode();
  } catch (err) {
    if (err instanceof Malformed) throw new Fault(0, "malformed", `The server's answer cannot be read: ${err.message}`, 0);
    throw err;
  }
}

function pageful<T>(f: Fields, item: (value: unknown) => T): Pageful<T> {
  return read(() => ({ items: f.list("items").map(item), next: f.has("next") ? cursor(f) : null }));
}

// history's next is a number, that of the lists an opaque text.
function cursor(f: Fields): string {
  try {
    return f.text("next");
  } catch {
    return String(f.whole("next", 0));
  }
}

function page(value: unknown): Page {
  const f = new Fields(value);
  const gap = f.has("gap") ? f.object("gap") : null;
  return {
    conversation: f.id("conversation"),
    kind: f.textOr("kind", ""),
    lastSeq: f.whole("last_seq", 0),
    readSeq: f.whole("read_seq", 0),
    messages: f.list("messages").map(message),
    gap: gap && { from: gap.whole("from", 1), to: gap.whole("to", 1) },
    recalled: f.has("recalled") ? f.list("recalled").filter((seq): seq is number => Number.isSafeInteger(seq)) : [],
  };
}

function listed(value: unknown): Listed {
  const f = new Fields(value);
  return {
    conversation: f.id("conversation"),
    kind: f.text("kind"),
    title: f.textOr("title", null),
    peer: f.textOr("peer", null),
    lastSeq: f.whole("last_seq", 0),
    readSeq: f.whole("read_seq", 0),
    activeAt: f.text("active_at"),
    last: f.has("last_message") ? message(f.object("last_message")) : null,
    mutedUntil: f.textOr("muted_until", null),
  };
}

function group(f: Fields): Group {
  return read(() => ({ id: f.id("group_id"), title: f.text("title"), open: f.flag("open"), role: f.text("role"), members: f.wholeOr("members", 0, 0) }));
}

function member(value: unknown): Member {
  const f = new Fields(value);
  return { user: f.id("user"), role: f.text("role"), mutedUntil: f.textOr("muted_until", null) };
}
