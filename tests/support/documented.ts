/**
 * Whether documents name what modules export.
 *
 * @module
 */

import { assertEquals } from "@std/assert";

interface Member {
  readonly name: string;
  readonly jsDoc?: { readonly tags?: readonly { readonly kind: string }[] };
}

interface DocSymbol {
  readonly name: string;
  readonly declarations: readonly {
    readonly def?: {
      readonly properties?: readonly Member[];
      readonly methods?: readonly Member[];
    };
  }[];
}

/**
 * Looks in a text for everything that a module exports, and for the members of it.
 *
 * @param text of Markdown; a name counts where it stands in code
 * @param isToldElsewhere leaves out `"Name"` or `"Name.member"`; what is `@ignore`d is left out, too
 * @returns what the text does not name
 */
export async function findUndocumented(
  mod: URL,
  text: string,
  isToldElsewhere: (name: string) => boolean = () => false,
): Promise<string[]> {
  const exported = await readNames(mod);
  return exported.filter((name) =>
    !isToldElsewhere(name) && !mentions(text, name.slice(name.indexOf(".") + 1))
  );
}

/** The names as `deno doc` lists them: `"Name"`, `"Name.member"`. */
async function readNames(mod: URL): Promise<string[]> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["doc", "--json", mod.href],
    env: { NO_COLOR: "1" },
    stdin: "null",
  }).output();
  assertEquals(code, 0, new TextDecoder().decode(stderr));
  const { nodes } = JSON.parse(new TextDecoder().decode(stdout));
  const symbols: DocSymbol[] = nodes[mod.href].symbols;
  return symbols.flatMap(({ name, declarations }) => [
    name,
    ...declarations.flatMap(({ def }) => [...def?.properties ?? [], ...def?.methods ?? []])
      .filter((member) => !isInternal(member))
      .map((member) => `${name}.${member.name}`),
  ]);
}

function isInternal({ name, jsDoc }: Member): boolean {
  return name.startsWith("[") || (jsDoc?.tags?.some(({ kind }) => kind === "ignore") ?? false);
}

function mentions(text: string, name: string): boolean {
  return new RegExp(`\`[^\`\\n]*\\b${name}\\b[^\`\\n]*\``).test(text);
}
