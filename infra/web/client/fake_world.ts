import type { Token } from "./api.ts";
import { FakeClock, FakeSocket, settle } from "./fake.ts";
import type { Line } from "./frame.ts";
import { Link, type LinkState } from "./link.ts";

/** World is a link whose server, clock and tokens are the test's. Chance is always the most. */
export class World {
  readonly clock = new FakeClock();
  readonly sockets: FakeSocket[] = [];
  readonly states: LinkState[] = [];
  readonly lines: Line[] = [];
  readonly asked: boolean[] = [];
  tokens: (fresh: boolean) => Promise<Token> = async () => ({ access: `token${this.asked.length}`, expiresIn: 600 });
  readonly link: Link;

  constructor(sockets = ["ws://a", "ws://b"]) {
    this.link = new Link({
      sockets,
      user: "alice",
      device: "laptop",
      clock: this.clock,
      random: () => 1,
      token: (fresh) => (this.asked.push(fresh), this.tokens(fresh)),
      socket: (url) => {
        if (url === "refused") throw new Error("an address that no browser takes");
        this.sockets.push(new FakeSocket(url));
        return this.last;
      },
      state: (state) => this.states.push(state),
      line: (line) => this.lines.push(line),
    });
  }

  get last(): FakeSocket {
    return this.sockets.at(-1)!;
  }

  /** waits is how long the link stays away from now on; -1: it does not wait. */
  get waits(): number {
    return this.link.state.name === "waiting" ? this.link.state.until - this.clock.now() : -1;
  }

  async greet(): Promise<FakeSocket> {
    await settle();
    this.last.accept();
    this.last.say({ t: "hello", session: "s", heartbeat_ms: 25_000, limits: {} });
    return this.last;
  }

  async ready(heads: Record<string, number> = {}): Promise<FakeSocket> {
    const socket = await this.greet();
    socket.say({ t: "ready", user: "alice", expires_at: "", heads });
    return socket;
  }

  /** back waits out the pause, and says how long it was. */
  async back(): Promise<number> {
    const ms = this.waits;
    await this.clock.pass(Math.max(ms, 0));
    return ms;
  }
}
