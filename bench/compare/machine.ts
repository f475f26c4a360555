/** What a result depends on beside the programs: machine, kernel and its settings. */

/** Facts about the machine, for people to read. */
export type Machine = Readonly<Record<string, string>>;

/** Reads the facts; what is not there is left out. */
export function describeMachine(): Machine {
  const facts: Record<string, string | null> = {
    processor: /^model name\s*:\s*(.+)$/m.exec(read("/proc/cpuinfo") ?? "")?.[1] ?? null,
    cores: String(navigator.hardwareConcurrency),
    kernel: `${Deno.build.os} ${Deno.osRelease()} ${Deno.build.arch}`,
    "io_uring_disabled": read("/proc/sys/kernel/io_uring_disabled"),
    "tcp_congestion_control": read("/proc/sys/net/ipv4/tcp_congestion_control"),
    "open files": String(openFilesMax()),
    "load average": read("/proc/loadavg"),
    deno: `${Deno.version.deno}, V8 ${Deno.version.v8}`,
  };
  return Object.fromEntries(
    Object.entries(facts).filter((entry): entry is [string, string] => entry[1] !== null),
  );
}

/** The first two cores this process may use, or null if there is only one. */
export function allowedCores(): readonly [number, number] | null {
  const list = /^Cpus_allowed_list:\s*(\S+)$/m.exec(read("/proc/self/status") ?? "")?.[1] ?? "";
  const cores: number[] = [];
  for (const range of list.split(",").filter((text) => text !== "")) {
    const [first, last = first] = range.split("-").map(Number);
    for (let core = first; core <= last && cores.length < 2; core++) cores.push(core);
  }
  return cores.length === 2 ? [cores[0], cores[1]] : null;
}

/** The hard limit of open files of this process and its children. */
export function openFilesMax(): number {
  const line = /^Max open files\s+\S+\s+(\d+)/m.exec(read("/proc/self/limits") ?? "");
  return line === null ? Infinity : Number(line[1]);
}

/** Time of a process in all its threads, in nanoseconds. */
export interface ProcessorTime {
  /** Spent on a core. */
  readonly used: number;
  /** Spent ready to run while something else had the core. */
  readonly waited: number;
}

/**
 * The processor time of a process since this was made, thread by thread: one that ends takes what it
 * had used before with it, which must not be missing from what the others use.
 */
export class ProcessorClock {
  readonly #pid: number;
  readonly #start: ReadonlyMap<string, ProcessorTime>;

  constructor(pid: number) {
    this.#pid = pid;
    this.#start = timesOfThreads(pid);
  }

  /** The time since then; of a thread that has ended, nothing. */
  get elapsed(): ProcessorTime {
    let used = 0;
    let waited = 0;
    for (const [thread, time] of timesOfThreads(this.#pid)) {
      const start = this.#start.get(thread);
      used += time.used - (start?.used ?? 0);
      waited += time.waited - (start?.waited ?? 0);
    }
    return { used, waited };
  }
}

function timesOfThreads(pid: number): Map<string, ProcessorTime> {
  const times = new Map<string, ProcessorTime>();
  for (const { name } of Deno.readDirSync(`/proc/${pid}/task`)) {
    const values = read(`/proc/${pid}/task/${name}/schedstat`)?.split(" ");
    // It may have ended since its name was read.
    if (values === undefined) continue;
    times.set(name, { used: Number(values[0]), waited: Number(values[1]) });
  }
  return times;
}

/** Memory of a process that is resident, in bytes. */
export function residentBytes(pid: number): number {
  const line = /^VmRSS:\s*(\d+) kB$/m.exec(read(`/proc/${pid}/status`) ?? "");
  if (line === null) throw new Error(`/proc/${pid}/status shows no VmRSS`);
  return Number(line[1]) * 1024;
}

function read(path: string): string | null {
  try {
    return Deno.readTextFileSync(path).trim();
  } catch {
    return null;
  }
}
