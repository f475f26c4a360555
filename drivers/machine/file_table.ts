/**
 * Virtual descriptors: small numbers for sockets, the lowest free one first, as in POSIX.
 *
 * @module
 */

/** The first descriptor: the three below are a process's own. */
const FIRST_FD = 3;
/** The most descriptors, as a hard limit of open files would have it. */
const MAXIMUM_FILES = 1 << 16;

const FULL = -1;
const WORD_SHIFT = 5;

/** The table of descriptors. */
export class FileTable<File> {
  /** Descriptors in use. */
  size = 0;
  readonly #capacity: number;
  readonly #files: (File | undefined)[] = new Array(FIRST_FD).fill(undefined);
  /** One bit per descriptor, set while it is in use. */
  readonly #used: Int32Array;
  /** No word before this one has a free bit. */
  #hint = 0;

  /** @param capacity the most descriptors */
  constructor(capacity: number = MAXIMUM_FILES) {
    this.#capacity = capacity;
    this.#used = new Int32Array(MAXIMUM_FILES >> WORD_SHIFT);
    this.#used[0] = (1 << FIRST_FD) - 1;
  }

  /** What a descriptor stands for. */
  get(fd: number): File | undefined {
    return this.#files[fd];
  }

  /** The lowest free descriptor, or -1 when all are taken. */
  lowest(): number {
    if (this.size >= this.#capacity) return -1;
    const used = this.#used;
    let word = this.#hint;
    while (word < used.length && used[word] === FULL) word++;
    this.#hint = word;
    if (word === used.length) return -1;
    const free = ~used[word];
    return (word << WORD_SHIFT) + 31 - Math.clz32(free & -free);
  }

  /** Puts something at a free descriptor. */
  set(fd: number, file: File): void {
    this.#used[fd >> WORD_SHIFT] |= 1 << (fd & 31);
    this.#files[fd] = file;
    this.size++;
  }

  /** Frees a descriptor. */
  delete(fd: number): void {
    const word = fd >> WORD_SHIFT;
    this.#used[word] &= ~(1 << (fd & 31));
    this.#files[fd] = undefined;
    this.#hint = Math.min(this.#hint, word);
    this.size--;
  }

  /** Calls `visit` for everything that is open. */
  forEach(visit: (file: File) => void): void {
    for (const file of this.#files) {
      if (file !== undefined) visit(file);
    }
  }
}
