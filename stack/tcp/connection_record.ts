/**
 * What a connection remembers, in as few words as possible: a stack may have a hundred thousand
 * that are idle, and V8 spends eight bytes on a property, and sixteen more where it is no small
 * integer.
 *
 * Numbers of a few bits share a word, and no method is private by `#`: V8 spends a property on the
 * mark by which it knows objects that have such. Times are kept as numbers of milliseconds, or of
 * seconds, that wrap around. What only a handshake needs goes when it is over.
 *
 * @module
 */

import { MILLISECOND, SECOND } from "../environment.ts";
import { Bit } from "./connection_bits.ts";
import type { TcpContext } from "./context.ts";
import type { Purpose } from "./deadline_purposes.ts";
import type { State } from "./states.ts";

/** What is needed until both SYNs are acknowledged. */
class Handshake {
  /** ISS and IRS. */
  initialSequence = 0;
  peerInitialSequence = 0;
  /** Bytes of data in our SYN (RFC 7413). */
  synDataBytes = 0;
  /** When our SYN was sent first, in microseconds; -1 where that is not known. */
  openedAt = 0;
}

/** Where the numbers of a few bits begin in their word. */
const Shift = { STATE: 0, PURPOSE: 4, ATTEMPTS: 6, PEER_SCALE: 14, SCALE: 18, ECN: 22 } as const;
const NIBBLE = 15;
const TWO_BITS = 3;
const BYTE = 255;
const HALF = 0xffff;
const HALF_BITS = 16;
const BYTE_BITS = 8;

/** The remembered part of a connection. */
export abstract class ConnectionRecord {
  /** Its slot in the table, or -1. */
  slot = -1;
  /** Bits of {@linkcode Bit}. */
  bits = 0;
  readonly context: TcpContext;
  /** Its hold on a port, or -1. */
  binding = -1;
  /** TS.Recent, and what our own clock is shifted by. RFC 7323 section 5. */
  timestampRecent = 0;
  timestampOffset = 0;
  /** Last.ACK.sent: section 4.3. */
  lastAcknowledgmentSent = 0;
  /** What its owner is to be told when it settles. */
  raised = 0;
  #handshake: Handshake | null = null;
  #small = 0;
  #segments = 536 << HALF_BITS | 536;
  #limits = 0;
  #errors = 0;
  #timestampSecond = 0;
  #heardStamp = 0;
  #deadlineStamp = 0;
  #challengeStamp = 0;

  /** Remembers nothing yet. */
  constructor(context: TcpContext) {
    this.context = context;
  }

  /** Its state. */
  get state(): State {
    return (this.#small >> Shift.STATE & NIBBLE) as State;
  }
  protected set state(state: State) {
    this.#small = packed(this.#small, Shift.STATE, NIBBLE, state);
  }

  /** What its own deadline is for. */
  get purpose(): Purpose {
    return (this.#small >> Shift.PURPOSE & TWO_BITS) as Purpose;
  }
  set purpose(purpose: Purpose) {
    this.#small = packed(this.#small, Shift.PURPOSE, TWO_BITS, purpose);
  }

  /** SYNs sent again, or probes of keepalive: up to 255. */
  get attempts(): number {
    return this.#small >> Shift.ATTEMPTS & BYTE;
  }
  set attempts(attempts: number) {
    this.#small = packed(this.#small, Shift.ATTEMPTS, BYTE, attempts);
  }

  /** By how many bits the windows are shifted that the peer announces. */
  get peerWindowScale(): number {
    return this.#small >> Shift.PEER_SCALE & NIBBLE;
  }
  set peerWindowScale(scale: number) {
    this.#small = packed(this.#small, Shift.PEER_SCALE, NIBBLE, scale);
  }

  /** By how many bits those are shifted that we announce. */
  get windowScale(): number {
    return this.#small >> Shift.SCALE & NIBBLE;
  }
  set windowScale(scale: number) {
    this.#small = packed(this.#small, Shift.SCALE, NIBBLE, scale);
  }

  /** How the peer's SYN was marked. */
  get peerSynEcn(): number {
    return this.#small >> Shift.ECN & TWO_BITS;
  }
  set peerSynEcn(codePoint: number) {
    this.#small = packed(this.#small, Shift.ECN, TWO_BITS, codePoint);
  }

  /** The MSS of the peer. */
  get peerMaximumSegment(): number {
    return this.#segments >>> HALF_BITS;
  }
  set peerMaximumSegment(bytes: number) {
    this.#segments = this.#segments & HALF | bytes << HALF_BITS;
  }

  /** Our MSS as we announced it. */
  get announcedSegment(): number {
    return this.#segments & HALF;
  }
  set announcedSegment(bytes: number) {
    this.#segments = this.#segments & ~HALF | bytes;
  }

  /** The limit of payload without SACK blocks; see `path.ts`. */
  get payloadBase(): number {
    return this.#limits & HALF;
  }
  set payloadBase(bytes: number) {
    this.#limits = this.#limits & ~HALF | bytes;
  }

  /** The same of segments that the port takes apart, or 0. */
  get offloadBase(): number {
    return this.#limits >>> HALF_BITS;
  }
  set offloadBase(bytes: number) {
    this.#limits = this.#limits & HALF | bytes << HALF_BITS;
  }

  /** The error that its socket is to be told. */
  get error(): number {
    return this.#errors & BYTE;
  }
  set error(errno: number) {
    this.#errors = this.#errors & ~BYTE | errno;
  }

  /** The error that is not worth ending it. */
  get softError(): number {
    return this.#errors >> BYTE_BITS & BYTE;
  }
  set softError(errno: number) {
    this.#errors = this.#errors & ~(BYTE << BYTE_BITS) | errno << BYTE_BITS;
  }

  /** An error that ends it when it settles. */
  get failure(): number {
    return this.#errors >> HALF_BITS & BYTE;
  }
  set failure(errno: number) {
    this.#errors = this.#errors & ~(BYTE << HALF_BITS) | errno << HALF_BITS;
  }

  /** ISS, until it is acknowledged. */
  get initialSequence(): number {
    return this.#handshake?.initialSequence ?? 0;
  }
  set initialSequence(sequence: number) {
    (this.#handshake ??= new Handshake()).initialSequence = sequence;
  }

  /** IRS, for as long. */
  get peerInitialSequence(): number {
    return this.#handshake?.peerInitialSequence ?? 0;
  }
  set peerInitialSequence(sequence: number) {
    (this.#handshake ??= new Handshake()).peerInitialSequence = sequence;
  }

  /** Bytes of data in our SYN. */
  get synDataBytes(): number {
    return this.#handshake?.synDataBytes ?? 0;
  }
  set synDataBytes(bytes: number) {
    (this.#handshake ??= new Handshake()).synDataBytes = bytes;
  }

  /** When our SYN was sent first, in microseconds, or -1. */
  get openedAt(): number {
    return this.#handshake?.openedAt ?? -1;
  }
  set openedAt(time: number) {
    (this.#handshake ??= new Handshake()).openedAt = time;
  }

  /** The handshake is over: what only that needed is forgotten. */
  forgetHandshake(): void {
    this.#handshake = null;
  }

  /** Microseconds since the other end was heard. */
  get silence(): number {
    return (millisecondOf(this.context) - this.#heardStamp >>> 0) * MILLISECOND;
  }

  /** The other end was heard. @returns whether that is the first time in this second */
  hear(): boolean {
    const { now } = this.context.environment;
    const milliseconds = Math.floor(now / MILLISECOND);
    const since = (milliseconds | 0) - this.#heardStamp >>> 0;
    this.#heardStamp = milliseconds | 0;
    return since > milliseconds % 1000;
  }

  /** Seconds since TS.Recent was set, rounded down. */
  get timestampAge(): number {
    return Math.floor(this.context.environment.now / SECOND) - this.#timestampSecond;
  }

  /** TS.Recent was set. */
  stampTimestamp(): void {
    this.#timestampSecond = Math.ceil(this.context.environment.now / SECOND);
  }

  /** Its own deadline in microseconds; Infinity for none. */
  get deadline(): number {
    if ((this.bits & Bit.DEADLINE) === 0) return Infinity;
    const now = Math.floor(this.context.environment.now / MILLISECOND);
    return (now + (this.#deadlineStamp - (now | 0) | 0)) * MILLISECOND;
  }
  set deadline(time: number) {
    this.bits &= ~Bit.DEADLINE;
    if (time === Infinity) return;
    this.bits |= Bit.DEADLINE;
    this.#deadlineStamp = Math.ceil(time / MILLISECOND) | 0;
  }

  /**
   * Whether segments outside the window were answered within so many microseconds; else they are.
   */
  wasChallenged(interval: number): boolean {
    const now = millisecondOf(this.context);
    const since = (now - this.#challengeStamp >>> 0) * MILLISECOND;
    if ((this.bits & Bit.CHALLENGED) !== 0 && since < interval) return true;
    this.bits |= Bit.CHALLENGED;
    this.#challengeStamp = now;
    return false;
  }
}

/** Puts a number of a few bits into a word. */
function packed(word: number, shift: number, mask: number, value: number): number {
  return word & ~(mask << shift) | value << shift;
}

/** The time, as a number of milliseconds that wraps around. */
function millisecondOf(context: TcpContext): number {
  return Math.floor(context.environment.now / MILLISECOND) | 0;
}
