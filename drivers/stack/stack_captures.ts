/**
 * Captures of a running stack: what its interfaces send and receive goes to files, or to pipes from
 * which Wireshark reads.
 *
 * @module
 */

import {
  CaptureFilter,
  type CaptureFilterOptions,
  FrameCapture,
  type InterfaceDescription,
  LinkType,
  PcapngWriter,
  StackCapture,
} from "../../stack/capture/mod.ts";
import type { FrameTap } from "../../stack/iface/types.ts";
import type { Stack } from "../../stack/stack.ts";
import { CaptureFile, isPipe } from "../capture/capture_file.ts";
import type { StackClock } from "./clock.ts";

/** What is captured, and where it goes. */
export interface StackCaptureOptions {
  /** A file or a named pipe. */
  readonly path: string;
  /** Names of interfaces; all but loopback. */
  readonly interfaces?: readonly string[];
  /** Which frames are kept, such as those of one socket; all. */
  readonly filter?: CaptureFilterOptions;
  /** Bytes of each frame that are kept, 0 for all; 0. */
  readonly snapBytes?: number;
}

/** What came of a capture. */
export interface StackCaptureReport {
  /** Frames that were written. */
  readonly written: number;
  /** Frames that the filter left out. */
  readonly filtered: number;
}

/** More at a time are refused. */
const MAXIMUM_CAPTURES = 16;
const KEYS = ["path", "interfaces", "filter", "snapBytes"];
const MICROSECONDS = 1000;

/** A capture that goes on. */
interface Running {
  readonly id: number;
  readonly tap: StackCapture;
  readonly frames: FrameCapture;
  readonly file: CaptureFile;
}

const NOTHING: StackCaptureReport = { written: 0, filtered: 0 };

/** The captures of one stack. */
export class StackCaptures implements FrameTap {
  readonly #stack: Stack;
  readonly #clock: StackClock;
  readonly #running: Running[] = [];
  /** Those whose pipe has no reader yet. */
  readonly #waiting = new Set<number>();
  #nextId = 1;

  /** @param clock of the stack: captures tell the time since 1970 */
  constructor(stack: Stack, clock: StackClock) {
    this.#stack = stack;
    this.#clock = clock;
  }

  /**
   * Begins a capture; one that goes to a pipe begins once that has a reader.
   *
   * @returns the number that ends it
   * @throws {TypeError} when an option is wrong, naming it
   * @throws {Error} when the file cannot be opened
   */
  begin(options: StackCaptureOptions): { readonly id: number } {
    const stranger = Object.keys(options).find((key) => !KEYS.includes(key));
    if (stranger !== undefined) throw new TypeError(`a capture has no option ${stranger}`);
    if (this.#running.length + this.#waiting.size === MAXIMUM_CAPTURES) {
      throw new RangeError(`a stack has ${MAXIMUM_CAPTURES} captures at most`);
    }
    for (const name of options.interfaces ?? []) {
      if (this.#stack.links.named(name) === undefined) {
        throw new TypeError(`there is no interface ${JSON.stringify(name)}`);
      }
    }
    // A filter that is wrong is found before anything is opened.
    new CaptureFilter(options.filter);
    const id = this.#nextId++;
    if (isPipe(options.path)) this.#await(id, options);
    else this.#start(id, options, CaptureFile.openFile(options.path));
    return { id };
  }

  /** Ends a capture. @throws {RangeError} when there is none of that number */
  end(id: number): StackCaptureReport {
    if (this.#waiting.delete(id)) return NOTHING;
    const at = this.#running.findIndex((other) => other.id === id);
    if (at < 0) throw new RangeError(`there is no capture ${id}`);
    const [{ frames, file }] = this.#running.splice(at, 1);
    if (this.#running.length === 0) this.#stack.links.tap = null;
    frames.end(this.#stack.environment.now);
    file[Symbol.dispose]();
    return { written: frames.written, filtered: frames.filtered };
  }

  /** Ends all of them. */
  close(): void {
    this.#waiting.clear();
    for (const { id } of [...this.#running]) this.end(id);
  }

  /** {@inheritDoc FrameTap.onFrame} */
  onFrame(interfaceIndex: number, direction: "in" | "out", packet: number): void {
    for (const { tap } of this.#running) tap.onFrame(interfaceIndex, direction, packet);
  }

  /** A pipe is opened when it has a reader; nobody is told if that never comes. */
  #await(id: number, options: StackCaptureOptions): void {
    this.#waiting.add(id);
    CaptureFile.open(options.path).then((file) => {
      if (this.#waiting.delete(id)) this.#start(id, options, file);
      else file[Symbol.dispose]();
    }, () => this.#waiting.delete(id));
  }

  #start(id: number, options: StackCaptureOptions, file: CaptureFile): void {
    const { environment, links } = this.#stack;
    const { filter, snapBytes, interfaces } = options;
    const writer = new PcapngWriter(file, { application: "Millrace" });
    const epoch = this.#clock.date() * MICROSECONDS - this.#clock.now();
    const frames = new FrameCapture(environment.arena, writer, { filter, snapBytes, epoch });
    const describe = (index: number) => this.#describe(index, interfaces);
    const tap = new StackCapture(frames, () => environment.now, describe);
    this.#running.push({ id, tap, frames, file });
    links.tap = this;
  }

  #describe(index: number, names: readonly string[] | undefined): InterfaceDescription | null {
    const link = this.#stack.links.get(index);
    if (link === undefined) return null;
    const { name, kind } = link;
    const isWanted = names === undefined ? kind !== "loopback" : names.includes(name);
    if (!isWanted) return null;
    return { name, linkType: kind === "ethernet" ? LinkType.ETHERNET : LinkType.RAW };
  }
}
