/**
 * What the TypeScript peers share: options on the command line, and the end of a peer that lost
 * the program that started it.
 */

/** The value after `--name` on the command line, or `otherwise`. */
export function argument(name: string, otherwise: string): string {
  const position = Deno.args.indexOf(`--${name}`);
  return position >= 0 ? Deno.args[position + 1] ?? otherwise : otherwise;
}

/** Whether the bare flag `--name` is on the command line. */
export function flag(name: string): boolean {
  return Deno.args.includes(`--${name}`);
}

/** Says where this peer listens, a port or a path, in the words every peer uses. */
export function announce(place: number | string): void {
  console.log(`listening ${place}`);
}

/** Ends this process after `--lifetime` seconds; does not keep it alive. */
export function liveAtMost(): void {
  const timer = setTimeout(() => Deno.exit(3), Number(argument("lifetime", "600")) * 1000);
  Deno.unrefTimer(timer);
}

/**
 * The same for a peer whose thread blocks, which sees no timer of Deno's: by a signal. Needs
 * `--allow-ffi`.
 */
export function endByAlarm(): void {
  const { symbols } = Deno.dlopen("libc.so.6", {
    // unsigned int alarm(unsigned int seconds)
    alarm: { parameters: ["u32"], result: "u32" },
  });
  symbols.alarm(Number(argument("lifetime", "600")));
}
