import { assert, assertEquals, assertFalse } from "@std/assert";
import {
  coversPath,
  formatPathPattern,
  matchesPath,
  normalizePath,
  type PathPattern,
  readPathPattern,
} from "./paths.ts";

function pattern(text: string): PathPattern {
  const read = readPathPattern(text);
  if ("reason" in read) throw new Error(`${text}: ${read.reason}`);
  assertEquals(formatPathPattern(read), text);
  return read;
}

Deno.test("a path matches itself, /* one level below and /** every level below", () => {
  const table: [string, string[], string[]][] = [
    ["/run/x", ["/run/x"], ["/run/xy", "/run", "/run/x/y", "/"]],
    ["/run/app/*", ["/run/app/a", "/run/app/b.sock"], ["/run/app", "/run/app/a/b", "/run/apple"]],
    ["/run/app/**", ["/run/app/a", "/run/app/a/b/c"], ["/run/app", "/run/apple", "/run/appx/a"]],
    ["/*", ["/a"], ["/", "/a/b"]],
    ["/**", ["/a", "/a/b"], ["/"]],
  ];
  for (const [text, inside, outside] of table) {
    for (const path of inside) assert(matchesPath(pattern(text), path), `${text} ${path}`);
    for (const path of outside) assertFalse(matchesPath(pattern(text), path), `${text} ${path}`);
  }
});

Deno.test("normalizePath() drops empty parts and dots, and refuses what leads upwards", () => {
  assertEquals(normalizePath("/run//./x/"), "/run/x");
  assertEquals(normalizePath("/"), "/");
  assertEquals(normalizePath("/..x/...y"), "/..x/...y");
  for (const path of ["", "x", "./x", "/run/../x", "/..", "/a/..", "/a\0b", "C:\\x"]) {
    assertEquals(normalizePath(path), undefined, path);
  }
});

Deno.test("malformed patterns are refused with their position", () => {
  const table: [string, number][] = [
    ["", 0],
    ["run/x", 0],
    ["/", 0],
    ["/run/", 5],
    ["/run//x", 5],
    ["/run/./x", 5],
    ["/run/../x", 5],
    ["/run/..", 5],
    ["/run/*/x", 5],
    ["/run/**/x", 5],
    ["/run/a*", 6],
    ["/run/***", 5],
    ["/a\0", 2],
  ];
  for (const [text, position] of table) {
    const read = readPathPattern(text);
    assert("reason" in read, text);
    assertEquals(read.position, position, text);
  }
});

Deno.test("coversPath() is exactly inclusion, over every small pattern and path", () => {
  const paths = ["/"];
  for (let depth = 0; depth < 4; depth++) {
    for (const path of [...paths]) {
      for (const part of ["a", "b", "x"]) {
        const longer = path === "/" ? `/${part}` : `${path}/${part}`;
        if (!paths.includes(longer)) paths.push(longer);
      }
    }
  }
  const short = paths.filter((path) => path.split("/").length < 4 && !path.includes("x"));
  const texts = short.flatMap((path) => {
    const directory = path === "/" ? "" : path;
    const patterns = [`${directory}/*`, `${directory}/**`];
    return path === "/" ? patterns : [path, ...patterns];
  });
  const patterns = texts.map(pattern);
  for (const parent of patterns) {
    for (const child of patterns) {
      const included = paths.every((path) =>
        !matchesPath(child, path) || matchesPath(parent, path)
      );
      const text = `${formatPathPattern(parent)} over ${formatPathPattern(child)}`;
      assertEquals(coversPath(parent, child), included, text);
    }
  }
});
