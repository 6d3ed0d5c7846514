/**
 * The lines of the protocol `bazaar.v1.json`, and the messages that lines and
 * answers of functions carry. What comes from a server is looked at field by
 * field here and nowhere else: behind this file a seq is a number above 0 and
 * an id is an id. Unknown fields are dropped, unknown lines too.
 */
export const PROTOCOL = "bazaar.v1.json";

/** Body is what a message says, by its kind: `{"text":"…"}` for kind `text`. */
export type Body = Readonly<Record<string, unknown>>;

/** Message is one stored message. Once recalled, its body is empty. */
export interface Message {
  readonly conversation: string;
  readonly seq: number;
  readonly id: string;
  readonly clientMsgId: string;
  readonly from: string;
  readonly sentAt: string;
  readonly kind: string;
  readonly body: Body;
  readonly recalledAt: string | null;
}

/** Change is what an `event` line tells of a conversation. */
export type Change =
  | { readonly kind: "member"; readonly conversation: string; readonly seq: number; readonly user: string; readonly change: string; readonly by: string; readonly version: number }
  | { readonly kind: "group"; readonly conversation: string; readonly seq: number; readonly title: string | null; readonly dissolved: boolean; readonly by: string }
  | { readonly kind: "read"; readonly conversation: string; readonly seq: number; readonly user: string }
  | { readonly kind: "recall"; readonly conversation: string; readonly seq: number; readonly by: string };

/** Line is what a server says. */
export type Line =
  | { readonly t: "hello"; readonly heartbeatMs: number }
  | { readonly t: "ready"; readonly user: string; readonly heads: ReadonlyMap<string, number> }
  | { readonly t: "sent"; readonly clientMsgId: string; readonly conversation: string; readonly seq: number; readonly messageId: string; readonly sentAt: string }
  | { readonly t: "refused"; readonly clientMsgId: string; readonly code: string; readonly retryable: boolean; readonly retryAfterMs: number }
  | { readonly t: "message"; readonly message: Message }
  | { readonly t: "event"; readonly change: Change }
  | { readonly t: "hint"; readonly conversation: string; readonly lastSeq: number }
  | { readonly t: "typing"; readonly conversation: string; readonly user: string }
  | { readonly t: "presence"; readonly user: string; readonly online: boolean; readonly lastActive: string | null }
  | { readonly t: "ping"; readonly heads: ReadonlyMap<string, number> }
  | { readonly t: "pong" }
  | { readonly t: "bye"; readonly code: number; readonly afterMs: number }
  | { readonly t: "error"; readonly code: string; readonly ref: string };

/** Malformed says what a server sent that is not in the contract. */
export class Malformed extends Error {}

const ID = /^[A-Za-z0-9_-]{1,64}$/;

/** Fields reads one JSON object. A field that is not what it should be throws Malformed. */
export class Fields {
  readonly #of: Record<string, unknown>;

  constructor(value: unknown) {
    if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Malformed("not an object");
    this.#of = value as Record<string, unknown>;
  }

  #at(name: string): unknown {
    return Object.hasOwn(this.#of, name) ? this.#of[name] : undefined;
  }

  has(name: string): boolean {
    const value = this.#at(name);
    return value !== undefined && value !== null;
  }

  text(name: string): string {
    const value = this.#at(name);
    if (typeof value !== "string") throw new Malformed(`${name} is no text`);
    return value;
  }

  textOr<T>(name: string, other: T): string | T {
    return this.has(name) ? this.text(name) : other;
  }

  id(name: string): string {
    const value = this.text(name);
    if (!ID.test(value)) throw new Malformed(`${name} is no id`);
    return value;
  }

  whole(name: string, least: number): number {
    const value = this.#at(name);
    if (!Number.isSafeInteger(value) || (value as number) < least) throw new Malformed(`${name} is no number of at least ${least}`);
    return value as number;
  }

  wholeOr(name: string, least: number, other: number): number {
    return this.has(name) ? this.whole(name, least) : other;
  }

  flag(name: string): boolean {
    return this.#at(name) === true;
  }

  object(name: string): Fields {
    return new Fields(this.#at(name));
  }

  raw(name: string): Record<string, unknown> {
    return this.object(name).#of;
  }

  list(name: string): unknown[] {
    const value = this.#at(name);
    if (!Array.isArray(value)) throw new Malformed(`${name} is no list`);
    return value;
  }

  /** ids is a list of ids. */
  ids(name: string): string[] {
    return this.list(name).map((value) => {
      if (typeof value !== "string" || !ID.test(value)) throw new Malformed(`${name} holds what is no id`);
      return value;
    });
  }

  /** heads is `{conversation: last_seq}`; nothing at all is none. */
  heads(name: string): Map<string, number> {
    const heads = new Map<string, number>();
    if (!this.has(name)) return heads;
    const found = this.object(name);
    for (const conversation of Object.keys(found.#of)) {
      if (ID.test(conversation)) heads.set(conversation, found.whole(conversation, 0));
    }
    return heads;
  }
}

/** message reads a message, as lines and answers carry it. */
export function message(value: unknown): Message {
  const f = value instanceof Fields ? value : new Fields(value);
  return {
    conversation: f.id("conversation"),
    seq: f.whole("seq", 1),
    id: f.text("message_id"),
    clientMsgId: f.id("client_msg_id"),
    from: f.id("from"),
    sentAt: f.text("sent_at"),
    kind: f.text("kind"),
    body: f.raw("body"),
    recalledAt: f.textOr("recalled_at", null),
  };
}

function change(f: Fields): Change | null {
  const conversation = f.id("conversation");
  const kind = f.text("kind");
  switch (kind) {
    case "member":
      return { kind, conversation, seq: f.wholeOr("seq", 0, 0), user: f.id("user"), change: f.text("change"), by: f.textOr("by", ""), version: f.wholeOr("version", 0, 0) };
    case "group":
      return { kind, conversation, seq: f.wholeOr("seq", 0, 0), title: f.textOr("title", null), dissolved: f.flag("dissolved"), by: f.textOr("by", "") };
    case "read":
      return { kind, conversation, seq: f.whole("seq", 0), user: f.id("user") };
    case "recall":
      return { kind, conversation, seq: f.whole("seq", 1), by: f.textOr("by", "") };
    default:
      return null; // a later version's
  }
}

function line(f: Fields): Line | null {
  const t = f.text("t");
  switch (t) {
    case "hello":
      return { t, heartbeatMs: f.whole("heartbeat_ms", 1) };
    case "ready":
      return { t, user: f.id("user"), heads: f.heads("heads") };
    case "sent":
      return { t, clientMsgId: f.id("client_msg_id"), conversation: f.id("conversation"), seq: f.whole("seq", 1), messageId: f.text("message_id"), sentAt: f.text("sent_at") };
    case "refused":
      return { t, clientMsgId: f.id("client_msg_id"), code: f.text("code"), retryable: f.flag("retryable"), retryAfterMs: f.wholeOr("retry_after_ms", 0, 0) };
    case "message":
      return { t, message: message(f) };
    case "event": {
      const told = change(f);
      return told && { t, change: told };
    }
    case "hint":
      return { t, conversation: f.id("conversation"), lastSeq: f.whole("last_seq", 0) };
    case "typing":
      return { t, conversation: f.id("conversation"), user: f.id("user") };
    case "presence":
      return { t, user: f.id("user"), online: f.flag("online"), lastActive: f.textOr("last_active", null) };
    case "ping":
      return { t, heads: f.heads("heads") };
    case "pong":
      return { t };
    case "bye":
      return { t, code: f.whole("code", 1000), afterMs: f.wholeOr("after_ms", 0, 0) };
    case "error":
      return { t, code: f.text("code"), ref: f.textOr("ref", "") };
    default:
      return null;
  }
}

/**
 * lines reads a WebSocket message, a line each. What cannot be read is left
 * out and does not spoil its neighbours: if it was a message, its seq is
 * missing, and that is noticed.
 */
export function lines(text: string): Line[] {
  const found: Line[] = [];
  for (const one of text.split("\n")) {
    try {
      const read = line(new Fields(JSON.parse(one)));
      if (read) found.push(read);
    } catch (err) {
      if (!(err instanceof Malformed || err instanceof SyntaxError)) throw err;
    }
  }
  return found;
}

/** Target is who is written to: a conversation, or a user whose direct conversation need not exist yet. */
export type Target = { readonly conversation: string } | { readonly user: string };

/** say holds the lines of a client. */
export const say = {
  auth: (token: string, device: string) => JSON.stringify({ t: "auth", token, device }),
  token: (token: string) => JSON.stringify({ t: "token", token }),
  send: (clientMsgId: string, target: Target, kind: string, body: Body) =>
    JSON.stringify({ t: "send", client_msg_id: clientMsgId, ...("user" in target ? { to: target.user } : { conversation: target.conversation }), kind, body }),
  read: (conversation: string, seq: number) => JSON.stringify({ t: "read", conversation, seq }),
  typing: (conversation: string) => JSON.stringify({ t: "typing", conversation }),
  presence: (users: readonly string[]) => JSON.stringify({ t: "presence", users }),
  ping: () => '{"t":"ping"}',
  pong: () => '{"t":"pong"}',
};
