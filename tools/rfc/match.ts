/**
 * Finds what the source says about a rule, and judges by that how far it has come.
 *
 * @module
 */

import type { Annotation, Coverage, Requirement } from "./requirement.ts";

/** Where everything that is known of rules comes from. */
export interface Findings {
  readonly requirements: readonly Requirement[];
  readonly annotations: readonly Annotation[];
  readonly coverage: readonly Coverage[];
}

/** How far a rule has come. */
export type Status = "met" | "excepted" | "untested" | "open";

/** A rule, and what was found for it. */
export interface Verdict {
  readonly requirement: Requirement;
  readonly status: Status;
  readonly annotations: readonly Annotation[];
  readonly coverage: readonly Coverage[];
}

/** `9293 3.8.5: words`, `3.8.5: words` or `words`. */
const PHRASE = /^(?:(?:(\d{3,4}) )?([\dA-Z][\w.]*): )?(.+)$/;

/** The comments that a phrase of a catalogue is about. */
export function findPhrase(
  requirement: Requirement,
  phrase: string,
  annotations: readonly Annotation[],
): Annotation[] {
  const [, rfc, section, words] = PHRASE.exec(phrase)!;
  const wanted = rfc === undefined ? requirement.rfc : Number(rfc);
  return annotations.filter((found) =>
    found.rfc === wanted && found.section === (section ?? requirement.section) &&
    found.text.includes(words)
  );
}

function annotationsOf(
  requirement: Requirement,
  annotations: readonly Annotation[],
): Annotation[] {
  const { phrases, rfc, id } = requirement;
  if (phrases === undefined) {
    return annotations.filter((found) => found.rfc === rfc && found.ids.includes(id));
  }
  return [...new Set(phrases.flatMap((phrase) => findPhrase(requirement, phrase, annotations)))];
}

/**
 * The tests of the rule that a comment names; those beside the code, where there are some.
 *
 * @param id which of the rules that the comment names; any if left out
 */
export function testsOf(
  annotation: Annotation,
  coverage: readonly Coverage[],
  id?: string,
): Coverage[] {
  const { rfc, section, ids, file } = annotation;
  const found = coverage.filter((test) =>
    test.rfc === rfc && test.section === section &&
    (id === undefined ? test.ids.some((one) => ids.includes(one)) : test.ids.includes(id))
  );
  const beside = found.filter((test) => folderOf(test.file) === folderOf(file));
  return beside.length > 0 ? beside : found;
}

function folderOf(file: string): string {
  return file.slice(0, file.lastIndexOf("/"));
}

/** Judges each rule of the catalogues. */
export function judge(findings: Findings): Verdict[] {
  return findings.requirements.map((requirement) => {
    const annotations = annotationsOf(requirement, findings.annotations);
    const id = requirement.phrases === undefined ? requirement.id : undefined;
    const tests = annotations.map((found) => testsOf(found, findings.coverage, id));
    const isTested = tests.every(({ length }) => length > 0);
    const status = requirement.exception !== undefined ||
        annotations.some(({ isException }) => isException)
      ? "excepted"
      : annotations.length === 0
      ? "open"
      : isTested
      ? "met"
      : "untested";
    return { requirement, status, annotations, coverage: [...new Set(tests.flat())] };
  });
}

/**
 * What is wrong with the comments themselves: a test without a name, a rule that no code names, words
 * of a catalogue that no comment has any more.
 */
export function mistakes({ requirements, annotations, coverage }: Findings): string[] {
  const wrong: string[] = [];
  for (const { file, line, test } of coverage) {
    if (test === "") wrong.push(`${file}:${line}: no test follows`);
  }
  for (const found of coverage) {
    const isKnown = annotations.some(({ rfc, section, ids }) =>
      rfc === found.rfc && section === found.section && ids.some((id) => found.ids.includes(id))
    );
    if (!isKnown) {
      const rule = `RFC ${found.rfc} section ${found.section} (${found.ids.join(", ")})`;
      wrong.push(`${found.file}:${found.line}: no code names ${rule}`);
    }
  }
  for (const requirement of requirements) {
    for (const phrase of requirement.phrases ?? []) {
      if (findPhrase(requirement, phrase, annotations).length > 0) continue;
      const { rfc, section } = requirement;
      wrong.push(`catalogue of RFC ${rfc}, section ${section}: no comment says "${phrase}"`);
    }
  }
  return wrong;
}
