import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { test } from "node:test";
import { Api, Fault, SignedOut } from "./api.ts";
import { FakeClock, answer, said, settle, wire } from "./fake.ts";

class Functions {
  readonly clock = new FakeClock();
  readonly calls: { url: string; method: string; body: unknown; token: string }[] = [];
  readonly answers: (Response | Error | Promise<Response>)[] = [];
  readonly fresh: boolean[] = [];
  signedOut = false;
  readonly api = new Api({
    base: "/function",
    clock: this.clock,
    token: async (fresh) => {
      this.fresh.push(fresh);
      if (this.signedOut) throw new SignedOut();
      return { access: fresh ? "new" : "old", expiresIn: 600 };
    },
    fetch: async (url, init) => {
      const headers = init.headers as Record<string, string>;
      this.calls.push({ url, method: init.method ?? "", body: init.body ? JSON.parse(String(init.body)) : null, token: headers["Authorization"] ?? "" });
      const next = this.answers.shift() ?? answer(500, {});
      if (next instanceof Error) throw next;
      return await new Promise<Response>((resolve, reject) => {
        init.signal?.addEventListener("abort", () => reject(new Error("aborted")));
        Promise.resolve(next).then(resolve, reject);
      });
    },
  });

  constructor(...answers: (Response | Error | Promise<Response>)[]) {
    this.answers = answers;
  }
}

const fault = (status: number, code: string, retryAfterMs = 0) => (err: unknown) => {
  ok(err instanceof Fault);
  deepEqual([err.status, err.code, err.retryAfterMs], [status, code, retryAfterMs]);
  return true;
};

test("sync names its cursors and reads pages, gaps, recalls and removals", async () => {
  const f = new Functions(answer(200, { conversations: [{ conversation: "c", kind: "group", last_seq: 60, read_seq: 2, messages: [wire(said(60))], gap: { from: 3, to: 59 }, recalled: [1, "x", 2] }], removed: ["d"] }));
  const synced = await f.api.sync(new Map([["c", 2], ["d", 5]]), 50);
  deepEqual(synced, { pages: [{ conversation: "c", kind: "group", lastSeq: 60, readSeq: 2, messages: [said(60)], gap: { from: 3, to: 59 }, recalled: [1, 2] }], removed: ["d"] });
  deepEqual(f.calls, [{ url: "/function/sync-messages", method: "POST", body: { cursors: { c: 2, d: 5 }, limit: 50 }, token: "Bearer old" }]);
});

test("problem+json becomes a fault with its code and Retry-After, a proxy's page one without", async () => {
  const f = new Functions(answer(503, { code: "unavailable", detail: "later" }, { "Retry-After": "7" }), new Response("<html>", { status: 502, headers: { "Retry-After": "soon" } }), answer(429, { code: "rate_limited" }, { "Retry-After": "99999999" }));
  await rejects(f.api.recall("c", 1), fault(503, "unavailable", 7000));
  await rejects(f.api.recall("c", 1), fault(502, "unavailable"));
  await rejects(f.api.recall("c", 1), fault(429, "rate_limited", 3_600_000));
});

test("a refused token is replaced once, a second refusal stands", async () => {
  const good = new Functions(answer(401, {}), answer(200, { read: 1, members: 2, users: ["bob"] }));
  deepEqual(await good.api.receipts("c", 3), { read: 1, members: 2, users: ["bob"] });
  deepEqual(good.calls.map((c) => c.token), ["Bearer old", "Bearer new"]);
  const bad = new Functions(answer(401, { code: "unauthenticated" }), answer(401, { code: "unauthenticated" }), answer(200, {}));
  await rejects(bad.api.receipts("c", 3), fault(401, "unauthenticated"));
  equal(bad.calls.length, 2);
});

test("no answer, an unreadable one and a late one are faults, no crashes", async () => {
  const f = new Functions(new Error("down"), new Response("{", { status: 200 }), answer(200, { conversations: [{ conversation: "a b" }], removed: [] }), answer(200, { conversations: {}, removed: [] }), answer(200, []));
  await rejects(f.api.sync(new Map(), 1), fault(0, "unreachable"));
  for (let i = 0; i < 4; i++) await rejects(f.api.sync(new Map(), 1), fault(0, "malformed"));
  const late = new Functions(new Promise<Response>(() => undefined));
  const asked = rejects(late.api.sync(new Map(), 1), fault(0, "unreachable"));
  await settle();
  await late.clock.pass(15_000);
  await asked;
});

test("signed out is a refused token", async () => {
  const f = new Functions();
  f.signedOut = true;
  await rejects(f.api.recall("c", 1), fault(401, "unauthenticated"));
  equal(f.calls.length, 0);
});

test("lists give their next, history's is a number", async () => {
  const f = new Functions(
    answer(200, { items: [wire(said(9))], next: 9 }),
    answer(200, { items: [{ conversation: "c", kind: "direct", title: null, peer: "bob", last_seq: 9, read_seq: 3, unread: 2, active_at: "2026", last_message: wire(said(9)), muted_until: null }], next: "opaque=" }),
    answer(200, { items: [{ user: "bob", role: "owner", muted_until: null }], next: null }),
  );
  deepEqual(await f.api.history("c", 10, 1), { items: [said(9)], next: "9" });
  deepEqual(await f.api.conversations("a=b"), { items: [{ conversation: "c", kind: "direct", title: null, peer: "bob", lastSeq: 9, readSeq: 3, activeAt: "2026", last: said(9), mutedUntil: null }], next: "opaque=" });
  deepEqual(await f.api.groups.members("g_1", null), { items: [{ user: "bob", role: "owner", mutedUntil: null }], next: null });
  deepEqual(f.calls.map((c) => c.url), ["/function/sync-messages/c?before=10&limit=1", "/function/sync-messages/conversations?limit=100&after=a%3Db", "/function/manage-group/g_1/members?limit=100"]);
});

test("groups are made, changed and left by the routes of manage-group", async () => {
  const group = { group_id: "g_1", title: "Tea", open: false, role: "owner", members: 2 };
  const f = new Functions(answer(201, group), answer(200, group), answer(200, { ...group, open: true }), answer(201, {}), answer(204, null), answer(204, null));
  deepEqual(await f.api.groups.create("Tea", ["bob"], false), { id: "g_1", title: "Tea", open: false, role: "owner", members: 2 });
  await f.api.groups.show("g_1");
  ok((await f.api.groups.change("g_1", { open: true })).open);
  await f.api.groups.put("g_1", "carol", { role: "admin" });
  await f.api.groups.remove("g_1", "bob");
  await f.api.groups.dissolve("g_1");
  deepEqual(f.calls.map((c) => [c.method, c.url, c.body]), [
    ["POST", "/function/manage-group", { title: "Tea", members: ["bob"], open: false }],
    ["GET", "/function/manage-group/g_1", null],
    ["PATCH", "/function/manage-group/g_1", { open: true }],
    ["PUT", "/function/manage-group/g_1/members/carol", { role: "admin" }],
    ["DELETE", "/function/manage-group/g_1/members/bob", null],
    ["DELETE", "/function/manage-group/g_1", null],
  ]);
});
