/**
 * The table of descriptors: which number names which open handle of the backend.
 *
 * It is shared memory, so that several Workers may use one table: a number that one of them accepted
 * another may read from. Numbers start at 3, the lowest free one first. Source: POSIX.1-2017,
 * section 2.14.
 *
 * ```text
 *  header  numbers: [place + 1 | 0, flags] ...  files: [handle, references, state, kind] ...  free
 *  |.......|.....................................|............................................|....|
 * ```
 *
 * A file is closed when nobody refers to it any more: its number does, and a call that works with
 * it. So a number that is closed during a call may be given out again at once, and the call, which
 * ends with EBADF, never touches whatever has it then. In a table of several threads a call refers to
 * its file only while it tries, not while it waits: a thread that is terminated waits, as a rule, and
 * keeps nothing open.
 *
 * @module
 */

import {
  addCounter,
  compareExchange,
  loadAcquire,
  park,
  storeRelease,
  wake,
  type Words,
} from "../ring/barrier.ts";
import { Errno } from "../ring/abi/errno.ts";

/** The first number: those before it are the process's own. */
export const FIRST_DESCRIPTOR = 3;

/** What another thread needs to use the same table. */
export interface TableHandle {
  /** The memory of the table. */
  readonly table: SharedArrayBuffer;
}

const W_LOCK = 0;
const W_LOWEST = 1;
const W_OPEN = 2;
const W_MAXIMUM = 3;
const W_FREE_PLACES = 4;
const W_PLACES = 5;
/** Lock, hint and counts are touched by every call that opens or closes: a cache line of their own. */
const HEADER = 16;
const NUMBER_WORDS = 2;
const FILE_WORDS = 4;
/** Files that are closed and still waited on, beyond those that have a number. */
const CLOSING_MOST = 1024;

const FILE_HANDLE = 0;
const FILE_REFERENCES = 1;
const FILE_STATE = 2;
const FILE_KIND = 3;

/** The bit of a file's state that says that its number is open; above it is how often it was one. */
const STATE_OPEN = 1;

/** References of a file that nobody refers to, and never will: so many that none is the last. */
const RECLAIMED = -(1 << 30);

const LOCK_FREE = 0;
const LOCK_HELD = 1;
const LOCK_WAITED = 2;
const LOCK_PARK_MS = 10;
const LOCK_PARKS = 100;

/** Numbers, and the handles that they name. */
export class Descriptors {
  readonly #words: Words;
  readonly #files: number;
  readonly #free: number;
  /** The most numbers there may be at a time. */
  readonly maximum: number;
  /** Whether another thread has it, too. */
  isShared = false;

  private constructor(buffer: SharedArrayBuffer) {
    this.#words = new Int32Array(buffer);
    this.maximum = this.#words[W_MAXIMUM];
    this.#files = HEADER + (this.maximum + FIRST_DESCRIPTOR) * NUMBER_WORDS;
    this.#free = this.#files + this.#words[W_PLACES] * FILE_WORDS;
  }

  /** @param maximum the most open descriptors */
  static create(maximum: number): Descriptors {
    const places = maximum + CLOSING_MOST;
    const words = HEADER + (maximum + FIRST_DESCRIPTOR) * NUMBER_WORDS +
      places * (FILE_WORDS + 1);
    const buffer = new SharedArrayBuffer(words * 4);
    const view = new Int32Array(buffer);
    view[W_LOWEST] = FIRST_DESCRIPTOR;
    view[W_MAXIMUM] = maximum;
    view[W_PLACES] = places;
    view[W_FREE_PLACES] = places;
    const descriptors = new Descriptors(buffer);
    for (let index = 0; index < places; index++) {
      view[descriptors.#free + index] = places - 1 - index;
    }
    return descriptors;
  }

  /** Uses the table of another thread. */
  static attach(handle: TableHandle): Descriptors {
    const descriptors = new Descriptors(handle.table);
    descriptors.isShared = true;
    return descriptors;
  }

  /** What to post to another thread. */
  share(): TableHandle {
    this.isShared = true;
    return { table: this.#words.buffer as SharedArrayBuffer };
  }

  /** Open descriptors. */
  get count(): number {
    return loadAcquire(this.#words, W_OPEN);
  }

  /** The handle that a number names. @returns it, or -1 */
  handle(fd: number): number {
    const file = this.file(fd);
    return file < 0 ? -1 : this.#words[file + FILE_HANDLE];
  }

  /** The file that a number names. @returns its place, or -1 */
  file(fd: number): number {
    if (!this.#isNumber(fd)) return -1;
    return loadAcquire(this.#words, HEADER + fd * NUMBER_WORDS) - 1;
  }

  /** The handle of a file that somebody refers to. */
  handleOf(file: number): number {
    return this.#words[file + FILE_HANDLE];
  }

  /** What kind of file a number names, as {@linkcode Descriptors.open} was told. */
  kind(fd: number): number {
    const file = this.file(fd);
    return file < 0 ? 0 : this.#words[file + FILE_KIND];
  }

  /** `FD_CLOEXEC` of a number. */
  flags(fd: number): number {
    return this.#words[HEADER + fd * NUMBER_WORDS + 1];
  }

  /** Sets it. */
  setFlags(fd: number, flags: number): void {
    this.#words[HEADER + fd * NUMBER_WORDS + 1] = flags;
  }

  /**
   * Gives a handle the lowest free number.
   *
   * @param kind a number of the caller's
   * @param least the lowest number that will do
   * @returns the number, or `-EMFILE`
   */
  open(handle: number, flags: number, kind: number, least: number = FIRST_DESCRIPTOR): number {
    const words = this.#words;
    this.#lock();
    const end = this.maximum + FIRST_DESCRIPTOR;
    let fd = Math.max(least, words[W_LOWEST]);
    while (fd < end && words[HEADER + fd * NUMBER_WORDS] !== 0) fd++;
    if (fd >= end || words[W_FREE_PLACES] === 0) {
      this.#unlock();
      return -Errno.EMFILE;
    }
    if (fd === Math.max(FIRST_DESCRIPTOR, words[W_LOWEST])) words[W_LOWEST] = fd + 1;
    this.#install(fd, handle, flags, kind);
    words[W_OPEN]++;
    this.#unlock();
    return fd;
  }

  /**
   * Gives a handle a certain number.
   *
   * @returns the place of the file that had it, -1 for none; its reference is the caller's to drop
   */
  replace(fd: number, handle: number, flags: number, kind: number): number {
    const words = this.#words;
    this.#lock();
    const before = words[HEADER + fd * NUMBER_WORDS] - 1;
    if (before >= 0) this.#markClosed(before);
    else words[W_OPEN]++;
    this.#install(fd, handle, flags, kind);
    this.#unlock();
    return before;
  }

  /**
   * Frees a number; the file ends with its last reference.
   *
   * @returns the place of its file, whose reference is the caller's to drop, or -1
   */
  remove(fd: number): number {
    const words = this.#words;
    if (!this.#isNumber(fd)) return -1;
    this.#lock();
    const at = HEADER + fd * NUMBER_WORDS;
    const file = words[at] - 1;
    if (file >= 0) {
      this.#markClosed(file);
      storeRelease(words, at, 0);
      words[W_OPEN]--;
      if (fd < words[W_LOWEST]) words[W_LOWEST] = fd;
    }
    this.#unlock();
    return file;
  }

  /**
   * Keeps the file of a number from ending.
   *
   * @param close closes a handle: where the file's last reference came to be this one
   * @returns the file's place, or -1
   */
  hold(fd: number, close: (handle: number) => void): number {
    const file = this.file(fd);
    if (file < 0) return -1;
    const stamp = this.stamp(file);
    // Between the two somebody may have closed it, and another file be in its place.
    if (this.file(fd) !== file) return -1;
    return this.enter(file, stamp, close) ? file : -1;
  }

  /** What tells a file from all others that had or will have its place, and from a closed one. */
  stamp(file: number): number {
    return loadAcquire(this.#words, file + FILE_STATE);
  }

  /**
   * Keeps a file from ending, if it is still open.
   *
   * @param stamp what it was known by
   * @param close closes a handle: where the file's last reference came to be this one
   * @returns whether it is; then its reference is the caller's to drop
   */
  enter(file: number, stamp: number, close: (handle: number) => void): boolean {
    const words = this.#words;
    const at = file + FILE_REFERENCES;
    for (let count = loadAcquire(words, at); count > 0; count = loadAcquire(words, at)) {
      if (compareExchange(words, at, count, count + 1) !== count) continue;
      if (this.stamp(file) === stamp && (stamp & STATE_OPEN) !== 0) return true;
      const handle = this.drop(file);
      if (handle >= 0) close(handle);
      return false;
    }
    return false;
  }

  /** Whether the number of a file that is held was closed. */
  isClosed(file: number): boolean {
    return (this.stamp(file) & STATE_OPEN) === 0;
  }

  /**
   * Takes away the references of threads that were terminated in the middle of a call: of files
   * that have no number any more.
   *
   * @returns their handles, for the caller to close
   */
  reclaim(): number[] {
    const words = this.#words;
    const handles: number[] = [];
    for (let file = this.#files; file < this.#free; file += FILE_WORDS) {
      const at = file + FILE_REFERENCES;
      const count = loadAcquire(words, at);
      if (count <= 0 || (this.stamp(file) & STATE_OPEN) !== 0) continue;
      // Its place is not given out again, should somebody drop a reference after all.
      if (compareExchange(words, at, count, RECLAIMED) === count) {
        handles.push(words[file + FILE_HANDLE]);
      }
    }
    return handles;
  }

  /** Drops a reference. @returns the handle, for the caller to close, or -1 while others have one */
  drop(file: number): number {
    if (addCounter(this.#words, file + FILE_REFERENCES, -1) !== 1) return -1;
    const handle = this.#words[file + FILE_HANDLE];
    this.#lock();
    const free = this.#words[W_FREE_PLACES]++;
    this.#words[this.#free + free] = (file - this.#files) / FILE_WORDS;
    this.#unlock();
    return handle;
  }

  #isNumber(fd: number): boolean {
    return (fd | 0) === fd && fd >= FIRST_DESCRIPTOR && fd < this.maximum + FIRST_DESCRIPTOR;
  }

  #install(fd: number, handle: number, flags: number, kind: number): void {
    const words = this.#words;
    const place = words[this.#free + --words[W_FREE_PLACES]];
    const file = this.#files + place * FILE_WORDS;
    words[file + FILE_HANDLE] = handle;
    words[file + FILE_KIND] = kind;
    storeRelease(words, file + FILE_STATE, words[file + FILE_STATE] + 2 | STATE_OPEN);
    storeRelease(words, file + FILE_REFERENCES, 1);
    words[HEADER + fd * NUMBER_WORDS + 1] = flags;
    storeRelease(words, HEADER + fd * NUMBER_WORDS, file + 1);
  }

  #markClosed(file: number): void {
    const at = file + FILE_STATE;
    storeRelease(this.#words, at, this.#words[at] & ~STATE_OPEN);
  }

  /**
   * Held for some instructions only. Whoever holds it for a second was terminated in between; what
   * it leaves is at worst a number or a place that nobody gets any more.
   */
  #lock(): void {
    if (compareExchange(this.#words, W_LOCK, LOCK_FREE, LOCK_HELD) === LOCK_FREE) return;
    for (let parks = 0; parks < LOCK_PARKS;) {
      const before = compareExchange(this.#words, W_LOCK, LOCK_HELD, LOCK_WAITED);
      if (before === LOCK_FREE) {
        if (compareExchange(this.#words, W_LOCK, LOCK_FREE, LOCK_WAITED) === LOCK_FREE) return;
      } else if (!park(this.#words, W_LOCK, LOCK_WAITED, LOCK_PARK_MS)) {
        parks++;
      }
    }
  }

  #unlock(): void {
    const waited = compareExchange(this.#words, W_LOCK, LOCK_HELD, LOCK_FREE) === LOCK_WAITED;
    if (!waited) return;
    storeRelease(this.#words, W_LOCK, LOCK_FREE);
    wake(this.#words, W_LOCK);
  }
}
