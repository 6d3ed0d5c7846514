import { SignedOut } from "./api.ts";
import { Client, type Options } from "./client.ts";
import { answer, FakeClock, FakeSocket, said, settle, wire } from "./fake.ts";
import type { Message } from "./frame.ts";
import { MemoryStore, type Store } from "./store.ts";

/** Shop is a server with everything in it that a client asks of one. */
export class Shop {
  readonly clock = new FakeClock();
  readonly sockets: FakeSocket[] = [];
  readonly stored = new Map<string, Message[]>([["c", []]]);
  readonly reads = new Map<string, number>();
  readonly asked: string[] = [];
  readonly cursors: Record<string, number>[] = [];
  down = false; // functions
  removed: string[] = [];
  signedOut = false;
  #id = 0;

  client(store: Store = new MemoryStore(), more: Partial<Options> = {}): Client {
    return new Client({
      sockets: ["ws://a"],
      api: "/function",
      user: "alice",
      device: "laptop",
      store,
      clock: this.clock,
      random: () => 0,
      newId: () => `id${++this.#id}`,
      token: async () => {
        if (this.signedOut) throw new SignedOut();
        return { access: "t", expiresIn: 600 };
      },
      socket: (url) => (this.sockets.push(new FakeSocket(url)), this.last),
      fetch: async (url, init) => this.#serve(init.method ?? "", url, init.body ? JSON.parse(String(init.body)) : {}),
      ...more,
    });
  }

  get last(): FakeSocket {
    return this.sockets.at(-1)!;
  }

  /** ready brings a started client to ready, and its first sync and list to an end. */
  async ready(): Promise<FakeSocket> {
    await settle();
    this.last.accept();
    this.last.say({ t: "hello", session: "s", heartbeat_ms: 25_000 }, { t: "ready", user: "alice", heads: Object.fromEntries([...this.stored].map(([id, m]) => [id, m.length])) });
    await this.clock.pass(0);
    return this.last;
  }

  /** post stores what somebody says, and pushes it unless told otherwise. */
  post(conversation = "c", push = true, more: Partial<Message> = {}): Message {
    const messages = this.stored.get(conversation) ?? [];
    this.stored.set(conversation, messages);
    const message = said(messages.length + 1, { conversation, ...more });
    messages.push(message);
    if (push) this.last.say({ t: "message", ...wire(message) });
    return message;
  }

  /** accept stores what the client sent last, and answers. */
  accept(answered = true): Message {
    const send = this.last.got("send").at(-1)!;
    const conversation = (send["conversation"] as string | undefined) ?? `d_${send["to"] as string}`;
    const message = this.post(conversation, false, { from: "alice", clientMsgId: send["client_msg_id"] as string, body: send["body"] as Message["body"] });
    if (answered) this.last.say({ t: "sent", client_msg_id: message.clientMsgId, conversation, seq: message.seq, message_id: message.id, sent_at: message.sentAt, duplicate: false });
    return message;
  }

  #serve(method: string, url: string, body: { cursors?: Record<string, number>; limit?: number; seq?: number }): Response {
    const path = url.replace("/function/", "");
    this.asked.push(`${method} ${path}`);
    if (this.down) return answer(503, { code: "unavailable" }, { "Retry-After": "2" });
    if (path === "sync-messages") return this.#sync(body.cursors ?? {}, body.limit ?? 50);
    if (path.startsWith("sync-messages/conversations")) return answer(200, { items: [...this.stored].map(([id, m]) => this.#listed(id, m)), next: null });
    const history = /^sync-messages\/(\w+)\?before=(\d+)&limit=(\d+)$/.exec(path);
    if (history) {
      const [, id = "", before, limit] = history;
      const below = (this.stored.get(id) ?? []).filter((m) => m.seq < Number(before)).reverse();
      const items = below.slice(0, Number(limit));
      return answer(200, { items: items.map(wire), next: below.length > items.length ? items.at(-1)?.seq : null });
    }
    if (path.includes("/receipts")) return answer(200, { read: 1, members: 2, users: ["bob"] });
    return answer(200, {});
  }

  #sync(cursors: Record<string, number>, limit: number): Response {
    this.cursors.push(cursors);
    const conversations = [];
    for (const [id, all] of this.stored) {
      const after = cursors[id] ?? 0;
      if (id in cursors && all.length <= after) continue;
      const messages = all.filter((m) => m.seq > after).slice(-limit);
      const first = messages[0]?.seq ?? after + 1;
      conversations.push({ conversation: id, kind: id.startsWith("d_") ? "direct" : "group", last_seq: all.length, read_seq: this.reads.get(id) ?? 0, messages: messages.map(wire), gap: first > after + 1 ? { from: after + 1, to: first - 1 } : null, recalled: [] });
    }
    return answer(200, { conversations, removed: this.removed });
  }

  #listed(id: string, all: Message[]): object {
    const direct = id.startsWith("d_");
    const last = all.at(-1);
    return { conversation: id, kind: direct ? "direct" : "group", title: direct ? null : `Group ${id}`, peer: direct ? id.slice(2) : null, last_seq: all.length, read_seq: this.reads.get(id) ?? 0, unread: 0, active_at: last?.sentAt ?? "2026-11-22T09:00:00.000Z", last_message: last ? wire(last) : null, muted_until: null };
  }
}
