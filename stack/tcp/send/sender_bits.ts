/**
 * What is true of a sender or is not: as bits of one number, since each field of an object takes as
 * much memory as a number, and there may be many idle connections.
 *
 * @module
 */

const Bit = {
  IS_AGREED: 1 << 0,
  IS_STOPPED: 1 << 1,
  HAS_TIMESTAMPS: 1 << 2,
  HAS_SACK: 1 << 3,
  HAS_URGENT: 1 << 4,
  IS_CLOSED: 1 << 5,
  IS_FIN_SENT: 1 << 6,
  IS_FIN_ACKNOWLEDGED: 1 << 7,
  IS_WRITABLE_AWAITED: 1 << 8,
  HAS_MORE: 1 << 9,
  IS_HELD: 1 << 10,
  IS_REDUCTION_DUE: 1 << 11,
  HAS_REORDERING: 1 << 12,
  IS_AUTOTUNED: 1 << 13,
  IS_NO_DELAY: 1 << 14,
  IS_CORKED: 1 << 15,
  HAS_PROBE: 1 << 16,
  IS_PROBE_RETRANSMISSION: 1 << 17,
  HAS_SENT: 1 << 18,
} as const;

/** Small numbers behind those bits, and in a word of their own. */
const SCALE = { shift: 19, mask: 15 } as const;
const ECN = { shift: 23, mask: 3 } as const;
const MARKS = { shift: 25, mask: 7 } as const;
const BACKOFF = { shift: 0, mask: 255 } as const;
const MULTIPLIER = { shift: 8, mask: 255 } as const;
const PERSISTENCE = { shift: 16, mask: 255 } as const;

/** What `s.cep` of RFC 9768 begins with. */
const FIRST_MARKS = 5;

/** What is true of a sender. */
export class SenderBits {
  /** Bits of `Bit`, and numbers. */
  protected bits: number = Bit.IS_AUTOTUNED | FIRST_MARKS << MARKS.shift;
  /** Other numbers. */
  protected counts: number = 1 << MULTIPLIER.shift;

  private put(bit: number, isSet: boolean): void {
    if (isSet) this.bits |= bit;
    else this.bits &= ~bit;
  }

  /** Whether the handshake has come so far that data may be sent. */
  get isAgreed(): boolean {
    return (this.bits & Bit.IS_AGREED) !== 0;
  }

  set isAgreed(is: boolean) {
    this.put(Bit.IS_AGREED, is);
  }

  /** Whether it is over. */
  get isStopped(): boolean {
    return (this.bits & Bit.IS_STOPPED) !== 0;
  }

  set isStopped(is: boolean) {
    this.put(Bit.IS_STOPPED, is);
  }

  /** What was agreed on: timestamps, and SACK. */
  get hasTimestamps(): boolean {
    return (this.bits & Bit.HAS_TIMESTAMPS) !== 0;
  }

  set hasTimestamps(is: boolean) {
    this.put(Bit.HAS_TIMESTAMPS, is);
  }

  /** See {@linkcode SenderBits.hasTimestamps}. */
  get hasSack(): boolean {
    return (this.bits & Bit.HAS_SACK) !== 0;
  }

  set hasSack(is: boolean) {
    this.put(Bit.HAS_SACK, is);
  }

  /** Whether there is an urgent byte that is not acknowledged: SND.UP counts. */
  get hasUrgent(): boolean {
    return (this.bits & Bit.HAS_URGENT) !== 0;
  }

  set hasUrgent(is: boolean) {
    this.put(Bit.HAS_URGENT, is);
  }

  /** Whether a FIN follows the last byte, was sent, and is acknowledged. */
  get isClosed(): boolean {
    return (this.bits & Bit.IS_CLOSED) !== 0;
  }

  set isClosed(is: boolean) {
    this.put(Bit.IS_CLOSED, is);
  }

  /** See {@linkcode SenderBits.isClosed}. */
  get isFinSent(): boolean {
    return (this.bits & Bit.IS_FIN_SENT) !== 0;
  }

  set isFinSent(is: boolean) {
    this.put(Bit.IS_FIN_SENT, is);
  }

  /** See {@linkcode SenderBits.isClosed}. */
  get isFinAcknowledged(): boolean {
    return (this.bits & Bit.IS_FIN_ACKNOWLEDGED) !== 0;
  }

  set isFinAcknowledged(is: boolean) {
    this.put(Bit.IS_FIN_ACKNOWLEDGED, is);
  }

  /** Whether the program was refused room, and has to be told. */
  get isWritableAwaited(): boolean {
    return (this.bits & Bit.IS_WRITABLE_AWAITED) !== 0;
  }

  set isWritableAwaited(is: boolean) {
    this.put(Bit.IS_WRITABLE_AWAITED, is);
  }

  /** Whether the last write said that more will follow. */
  get hasMore(): boolean {
    return (this.bits & Bit.HAS_MORE) !== 0;
  }

  set hasMore(is: boolean) {
    this.put(Bit.HAS_MORE, is);
  }

  /** Whether an acknowledgment is being dealt with: nothing is sent meanwhile. */
  get isHeld(): boolean {
    return (this.bits & Bit.IS_HELD) !== 0;
  }

  set isHeld(is: boolean) {
    this.put(Bit.IS_HELD, is);
  }

  /** Whether the next new segment says that the window was reduced: CWR of RFC 3168. */
  get isReductionDue(): boolean {
    return (this.bits & Bit.IS_REDUCTION_DUE) !== 0;
  }

  set isReductionDue(is: boolean) {
    this.put(Bit.IS_REDUCTION_DUE, is);
  }

  /** Whether reordering was seen: RACK.reordering_seen. */
  get hasReordering(): boolean {
    return (this.bits & Bit.HAS_REORDERING) !== 0;
  }

  set hasReordering(is: boolean) {
    this.put(Bit.HAS_REORDERING, is);
  }

  /** Whether the buffer grows of itself. */
  get isAutotuned(): boolean {
    return (this.bits & Bit.IS_AUTOTUNED) !== 0;
  }

  set isAutotuned(is: boolean) {
    this.put(Bit.IS_AUTOTUNED, is);
  }

  /** `TCP_NODELAY`, and `TCP_CORK`. */
  get isNoDelay(): boolean {
    return (this.bits & Bit.IS_NO_DELAY) !== 0;
  }

  set isNoDelay(is: boolean) {
    this.put(Bit.IS_NO_DELAY, is);
  }

  /** See {@linkcode SenderBits.isNoDelay}. */
  get isCorked(): boolean {
    return (this.bits & Bit.IS_CORKED) !== 0;
  }

  set isCorked(is: boolean) {
    this.put(Bit.IS_CORKED, is);
  }

  /** Whether a tail loss probe is out (TLP.end_seq is set), and had been sent before. */
  get hasProbe(): boolean {
    return (this.bits & Bit.HAS_PROBE) !== 0;
  }

  set hasProbe(is: boolean) {
    this.put(Bit.HAS_PROBE, is);
  }

  /** See {@linkcode SenderBits.hasProbe}. */
  get isProbeRetransmission(): boolean {
    return (this.bits & Bit.IS_PROBE_RETRANSMISSION) !== 0;
  }

  set isProbeRetransmission(is: boolean) {
    this.put(Bit.IS_PROBE_RETRANSMISSION, is);
  }

  /** Whether anything was ever sent. */
  get hasSent(): boolean {
    return (this.bits & Bit.HAS_SENT) !== 0;
  }

  set hasSent(is: boolean) {
    this.put(Bit.HAS_SENT, is);
  }

  /** How many bits windows are shifted by. */
  get peerWindowScale(): number {
    return this.bits >> SCALE.shift & SCALE.mask;
  }

  set peerWindowScale(scale: number) {
    this.bits = packed(this.bits, SCALE, scale);
  }

  /** One of `Ecn`. */
  get ecn(): number {
    return this.bits >> ECN.shift & ECN.mask;
  }

  set ecn(ecn: number) {
    this.bits = packed(this.bits, ECN, ecn);
  }

  /** `s.cep` of RFC 9768, its last three bits: what the peer said last. */
  get markedPackets(): number {
    return this.bits >> MARKS.shift & MARKS.mask;
  }

  set markedPackets(count: number) {
    this.bits = packed(this.bits, MARKS, count);
  }

  /** How often the RTO is doubled. */
  get backoff(): number {
    return this.counts >> BACKOFF.shift & BACKOFF.mask;
  }

  set backoff(times: number) {
    this.counts = packed(this.counts, BACKOFF, times);
  }

  /** RACK.reo_wnd_mult. */
  get reorderMultiplier(): number {
    return this.counts >> MULTIPLIER.shift & MULTIPLIER.mask;
  }

  set reorderMultiplier(factor: number) {
    this.counts = packed(this.counts, MULTIPLIER, factor);
  }

  /** RACK.reo_wnd_persist. */
  get reorderPersistence(): number {
    return this.counts >> PERSISTENCE.shift & PERSISTENCE.mask;
  }

  set reorderPersistence(recoveries: number) {
    this.counts = packed(this.counts, PERSISTENCE, recoveries);
  }
}

/** Puts a small number into a word. */
function packed(word: number, field: { shift: number; mask: number }, value: number): number {
  return word & ~(field.mask << field.shift) | (value & field.mask) << field.shift;
}
