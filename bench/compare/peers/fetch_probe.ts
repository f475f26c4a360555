/**
 * Measures what other work in a process feels while its echo server is busy: every 20 ms one
 * `fetch` of a tiny `Deno.serve` in the same process. Used unchanged by every peer that has the
 * flag `--fetch`.
 *
 * Standard input controls it, a word a line: `begin` forgets what was measured so far, `report`
 * prints `{"fetchP50Milliseconds":…,"fetchP99Milliseconds":…,"fetches":…}`. SIGTERM reports too,
 * and ends the process.
 */

const PAUSE_MS = 20;
const SAMPLES_MAX = 100_000;

/** Starts the responder, the sampling and the control lines. */
export function startFetchProbe(): void {
  const responder = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: (): void => {} },
    () => new Response("ok"),
  );
  const samples: number[] = [];
  void sample(`http://127.0.0.1:${responder.addr.port}/`, samples);
  void obey(samples);
  Deno.addSignalListener("SIGTERM", () => {
    report(samples);
    Deno.exit(0);
  });
}

async function sample(url: string, samples: number[]): Promise<void> {
  for (;;) {
    const start = performance.now();
    await (await fetch(url)).text();
    if (samples.length < SAMPLES_MAX) samples.push(performance.now() - start);
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}

async function obey(samples: number[]): Promise<void> {
  for await (const text of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
    for (const word of text.split("\n")) {
      if (word === "begin") samples.length = 0;
      if (word === "report") report(samples);
    }
  }
}

function report(samples: readonly number[]): void {
  const sorted = samples.toSorted((a, b) => a - b);
  const at = (q: number): number => sorted[Math.floor(q * (sorted.length - 1))] ?? -1;
  console.log(JSON.stringify({
    fetchP50Milliseconds: at(0.5),
    fetchP99Milliseconds: at(0.99),
    fetches: sorted.length,
  }));
}
