/**
 * What the rings of a stack ask it for beside sockets.
 *
 * @module
 */

import type { IpAddress } from "../../stack/ip/types.ts";

/** What a lookup came to, or a positive errno. */
export type Lookup<Answer> = Answer | { readonly errno: number };

/** A lookup that goes on. */
export interface PendingLookup {
  /** Ends it: its callback is not called any more. */
  cancel(): void;
}

/** Is told of what happens in the stack. */
export type EventListener = (event: unknown) => void;

/** Names, configuration, statistics and events of a stack. */
export interface StackService {
  /**
   * Finds the addresses of a name.
   *
   * @param family 4, 6, or 0 for both
   * @param done called later with addresses, or ENOENT, EAGAIN
   * @returns what ends it
   */
  resolve(
    name: string,
    family: 0 | 4 | 6,
    done: (found: Lookup<readonly IpAddress[]>) => void,
  ): PendingLookup;
  /** Finds the name of an address. */
  reverse(address: IpAddress, done: (found: Lookup<string>) => void): PendingLookup;
  /** The canonical name of a name: itself where nothing better is known. */
  canonical(name: string): string;
  /** The index of an interface, 0 where there is none of that name. */
  interfaceIndex(name: string): number;
  /**
   * Answers a request of the control API: both are what JSON can say. Where more than this thread
   * has to be asked, it is a promise.
   *
   * @throws {Error} whose message says what is wrong with the request
   */
  control(request: unknown): unknown;
  /** Tells of what happens from now on. @returns what ends it */
  subscribe(listener: EventListener): () => void;
}
