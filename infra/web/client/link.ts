import { SignedOut, type Token } from "./api.ts";
import { Backoff, type Random } from "./backoff.ts";
import type { Clock, Timer } from "./clock.ts";
import { lines, say, type Line } from "./frame.ts";

/** SocketLike is as much of a browser's WebSocket as a link needs. */
export interface SocketLike {
  onopen: ((event: never) => void) | null;
  onmessage: ((event: never) => void) | null;
  onclose: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
  send(data: string): void;
  close(code?: number, reason?: string): void;
}

/** Stopped says why a link does not come back by itself. code is the close code, 0 when none came. */
export interface Stopped {
  readonly reason: "signed-out" | "replaced" | "refused";
  readonly code: number;
}

/** LinkState is where a link stands; until is the time, by its clock, of the next try. */
export type LinkState =
  | { readonly name: "idle" | "connecting" | "greeting" | "ready" }
  | { readonly name: "waiting"; readonly until: number }
  | { readonly name: "stopped"; readonly why: Stopped };

export interface LinkOptions {
  readonly sockets: readonly string[];
  readonly user: string;
  readonly device: string;
  readonly clock: Clock;
  readonly random: Random;
  token(fresh: boolean): Promise<Token>;
  socket(url: string): SocketLike;
  /** Called on every change. */
  state(state: LinkState): void;
  /** Called for every line that can be read. */
  line(line: Line): void;
}

const STEP_MS = 15_000; // for a token, for a connection, for `ready`: each at most
const HEARTBEAT_MS = 25_000; // until hello names another
const LATE_MS = 10_000; // beyond the heartbeat
const STEADY_MS = 30_000; // ready for so long: what was before is forgotten
const PROBE_MS = 5_000;
const BYE_MOST_MS = 60_000;
const REFRESH_LEAST_MS = 5_000;

/**
 * Link keeps one connection: it comes back after a loss, later each time and at
 * once on a server's word, changes its token before it ends, and stops where
 * only a person can help. It knows nothing of messages.
 */
export class Link {
  #state: LinkState = { name: "idle" };
  #socket: SocketLike | null = null;
  #turn = 0; // what belongs to an earlier one is not listened to
  #address = 0;
  #fresh: "no" | "wanted" | "used" = "no"; // the one fresh token after a refused one
  #quick = true; // one return without a pause, until ready has been steady again
  #bye: { code: number; at: number } | null = null;
  #heartbeat = HEARTBEAT_MS;
  #step: Timer | null = null; // the present step takes too long, or its pause is over
  #life: Timer | null = null;
  #steady: Timer | null = null;
  #refresh: Timer | null = null;
  readonly #away: Backoff;
  readonly #again: Backoff; // of refreshing

  constructor(private readonly o: LinkOptions) {
    this.#away = new Backoff(o.random, 500, 30_000);
    this.#again = new Backoff(o.random, 2_000, 30_000);
  }

  get state(): LinkState {
    return this.#state;
  }

  /** start connects, also after stop and after it stopped by itself. */
  start(): void {
    if (this.#state.name !== "idle" && this.#state.name !== "stopped") return;
    this.#fresh = "no";
    this.#quick = true;
    this.#away.reset();
    this.#connect();
  }

  /** stop leaves and stays away. */
  stop(): void {
    if (this.#state.name === "idle") return;
    this.#leave(1000);
    this.#enter({ name: "idle" });
  }

  /** wake is for when the world seems to be back: a pause ends, and an open connection has to show that it lives. */
  wake(): void {
    if (this.#state.name === "waiting") {
      this.#connect();
    } else if (this.#state.name === "ready") {
      this.send(say.ping());
      this.#live(PROBE_MS);
    }
  }

  /** send hands a line to a ready connection. false: there is none; true says nothing about arrival. */
  send(line: string): boolean {
    if (this.#state.name !== "ready" || !this.#socket) return false;
    return this.#write(line);
  }

  #enter(state: LinkState): void {
    this.#state = state;
    this.o.state(state);
  }

  #connect(): void {
    const turn = this.#renew();
    this.#limit(turn);
    this.#enter({ name: "connecting" });
    if (turn !== this.#turn) return;
    const fresh = this.#fresh === "wanted";
    this.o.token(fresh).then(
      (token) => {
        if (turn !== this.#turn) return;
        if (fresh) this.#fresh = "used";
        this.#open(turn, token);
      },
      (err: unknown) => {
        if (turn !== this.#turn) return;
        if (err instanceof SignedOut) this.#end({ reason: "signed-out", code: 0 });
        else this.#pause(this.#away.next());
      },
    );
  }

  #open(turn: number, token: Token): void {
    const obtained = this.o.clock.now();
    const address = this.o.sockets[this.#address % this.o.sockets.length] ?? "";
    this.#address++;
    let socket: SocketLike;
    try {
      socket = this.o.socket(address);
    } catch {
      this.#pause(this.#away.next()); // an address that the browser refuses
      return;
    }
    this.#socket = socket;
    this.#limit(turn);
    socket.onopen = () => {
      if (turn !== this.#turn || this.#state.name !== "connecting") return;
      this.#limit(turn);
      this.#live(this.#heartbeat + LATE_MS);
      this.#enter({ name: "greeting" });
      if (turn === this.#turn) this.#write(say.auth(token.access, this.o.device));
    };
    socket.onmessage = (event: { data: unknown }) => {
      if (turn === this.#turn) this.#hear(turn, event.data, token, obtained);
    };
    socket.onclose = (event: { code: number }) => {
      if (turn === this.#turn) this.#closed(event.code);
    };
    socket.onerror = null; // a close follows, and says as much
  }

  #write(line: string): boolean {
    try {
      this.#socket?.send(line);
      return true;
    } catch {
      return false; // closing; its close is on the way
    }
  }

  #hear(turn: number, data: unknown, token: Token, obtained: number): void {
    this.#live(this.#heartbeat + LATE_MS);
    if (typeof data !== "string") return;
    for (const line of lines(data)) {
      if (turn !== this.#turn) return;
      this.#take(turn, line, token, obtained);
    }
  }

  #take(turn: number, line: Line, token: Token, obtained: number): void {
    switch (line.t) {
      case "hello":
        this.#heartbeat = Math.min(Math.max(line.heartbeatMs, 1_000), 300_000);
        this.#live(this.#heartbeat + LATE_MS);
        break;
      case "ready":
        if (line.user !== this.o.user) {
          this.#leave(1000);
          this.#end({ reason: "signed-out", code: 0 }); // the token is somebody else's
          return;
        }
        this.#ready(turn, token, obtained);
        break;
      case "ping":
        this.#write(say.pong());
        break;
      case "bye": {
        const after = Math.min(line.afterMs, BYE_MOST_MS);
        this.#bye = { code: line.code, at: this.o.clock.now() + after };
        this.#step?.stop();
        this.#step = this.o.clock.after(after + PROBE_MS, () => this.#lost(turn));
        break;
      }
      case "error":
        if (line.code === "invalid_token") this.#plan(turn, this.#again.next());
        break;
      default:
    }
    if (turn === this.#turn) this.o.line(line);
  }

  #ready(turn: number, token: Token, obtained: number): void {
    if (this.#state.name === "ready") return; // said twice
    this.#step?.stop();
    this.#fresh = "no";
    this.#again.reset();
    this.#steady = this.o.clock.after(STEADY_MS, () => {
      this.#away.reset();
      this.#quick = true;
    });
    this.#plan(turn, worn(token) - (this.o.clock.now() - obtained));
    this.#enter({ name: "ready" });
  }

  /** plan replaces the token of an open connection after ms. */
  #plan(turn: number, ms: number): void {
    this.#refresh?.stop();
    this.#refresh = this.o.clock.after(Math.max(ms, REFRESH_LEAST_MS), () => {
      this.o.token(true).then(
        (token) => {
          if (turn !== this.#turn) return;
          this.#write(say.token(token.access));
          this.#plan(turn, worn(token));
        },
        (err: unknown) => {
          if (turn !== this.#turn) return;
          if (!(err instanceof SignedOut)) return this.#plan(turn, this.#again.next());
          this.#leave(1000);
          this.#end({ reason: "signed-out", code: 0 });
        },
      );
    });
  }

  #closed(code: number): void {
    const bye = this.#bye;
    if (bye && code < 4000) code = bye.code; // the close frame itself got lost
    this.#renew();
    if (code === 4201 || code === 4202) {
      if (this.#fresh === "used") return this.#end({ reason: "signed-out", code });
      this.#fresh = "wanted";
      return this.#pause(this.#unhurried(0));
    }
    if (code >= 4200 && code < 4400) return this.#end({ reason: code === 4203 ? "replaced" : "refused", code });
    this.#pause(bye ? this.#unhurried(Math.max(bye.at - this.o.clock.now(), 0)) : this.#away.next());
  }

  /** unhurried is ms the first time, and at least the back-off afterwards: a server that turns everybody away at once is not asked in a circle. */
  #unhurried(ms: number): number {
    const wait = this.#quick ? ms : Math.max(ms, this.#away.next());
    this.#quick = false;
    return wait;
  }

  /** lost is for a connection that nobody has closed. */
  #lost(turn: number): void {
    if (turn !== this.#turn) return;
    const bye = this.#bye;
    this.#leave(4000);
    if (bye) {
      this.#bye = bye;
      this.#closed(1006);
    } else {
      this.#pause(this.#away.next());
    }
  }

  #pause(ms: number): void {
    this.#renew();
    const turn = this.#turn;
    this.#step = this.o.clock.after(ms, () => {
      if (turn === this.#turn) this.#connect();
    });
    this.#enter({ name: "waiting", until: this.o.clock.now() + ms });
  }

  #end(why: Stopped): void {
    this.#renew();
    this.#enter({ name: "stopped", why });
  }

  #leave(code: number): void {
    const socket = this.#socket;
    this.#renew();
    try {
      socket?.close(code);
    } catch {
      // It never opened.
    }
  }

  /** renew forgets the connection, so that nothing of it is heard any more. */
  #renew(): number {
    for (const timer of [this.#step, this.#life, this.#steady, this.#refresh]) timer?.stop();
    this.#step = this.#life = this.#steady = this.#refresh = null;
    this.#socket = null;
    this.#bye = null;
    this.#heartbeat = HEARTBEAT_MS;
    return ++this.#turn;
  }

  #limit(turn: number): void {
    this.#step?.stop();
    this.#step = this.o.clock.after(STEP_MS, () => this.#lost(turn));
  }

  #live(ms: number): void {
    const turn = this.#turn;
    this.#life?.stop();
    this.#life = this.o.clock.after(ms, () => this.#lost(turn));
  }
}

/** worn is how many milliseconds after it was obtained a token is to be replaced. */
function worn(token: Token): number {
  return 0.8 * token.expiresIn * 1000;
}
