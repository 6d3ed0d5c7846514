import { refusal, SignedOut, type Token } from "../../client/api.ts";

interface Tokens {
  readonly user: string;
  readonly access: string;
  readonly refresh: string;
  /** By this machine's clock, in milliseconds. */
  readonly until: number;
}

const KEY = "bazaar.session";
const MARGIN_MS = 15_000; // a token with less left is replaced before it is used

/**
 * Session is one person signed in, in this window: another window may be
 * somebody else. It survives a reload and ends with the window.
 */
export class Session {
  #tokens: Tokens;
  #renewal: Promise<void> | null = null;
  #ended = false;

  private constructor(
    private readonly api: string,
    tokens: Tokens,
  ) {
    this.#tokens = tokens;
    this.#keep();
  }

  get user(): string {
    return this.#tokens.user;
  }

  /** restore gives the session of before a reload. */
  static restore(api: string): Session | null {
    try {
      const found = JSON.parse(sessionStorage.getItem(KEY) ?? "null") as Partial<Tokens> | null;
      if (!found || typeof found.user !== "string" || typeof found.access !== "string" || typeof found.refresh !== "string" || typeof found.until !== "number") return null;
      return new Session(api, found as Tokens);
    } catch {
      return null;
    }
  }

  /** signIn throws Fault. */
  static async signIn(api: string, name: string, password: string): Promise<Session> {
    const answer = await post(`${api}/issue-token`, { username: name, password });
    if (!answer.ok) throw await refusal(answer);
    return new Session(api, tokens(await answer.json(), name));
  }

  /** token is what the client library asks for. */
  async token(fresh: boolean): Promise<Token> {
    if (fresh || this.#left() < MARGIN_MS) await (this.#renewal ??= this.#renew().finally(() => (this.#renewal = null)));
    return { access: this.#tokens.access, expiresIn: this.#left() / 1000 };
  }

  async signOut(): Promise<void> {
    this.forget();
    await fetch(`${this.api}/issue-token`, { method: "DELETE", headers: { Authorization: `Bearer ${this.#tokens.access}` } }).catch(() => undefined);
  }

  /** forget ends it in this window only. */
  forget(): void {
    this.#ended = true;
    sessionStorage.removeItem(KEY);
  }

  #left(): number {
    return this.#tokens.until - Date.now();
  }

  #keep(): void {
    if (!this.#ended) sessionStorage.setItem(KEY, JSON.stringify(this.#tokens));
  }

  async #renew(): Promise<void> {
    const answer = await post(`${this.api}/issue-token/refresh`, { refresh_token: this.#tokens.refresh });
    if ([400, 401, 403, 422].includes(answer.status)) throw new SignedOut();
    if (!answer.ok) throw await refusal(answer);
    this.#tokens = tokens(await answer.json(), this.user);
    this.#keep();
  }
}

function post(url: string, body: object): Promise<Response> {
  return fetch(url, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body), cache: "no-store", signal: AbortSignal.timeout(15_000) });
}

function tokens(answer: unknown, name: string): Tokens {
  const a = answer as { access_token?: unknown; refresh_token?: unknown; expires_in?: unknown };
  if (typeof a.access_token !== "string" || typeof a.refresh_token !== "string" || typeof a.expires_in !== "number") throw new Error("an answer without tokens");
  return { user: subject(a.access_token) ?? name, access: a.access_token, refresh: a.refresh_token, until: Date.now() + a.expires_in * 1000 };
}

/** subject is the user id of a token. It is not verified here: whoever is asked with it does. */
function subject(token: string): string | null {
  try {
    const claims = JSON.parse(atob((token.split(".")[1] ?? "").replaceAll("-", "+").replaceAll("_", "/"))) as { sub?: unknown };
    return typeof claims.sub === "string" ? claims.sub : null;
  } catch {
    return null;
  }
}

/** device names this browser, so that of two windows of one person the newer one stays. */
export function device(): string {
  const key = "bazaar.device";
  const known = localStorage.getItem(key);
  if (known && /^[A-Za-z0-9_-]{1,64}$/.test(known)) return known;
  const fresh = `web-${Array.from(crypto.getRandomValues(new Uint8Array(8)), (b) => b.toString(16).padStart(2, "0")).join("")}`;
  localStorage.setItem(key, fresh);
  return fresh;
}
