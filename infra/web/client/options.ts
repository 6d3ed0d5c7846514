import type { Token } from "./api.ts";
import type { Random } from "./backoff.ts";
import type { Clock } from "./clock.ts";
import type { SocketLike } from "./link.ts";
import type { Store } from "./store.ts";

/** Options are what a client is made of. What is left out is the browser's own. */
export interface Options {
  /** Addresses of connectors; after a loss the next one is tried. */
  readonly sockets: readonly string[];
  /** Where the functions are: `/function`. */
  readonly api: string;
  readonly user: string;
  /** Names this device: of two connections with the same name the newer one stays. */
  readonly device: string;
  /** Gives an access token, a new one when fresh. Throws SignedOut when the person has to sign in again. */
  token(fresh: boolean): Promise<Token>;
  readonly store?: Store;
  readonly clock?: Clock;
  readonly random?: Random;
  readonly socket?: (url: string) => SocketLike;
  readonly fetch?: (url: string, init: RequestInit) => Promise<Response>;
  /** Makes the id of a message, once for each act of a person. */
  readonly newId?: () => string;
}
