import type { LinkState, Stopped } from "./link.ts";

/** Events is what a client tells. Names of conversations stand for "look again". */
export interface Events {
  state: LinkState;
  conversation: string;
  entry: string;
  /** What was `@user` is a conversation now. */
  opened: { readonly from: string; readonly conversation: string };
  receipt: { readonly conversation: string; readonly user: string; readonly seq: number };
  typing: { readonly conversation: string; readonly user: string };
  presence: { readonly user: string; readonly online: boolean; readonly lastActive: string | null };
  member: string;
  removed: string;
  stopped: Stopped;
}

/** Bell tells whoever wants to hear. */
export class Bell {
  readonly #hearers = new Map<keyof Events, Set<(told: never) => void>>();

  /** on calls hear each time, until what it returns is called. */
  on<K extends keyof Events>(what: K, hear: (told: Events[K]) => void): () => void {
    const hearers = this.#hearers.get(what) ?? new Set();
    this.#hearers.set(what, hearers.add(hear));
    return () => void hearers.delete(hear);
  }

  tell<K extends keyof Events>(what: K, told: Events[K]): void {
    for (const hear of this.#hearers.get(what) ?? []) (hear as (told: Events[K]) => void)(told);
  }
}
