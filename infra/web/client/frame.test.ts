import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { said, seeded, wire } from "./fake.ts";
import { lines, say } from "./frame.ts";

test("several lines in one message are read, unknown ones and broken ones are left out", () => {
  const found = lines(['{"t":"hint","conversation":"g_x","last_seq":7}', '{"t":"later-version","x":1}', "{not json", "[]", "null", "", '{"t":"pong","extra":[1]}'].join("\n"));
  deepEqual(found, [{ t: "hint", conversation: "g_x", lastSeq: 7 }, { t: "pong" }]);
});

test("a message is read with what it was recalled at", () => {
  deepEqual(lines(JSON.stringify({ t: "message", ...wire(said(3)) })), [{ t: "message", message: said(3) }]);
  const gone = said(3, { body: {}, recalledAt: "2026-11-22T10:01:00.000Z" });
  deepEqual(lines(JSON.stringify({ t: "message", ...wire(gone) })), [{ t: "message", message: gone }]);
});

test("fields that are not what they should be spoil their line only", () => {
  const good = { t: "message", ...wire(said(3)) };
  for (const bad of [{ seq: 0 }, { seq: -1 }, { seq: 1.5 }, { seq: "3" }, { seq: 2 ** 53 }, { seq: null }, { conversation: "a/b" }, { conversation: "" }, { conversation: "x".repeat(65) }, { from: 7 }, { body: "text" }, { body: null }, { body: [] }, { message_id: {} }]) {
    equal(lines(JSON.stringify({ ...good, ...bad })).length, 0, JSON.stringify(bad));
  }
  equal(lines(JSON.stringify({ t: "ready", user: "alice", heads: { c: "9" } })).length, 0);
  equal(lines(JSON.stringify({ t: "bye", code: 4001, after_ms: -1 })).length, 0);
  equal(lines(JSON.stringify({ t: "event", conversation: "c", seq: 1, kind: "read" })).length, 0);
});

test("heads are no object's properties", () => {
  const [ready] = lines('{"t":"ready","user":"alice","heads":{"__proto__":5,"constructor":6,"a b":7}}');
  ok(ready?.t === "ready");
  deepEqual([...ready.heads], [["__proto__", 5], ["constructor", 6]]);
  deepEqual(lines('{"t":"ping"}'), [{ t: "ping", heads: new Map() }]);
});

test("every kind of event is read, a later version's is left out", () => {
  const of = (event: object) => lines(JSON.stringify({ t: "event", conversation: "c", seq: 4, ...event }))[0];
  deepEqual(of({ kind: "member", user: "bob", change: "joined", by: "alice", version: 3 }), { t: "event", change: { kind: "member", conversation: "c", seq: 4, user: "bob", change: "joined", by: "alice", version: 3 } });
  deepEqual(of({ kind: "group", title: "Tea", by: "alice" }), { t: "event", change: { kind: "group", conversation: "c", seq: 4, title: "Tea", dissolved: false, by: "alice" } });
  deepEqual(of({ kind: "recall", by: "bob" }), { t: "event", change: { kind: "recall", conversation: "c", seq: 4, by: "bob" } });
  equal(of({ kind: "poll" }), undefined);
});

test("nothing that a server sends makes the reader throw", () => {
  const random = seeded(7);
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)]!;
  const junk = [null, true, 0, -1, 1.5, "", "c", [], {}, "\u0000", 1e300, { heads: [] }];
  const names = ["t", "conversation", "seq", "kind", "user", "heads", "body", "code", "after_ms", "client_msg_id", "message_id", "last_seq"];
  for (let i = 0; i < 3000; i++) {
    const line: Record<string, unknown> = { t: pick(["hello", "ready", "sent", "refused", "message", "event", "hint", "typing", "presence", "ping", "bye", "error", "x"]) };
    for (let n = 0; n < 6; n++) line[pick(names)] = pick(junk);
    const text = JSON.stringify(line);
    lines(random() < 0.3 ? text.slice(0, Math.floor(random() * text.length)) : text);
  }
});

test("a client's lines are one line each, whatever they say", () => {
  for (const line of [say.send("i", { user: "bob" }, "text", { text: "a\nb\u2028c" }), say.auth("t", "d"), say.read("c", 3)]) ok(!line.includes("\n"), line);
  deepEqual(JSON.parse(say.send("i", { user: "bob" }, "text", {})), { t: "send", client_msg_id: "i", to: "bob", kind: "text", body: {} });
  deepEqual(JSON.parse(say.send("i", { conversation: "c" }, "text", {})), { t: "send", client_msg_id: "i", conversation: "c", kind: "text", body: {} });
});
