import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { SignedOut } from "./api.ts";
import { settle } from "./fake.ts";
import { World } from "./fake_world.ts";

const names = (w: World) => w.states.map((s) => s.name);

test("idle, connecting, greeting, ready: auth is the first line and goes at once", async () => {
  const w = new World();
  w.link.start();
  await w.ready({ c: 3 });
  deepEqual(names(w), ["connecting", "greeting", "ready"]);
  deepEqual(w.last.sent, [{ t: "auth", token: "token1", device: "laptop" }]);
  deepEqual(w.lines.map((l) => l.t), ["hello", "ready"]);
});

test("a lost link comes back after U(0, min(30 s, 0.5 s · 2^n)), at the next address", async () => {
  const w = new World();
  w.link.start();
  await w.ready();
  const waits: number[] = [];
  for (let i = 0; i < 9; i++) {
    w.last.drop(1006);
    waits.push(await w.back());
    await settle();
  }
  deepEqual(waits, [500, 1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000]);
  deepEqual(w.sockets.slice(0, 4).map((s) => s.url), ["ws://a", "ws://b", "ws://a", "ws://b"]);
});

test("30 s of ready, and not less, make the next pause short again", async () => {
  for (const [steady, want] of [[29_000, 2000], [30_000, 500]] as const) {
    const w = new World();
    w.link.start();
    for (let i = 0; i < 2; i++) {
      await settle();
      w.last.drop(1006);
      await w.back();
    }
    const socket = await w.ready();
    await w.clock.pass(steady - 1000);
    socket.say({ t: "ping" });
    await w.clock.pass(1000);
    socket.drop(1006);
    equal(w.waits, want, `after ${steady} ms`);
  }
});

test("which close codes come back, and which stop", async () => {
  for (const code of [1000, 1001, 1006, 1011, 1012, 3999, 4000, 4001, 4002, 4003, 4005, 4006, 4150, 4199, 4400, 4999]) {
    const w = new World();
    w.link.start();
    (await w.ready()).drop(code);
    equal(w.link.state.name, "waiting", String(code));
  }
  for (const code of [4200, 4203, 4204, 4205, 4206, 4299, 4399]) {
    const w = new World();
    w.link.start();
    (await w.ready()).drop(code);
    deepEqual(w.link.state, { name: "stopped", why: { reason: code === 4203 ? "replaced" : "refused", code } }, String(code));
    await w.clock.pass(600_000);
    equal(w.sockets.length, 1, `${code} came back by itself`);
  }
});

test("4201 and 4202 get one fresh token, at once; a second refusal is the end", async () => {
  for (const code of [4201, 4202]) {
    const w = new World();
    w.link.start();
    (await w.ready()).drop(code);
    equal(await w.back(), 0);
    await settle();
    deepEqual(w.asked, [false, true]);
    w.last.accept();
    w.last.drop(4201);
    deepEqual(w.link.state, { name: "stopped", why: { reason: "signed-out", code: 4201 } });
  }
});

test("a fresh token that is taken may be refused again later, but not in a circle", async () => {
  const w = new World();
  w.link.start();
  (await w.ready()).drop(4202);
  equal(await w.back(), 0);
  (await w.ready()).drop(4202);
  equal(await w.back(), 500, "a server that refuses right after ready is not asked at once again");
  (await w.ready()).drop(4202);
  equal(await w.back(), 1000);
  deepEqual(w.asked, [false, true, true, true]);
});

test("a source of tokens that fails is asked again; one that says signed out ends it", async () => {
  const w = new World();
  w.tokens = async () => {
    throw new Error("unreachable");
  };
  w.link.start();
  await settle();
  equal(await w.back(), 500);
  equal(await w.back(), 1000);
  equal(w.sockets.length, 0);
  w.tokens = async () => {
    throw new SignedOut();
  };
  await w.back();
  deepEqual(w.link.state, { name: "stopped", why: { reason: "signed-out", code: 0 } });
});

test("the fresh token is still wanted when the source of tokens fails for a while", async () => {
  const w = new World();
  w.link.start();
  (await w.ready()).drop(4202);
  w.tokens = async () => {
    throw new Error("unreachable");
  };
  await w.back();
  await w.back();
  w.tokens = async () => ({ access: "new", expiresIn: 600 });
  await w.back();
  deepEqual(w.asked, [false, true, true, true]);
});

test("bye's after_ms is obeyed instead of the back-off, counted from bye", async () => {
  const w = new World();
  w.link.start();
  const socket = await w.ready();
  socket.say({ t: "bye", code: 4001, after_ms: 2740 });
  equal(w.link.state.name, "ready", "it stays until it is closed");
  await w.clock.pass(1000);
  socket.drop(4001);
  equal(await w.back(), 1740);
  equal(w.last.url, "ws://b");
});

test("a close at its time after bye comes back at once; without a close it is cut", async () => {
  const w = new World();
  w.link.start();
  let socket = await w.ready();
  socket.say({ t: "bye", code: 4001, after_ms: 2000 });
  await w.clock.pass(2000);
  socket.drop(4001);
  equal(await w.back(), 0);
  socket = await w.ready();
  await w.clock.pass(30_000);
  socket.say({ t: "bye", code: 4006, after_ms: 0 });
  await w.clock.pass(4_999);
  equal(w.link.state.name, "ready");
  await w.clock.pass(1);
  equal(socket.closed, 4000);
  equal(w.sockets.length, 3, "it came back at once, its time was over");
});

test("a server that turns everybody away at once is not asked in a circle, one that is mad is not believed", async () => {
  const w = new World();
  w.link.start();
  const waits: number[] = [];
  for (let i = 0; i < 4; i++) {
    const socket = await w.greet();
    socket.say({ t: "bye", code: 4005, after_ms: 0 });
    socket.drop(4005);
    waits.push(await w.back());
  }
  deepEqual(waits, [0, 500, 1000, 2000]);
  const socket = await w.greet();
  socket.say({ t: "bye", code: 4005, after_ms: 2 ** 50 });
  socket.drop(4005);
  equal(w.waits, 60_000);
});

test("bye's code counts when the close frame got lost", async () => {
  const w = new World();
  w.link.start();
  const socket = await w.ready();
  socket.say({ t: "bye", code: 4203, after_ms: 0 });
  socket.drop(1006);
  deepEqual(w.link.state, { name: "stopped", why: { reason: "replaced", code: 4203 } });
});

test("no frame for the heartbeat and 10 s: cut off and back; any frame is life", async () => {
  const w = new World();
  w.link.start();
  const socket = await w.greet();
  socket.say({ t: "hello", session: "s", heartbeat_ms: 20_000 }, { t: "ready", user: "alice", heads: {} });
  for (let i = 0; i < 3; i++) {
    await w.clock.pass(29_000);
    socket.raw(i === 1 ? new ArrayBuffer(1) : i === 2 ? "rubbish" : '{"t":"ping"}');
  }
  await w.clock.pass(29_999);
  equal(w.link.state.name, "ready");
  await w.clock.pass(1);
  equal(socket.closed, 4000);
  equal(w.link.state.name, "waiting");
  socket.say({ t: "hint", conversation: "c", last_seq: 1 });
  socket.drop(4205);
  equal(w.link.state.name, "waiting", "what comes from a connection that was given up is not heard");
  ok(!w.lines.some((l) => l.t === "hint"));
});

test("ping is answered with pong", async () => {
  const w = new World();
  w.link.start();
  const socket = await w.ready();
  socket.say({ t: "ping", heads: { c: 4 } });
  deepEqual(socket.got("pong"), [{ t: "pong" }]);
});

test("the token is replaced on the open connection at 80 % of its life", async () => {
  const w = new World();
  w.link.start();
  const socket = await w.ready();
  const alive = async (ms: number) => {
    for (; ms > 0; ms -= 20_000) {
      await w.clock.pass(Math.min(ms, 20_000));
      socket.say({ t: "ping" });
    }
  };
  await alive(479_999);
  deepEqual(socket.got("token"), []);
  await w.clock.pass(1);
  deepEqual(socket.got("token"), [{ t: "token", token: "token2" }]);
  deepEqual(w.asked, [false, true]);
  await alive(480_000);
  equal(socket.got("token").length, 2);
  socket.say({ t: "error", code: "invalid_token", ref: "token" });
  await alive(5_000);
  equal(socket.got("token").length, 3, "one that was not good is replaced soon");
});

test("a refresh that fails is tried again, one that is signed out ends the link", async () => {
  const w = new World();
  w.tokens = async (fresh) => {
    if (fresh && w.asked.length < 4) throw new Error("unreachable");
    if (fresh && w.asked.length > 4) throw new SignedOut();
    return { access: "t", expiresIn: 10 };
  };
  w.link.start();
  const socket = await w.ready();
  await w.clock.pass(8_000); // tried
  await w.clock.pass(5_000); // again, and again
  await w.clock.pass(5_000);
  equal(socket.got("token").length, 1);
  await w.clock.pass(8_000);
  deepEqual(w.link.state, { name: "stopped", why: { reason: "signed-out", code: 0 } });
  equal(socket.closed, 1000);
});

test("a token that is as good as over is not replaced in a circle", async () => {
  const w = new World();
  w.tokens = async () => ({ access: "t", expiresIn: 0 });
  w.link.start();
  await w.ready();
  await w.clock.pass(20_000);
  ok(w.asked.length <= 5, `${w.asked.length} tokens in 20 s`);
});

test("each step has its time: a token, a connection, ready", async () => {
  const token = new World();
  token.tokens = () => new Promise(() => undefined);
  const opening = new World();
  const greeting = new World();
  for (const w of [token, opening, greeting]) w.link.start();
  await greeting.greet();
  for (const w of [token, opening, greeting]) {
    await settle();
    await w.clock.pass(14_000);
    if (w === greeting) w.last.say({ t: "ping" }); // lives, but is never ready
    await w.clock.pass(999);
    equal(names(w).includes("waiting"), false);
    await w.clock.pass(1);
    equal(w.link.state.name, "waiting");
  }
  equal(opening.last.closed, 4000);
});

test("an address that the browser refuses does not end it", async () => {
  const w = new World(["refused", "ws://b"]);
  w.link.start();
  await settle();
  equal(await w.back(), 500);
  await w.ready();
  equal(w.link.state.name, "ready");
});

test("ready for another user is nobody's connection", async () => {
  const w = new World();
  w.link.start();
  (await w.greet()).say({ t: "ready", user: "bob", heads: { c: 1 } });
  deepEqual(w.link.state, { name: "stopped", why: { reason: "signed-out", code: 0 } });
  ok(!w.lines.some((l) => l.t === "ready"));
});

test("what comes twice, out of turn or unknown does no harm", async () => {
  const w = new World();
  w.link.start();
  const socket = await w.ready();
  socket.accept();
  socket.say({ t: "ready", user: "alice", heads: { c: 9 } }, { t: "hello", session: "s", heartbeat_ms: 1 }, { t: "welcome" }, { t: "error", code: "unknown_type" });
  equal(names(w).filter((n) => n === "ready").length, 1);
  equal(socket.got("auth").length, 1);
  equal(w.lines.filter((l) => l.t === "ready").length, 2, "its heads are news all the same");
  await w.clock.pass(10_999);
  equal(w.link.state.name, "ready", "a heartbeat below a second is not believed");
});

test("stop leaves for good, start comes back, wake ends a pause", async () => {
  const w = new World();
  w.link.start();
  const socket = await w.ready();
  w.link.stop();
  equal(socket.closed, 1000);
  socket.drop(1000);
  await w.clock.pass(600_000);
  deepEqual([w.link.state.name, w.sockets.length], ["idle", 1]);
  equal(w.link.send("{}"), false);
  w.link.start();
  w.link.start();
  await settle();
  equal(w.sockets.length, 2);
  w.last.drop(1006);
  equal(w.link.state.name, "waiting");
  w.link.wake();
  await settle();
  deepEqual([w.link.state.name, w.sockets.length], ["connecting", 3]);
});

test("stop while the token is awaited is a stop", async () => {
  const w = new World();
  w.link.start();
  w.link.stop();
  await w.clock.pass(60_000);
  deepEqual([w.link.state.name, w.sockets.length], ["idle", 0]);
});

test("a ready link that is woken has to show within 5 s that it lives", async () => {
  for (const lives of [true, false]) {
    const w = new World();
    w.link.start();
    const socket = await w.ready();
    w.link.wake();
    equal(socket.got("ping").length, 1);
    if (lives) socket.say({ t: "pong" });
    await w.clock.pass(5_000);
    equal(w.link.state.name, lives ? "ready" : "waiting");
  }
});
