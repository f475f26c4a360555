/** The result as a chart: a panel per row, a bar per peer, drawn to the scale of its row. */
import { TITLES } from "./peers.ts";
import type { PeerName } from "./row.ts";
import { formatNumber, type Result, type RowResult } from "./report.ts";
import { medianOf } from "./statistics.ts";

const WIDTH = 1080;
const MARGIN = 32;
const GAP = 40;
const PANEL_WIDTH = (WIDTH - 2 * MARGIN - GAP) / 2;
const HEADER_HEIGHT = 84;
const TITLE_HEIGHT = 44;
const BAR_HEIGHT = 18;
const BAR_STEP = 25;
const PANEL_GAP = 28;
const LABEL_WIDTH = 104;
const VALUE_WIDTH = 92;
const BAR_WIDTH_MIN = 1.5;
const OWN_COLOR = "#0b6e99";
const OTHER_COLOR = "#b4bec8";

const STYLE = `text { font-family: system-ui, "Segoe UI", Helvetica, Arial, sans-serif; }
    .title { font-size: 22px; font-weight: 700; fill: #14202b; }
    .facts { font-size: 13px; fill: #566472; }
    .row { font-size: 15px; font-weight: 600; fill: #14202b; }
    .unit { font-size: 12px; fill: #566472; }
    .peer, .value { font-size: 13px; fill: #2b3945; }
    .own { font-weight: 700; fill: ${OWN_COLOR}; }`;

interface Bar {
  readonly peer: PeerName;
  readonly value: number;
}

/**
 * Draws the chart.
 *
 * @param result what was measured; rows and peers without a number are left out
 * @returns an SVG document
 */
export function drawChart(result: Result): string {
  const panels = result.rows
    .map((row) => ({ row, bars: barsOf(row) }))
    .filter(({ bars }) => bars.length > 0);
  const tops = [HEADER_HEIGHT, HEADER_HEIGHT];
  const body: string[] = [];
  for (const { row, bars } of panels) {
    const column = tops[0] <= tops[1] ? 0 : 1;
    const left = MARGIN + column * (PANEL_WIDTH + GAP);
    body.push(drawPanel(row, bars, left, tops[column]));
    tops[column] += TITLE_HEIGHT + bars.length * BAR_STEP + PANEL_GAP;
  }
  const height = Math.max(...tops);
  const { machine, options, pinning } = result;
  const facts = `${machine.processor ?? "unknown processor"}, ${machine.kernel}, ` +
    `Deno ${Deno.version.deno}; peers taken in turn, median of ${options.rounds}; ${pinning}`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" ` +
    `width="${WIDTH}" height="${height}" role="img" aria-label="Millrace beside its peers">
  <style>
    ${STYLE}
  </style>
  <rect width="${WIDTH}" height="${height}" fill="#ffffff"/>
  <text class="title" x="${MARGIN}" y="38">Millrace beside its peers</text>
  <text class="facts" x="${MARGIN}" y="60">${escapeText(facts)}</text>
${body.join("\n")}
</svg>
`;
}

function barsOf({ row, rounds }: RowResult): readonly Bar[] {
  return row.peers.flatMap((peer) => {
    const value = medianOf(rounds, peer, row.headline.metric);
    return value === null ? [] : [{ peer, value }];
  });
}

function drawPanel({ row }: RowResult, bars: readonly Bar[], left: number, top: number): string {
  const { unit, more } = row.headline;
  const largest = Math.max(...bars.map(({ value }) => value), Number.MIN_VALUE);
  const scale = (PANEL_WIDTH - LABEL_WIDTH - VALUE_WIDTH) / largest;
  const lines = [
    text("row", left, top + 14, row.title),
    text("unit", left, top + 32, `${unit}, ${more ? "more" : "less"} is better`),
  ];
  for (const [index, { peer, value }] of bars.entries()) {
    const y = top + TITLE_HEIGHT + index * BAR_STEP;
    const own = peer.startsWith("millrace");
    const width = Math.max(BAR_WIDTH_MIN, value * scale);
    const x = left + LABEL_WIDTH;
    const kind = own ? " own" : "";
    lines.push(
      text(`peer${kind}`, x - 10, y + 14, TITLES[peer], ' text-anchor="end"'),
      `  <rect x="${x}" y="${y}" width="${width.toFixed(1)}" height="${BAR_HEIGHT}" rx="2" ` +
        `fill="${own ? OWN_COLOR : OTHER_COLOR}"/>`,
      text(`value${kind}`, x + width + 8, y + 14, formatNumber(value)),
    );
  }
  return lines.join("\n");
}

function text(kind: string, x: number, y: number, content: string, attributes = ""): string {
  return `  <text class="${kind}" x="${x.toFixed(1)}" y="${y}"${attributes}>` +
    `${escapeText(content)}</text>`;
}

function escapeText(content: string): string {
  return content.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
