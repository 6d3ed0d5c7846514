import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { Fault } from "./api.ts";
import { Errand } from "./errand.ts";
import { FakeClock, settle } from "./fake.ts";

class Run {
  readonly clock = new FakeClock();
  readonly at: number[] = [];
  readonly #start = this.clock.now();
  readonly errand: Errand;
  finish: (err?: Error) => void = () => undefined;

  constructor() {
    this.errand = new Errand(this.clock, () => 1, () => {
      this.at.push(this.clock.now() - this.#start);
      return new Promise<void>((resolve, reject) => (this.finish = (err) => (err ? reject(err) : resolve())));
    });
    this.errand.allow();
  }

  async end(err?: Error): Promise<void> {
    this.finish(err);
    await settle();
  }
}

test("it is one question at a time, the soonest that is wanted", async () => {
  const r = new Run();
  r.errand.want(200);
  r.errand.want(100);
  r.errand.want(300);
  await r.clock.pass(1000);
  deepEqual(r.at, [100]);
});

test("what is wanted meanwhile is asked once more afterwards", async () => {
  const r = new Run();
  r.errand.want(0);
  await r.clock.pass(0);
  for (let i = 0; i < 5; i++) r.errand.want(0);
  await r.clock.pass(1000);
  equal(r.at.length, 1);
  await r.end();
  await r.clock.pass(1000);
  deepEqual(r.at, [0, 1200]);
  await r.end();
  await r.clock.pass(60_000);
  equal(r.at.length, 2);
});

test("a failure is tried again, later each time; Retry-After is kept even when somebody wants it sooner", async () => {
  const r = new Run();
  r.errand.want(0);
  await r.clock.pass(0);
  await r.end(new Fault(0, "unreachable", "", 0));
  await r.clock.pass(500);
  await r.end(new Fault(503, "unavailable", "", 0));
  await r.clock.pass(1000);
  deepEqual(r.at, [0, 500, 1500]);
  await r.end(new Fault(429, "limited", "", 10_000));
  r.errand.want(0);
  await r.clock.pass(10_999);
  equal(r.at.length, 3);
  await r.clock.pass(1);
  deepEqual(r.at, [0, 500, 1500, 12_500]);
  await r.end();
  r.errand.want(0);
  await r.clock.pass(0);
  await r.end(new Fault(0, "unreachable", "", 0));
  await r.clock.pass(500);
  equal(r.at.length, 6, "after a success the pause is short again");
});

test("halt drops what is planned, and nothing is asked until it is allowed", async () => {
  const r = new Run();
  r.errand.want(100);
  r.errand.halt();
  r.errand.want(0);
  await r.clock.pass(1000);
  deepEqual(r.at, []);
  r.errand.allow();
  r.errand.want(0);
  await r.clock.pass(0);
  r.errand.halt();
  r.errand.allow();
  r.errand.want(0);
  await r.clock.pass(0);
  equal(r.at.length, 2, "one under way since before does not hold it up");
  await r.end(new Fault(503, "unavailable", "", 0));
  equal(r.clock.waits().length, 1);
  await r.clock.pass(500);
  r.errand.halt();
  await r.end(new Fault(503, "unavailable", "", 0));
  deepEqual(r.clock.waits(), [], "one that fails after halt plans nothing");
});
