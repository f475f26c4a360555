/**
 * Programs of other people, run as peers.
 *
 * @module
 */

/** A peer that hangs is ended after this time, and the test fails. */
const PROGRAM_LIMIT_MS = 30_000;

/**
 * Runs a program to its end.
 *
 * @param program Its name on the search path.
 * @param input What it reads from standard input; without it, nothing.
 * @returns What it wrote to standard output, as text.
 * @throws {Error} If it fails, with its standard error.
 */
export async function runProgram(
  program: string,
  args: readonly string[],
  input: Uint8Array = new Uint8Array(),
): Promise<string> {
  const child = new Deno.Command(program, {
    args: [...args],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
    signal: AbortSignal.timeout(PROGRAM_LIMIT_MS),
  }).spawn();
  const writing = write(child.stdin, input);
  const { code, signal, stdout, stderr } = await child.output();
  await writing;
  if (code === 0) return new TextDecoder().decode(stdout);
  const said = new TextDecoder().decode(stderr);
  throw new Error(`${program} ${args.join(" ")} ended with ${signal ?? code}: ${said}`);
}

async function write(stdin: WritableStream<Uint8Array>, input: Uint8Array): Promise<void> {
  const writer = stdin.getWriter();
  try {
    await writer.write(input);
    await writer.close();
  } catch {
    // It ended without reading all of its input, which is its right.
  }
}
