/** Longest list of lines that is compared line by line; longer ones are shown in part. */
const MAX_DIFF_LINES = 400;

/**
 * @param value Any value.
 * @returns The value with its whole content, one item a line, keys sorted.
 */
export function format(value: unknown): string {
  return Deno.inspect(value, {
    depth: Infinity,
    sorted: true,
    trailingComma: true,
    compact: false,
    iterableLimit: Infinity,
    strAbbreviateSize: Infinity,
    getters: true,
  });
}

/**
 * Describes how two values differ.
 *
 * @param actual What was found.
 * @param expected What should have been found.
 * @returns Lines that start with `-` for what was found only, `+` for what was expected only.
 */
export function formatDiff(actual: unknown, expected: unknown): string {
  const [a, b] = typeof actual === "string" && typeof expected === "string"
    ? [actual.split("\n").map(quote), expected.split("\n").map(quote)]
    : [format(actual).split("\n"), format(expected).split("\n")];
  return ["", "    [Diff] Actual (-) / Expected (+)", "", ...diffLines(a, b), ""]
    .map((line) => line.trimEnd())
    .join("\n");
}

/** Makes blanks and control characters of a line visible. */
function quote(line: string): string {
  return JSON.stringify(line).slice(1, -1);
}

function diffLines(a: readonly string[], b: readonly string[]): string[] {
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start++;
  let end = 0;
  const limit = Math.min(a.length, b.length) - start;
  while (end < limit && a[a.length - 1 - end] === b[b.length - 1 - end]) end++;
  const middleA = a.slice(start, a.length - end);
  const middleB = b.slice(start, b.length - end);
  const changed = middleA.length > MAX_DIFF_LINES || middleB.length > MAX_DIFF_LINES
    ? [...shorten("-", middleA), ...shorten("+", middleB)]
    : alignLines(middleA, middleB);
  return [
    ...shortenSame(a.slice(0, start)),
    ...changed,
    ...shortenSame(a.slice(a.length - end)),
  ];
}

function shorten(mark: string, lines: readonly string[]): string[] {
  const shown = lines.slice(0, MAX_DIFF_LINES).map((line) => `${mark}   ${line}`);
  const left = lines.length - shown.length;
  return left > 0 ? [...shown, `${mark}   ... ${left} more lines`] : shown;
}

function shortenSame(lines: readonly string[]): string[] {
  if (lines.length <= MAX_DIFF_LINES) return lines.map((line) => `    ${line}`);
  return [`    ... ${lines.length} equal lines`];
}

/** The longest common subsequence, by dynamic programming over the lengths of what is left. */
function alignLines(a: readonly string[], b: readonly string[]): string[] {
  const width = b.length + 1;
  const common = new Uint16Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      common[i * width + j] = a[i] === b[j]
        ? common[(i + 1) * width + j + 1] + 1
        : Math.max(common[(i + 1) * width + j], common[i * width + j + 1]);
    }
  }
  const lines: string[] = [];
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      lines.push(`    ${a[i++]}`);
      j++;
    } else if (
      j === b.length ||
      (i < a.length && common[(i + 1) * width + j] >= common[i * width + j + 1])
    ) {
      lines.push(`-   ${a[i++]}`);
    } else {
      lines.push(`+   ${b[j++]}`);
    }
  }
  return lines;
}
