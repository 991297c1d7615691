// What was edited, what that changes, and how long a line will be. Nothing here touches the page.
import type {
  Cast,
  Consent,
  Cue,
  CueReport,
  CueSheet,
  Lines,
  Performance,
  Revocation,
  Speaker,
} from "./types";

// What is asked of a voice where nothing is; documents of before that have no word of it.
const PLAIN: Performance = { style: "", pace: 1, pitch: 0, reading: 0, pronunciations: {} };

export function withCue(lines: Lines, cue: Cue): Lines {
  const cues = lines.cue_sheet.cues.map((other) => (other.id === cue.id ? cue : other));
  return { ...lines, cue_sheet: { ...lines.cue_sheet, cues } };
}

/** The lines with one more cue, which lasts two seconds or until the next one. */
export function withNewCue(lines: Lines, startMs: number, timelineMs: number): [Lines, Cue] {
  const { cues } = lines.cue_sheet;
  const taken = new Set(cues.map((cue) => cue.id));
  let number = cues.length + 1;
  const named = () => `cue${String(number).padStart(4, "0")}`;
  while (taken.has(named())) number++;
  const after = cues.filter((cue) => cue.start_ms > startMs).map((cue) => cue.start_ms);
  const nearest = [...cues].reverse().find((cue) => cue.start_ms <= startMs) ?? cues[0];
  const cue: Cue = {
    id: named(),
    speaker: nearest?.speaker ?? "Speaker 1",
    start_ms: startMs,
    end_ms: Math.max(startMs + 100, Math.min(startMs + 2000, timelineMs, ...after)),
    kind: "dialogue",
    on_screen: true,
    text: {},
    takes: {},
    mouth: { intensity: 1, jaw: 1, width: 1, smoothing_ms: 0, offset_ms: 0, leave: false },
    performance: PLAIN,
    note: "",
  };
  const sorted = [...cues, cue].sort((a, b) => a.start_ms - b.start_ms);
  return [{ ...lines, cue_sheet: { ...lines.cue_sheet, cues: sorted } }, cue];
}

export function withoutCue(lines: Lines, id: string): Lines {
  const cues = lines.cue_sheet.cues.filter((cue) => cue.id !== id);
  return { ...lines, cue_sheet: { ...lines.cue_sheet, cues } };
}

/**
 * Lines that were edited in two places since `base`: what was changed here stands, and else what was
 * changed there. Also names the cues and speakers that both changed.
 */
export function merged(base: Lines, mine: Lines, theirs: Lines): [Lines, string[]] {
  const [cues, both] = mergedList(
    base.cue_sheet.cues,
    mine.cue_sheet.cues,
    theirs.cue_sheet.cues,
    (cue) => cue.id,
  );
  const [speakers, named] = mergedList(
    base.cast.speakers,
    mine.cast.speakers,
    theirs.cast.speakers,
    (speaker) => speaker.name,
  );
  cues.sort((a, b) => a.start_ms - b.start_ms);
  const lines = {
    ...theirs,
    cue_sheet: { ...theirs.cue_sheet, cues },
    cast: { ...theirs.cast, speakers },
  };
  return [lines, [...both, ...named]];
}

function mergedList<T>(base: T[], mine: T[], theirs: T[], name: (one: T) => string): [T[], string[]] {
  const named = (list: T[]) => new Map(list.map((one) => [name(one), one]));
  const [was, here, there] = [named(base), named(mine), named(theirs)];
  const differs = (a: T | undefined, b: T | undefined) => JSON.stringify(a) !== JSON.stringify(b);
  const result: T[] = [];
  const both: string[] = [];
  for (const id of new Set([...there.keys(), ...here.keys()])) {
    const changedHere = differs(was.get(id), here.get(id));
    if (changedHere && differs(was.get(id), there.get(id)) && differs(here.get(id), there.get(id))) {
      both.push(id);
    }
    const one = changedHere ? here.get(id) : there.get(id);
    if (one !== undefined) result.push(one);
  }
  return [result, both];
}

export function voiceOf(cast: Cast, speaker: string, language: string): string {
  return cast.speakers.find((one) => one.name === speaker)?.voices[language] ?? "";
}

/** The lines with a speaker's voice in one language; "" is the usual one. */
export function withVoice(lines: Lines, name: string, language: string, voice: string): Lines {
  const unknown: Speaker = { name, likeness: "unknown", consents: [], voices: {} };
  const known = lines.cast.speakers.find((one) => one.name === name) ?? unknown;
  const { [language]: _, ...others } = known.voices;
  return withSpeaker(lines, {
    ...known,
    voices: voice ? { ...others, [language]: voice } : others,
  });
}

/** The lines with one more consent of a speaker, whose likeness is a real person's. */
export function withConsent(lines: Lines, name: string, consent: Consent): Lines {
  const known = lines.cast.speakers.find((one) => one.name === name);
  return withSpeaker(lines, {
    name,
    voices: {},
    ...known,
    likeness: "real",
    consents: [...(known?.consents ?? []), consent],
  });
}

/** The lines in which a speaker took a consent back, by its place among theirs. */
export function withRevocation(
  lines: Lines,
  name: string,
  place: number,
  revocation: Revocation,
): Lines {
  const known = lines.cast.speakers.find((one) => one.name === name);
  if (!known) return lines;
  const consents = known.consents.map((one, at) => (at === place ? { ...one, revocation } : one));
  return withSpeaker(lines, { ...known, consents });
}

function withSpeaker(lines: Lines, speaker: Speaker): Lines {
  const others = lines.cast.speakers;
  const known = others.some((one) => one.name === speaker.name);
  const speakers = known
    ? others.map((one) => (one.name === speaker.name ? speaker : one))
    : [...others, speaker];
  return { ...lines, cast: { ...lines.cast, speakers } };
}

/** Ids of the cues that differ, in one language, from what was delivered, or are gone. */
export function changedCues(
  now: { cue_sheet: CueSheet; cast: Cast },
  before: { cue_sheet: CueSheet; cast: Cast },
  language: string,
): Set<string> {
  const seen = (cue: Cue, cast: Cast) =>
    JSON.stringify([
      cue.speaker,
      cue.start_ms,
      cue.end_ms,
      cue.kind,
      cue.on_screen,
      cue.text[language] ?? "",
      cue.takes[language] ?? "",
      cue.mouth,
      agreedBy(cast, cue.speaker),
      cue.takes[language] ? "" : [voiceOf(cast, cue.speaker, language), { ...PLAIN, ...cue.performance }],
    ]);
  const was = new Map(before.cue_sheet.cues.map((cue) => [cue.id, seen(cue, before.cast)]));
  const spoken = now.cue_sheet.cues.filter((cue) => was.has(cue.id) || cue.text[language]?.trim());
  const is = new Map(spoken.map((cue) => [cue.id, seen(cue, now.cast)]));
  return new Set([...was.keys(), ...is.keys()].filter((id) => was.get(id) !== is.get(id)));
}

/** What a speaker agreed to: without it lines are marked as drafts. */
function agreedBy(cast: Cast, name: string): unknown {
  const speaker = cast.speakers.find((one) => one.name === name);
  return [speaker?.likeness ?? "unknown", speaker?.consents ?? []];
}

/** Pronunciations as they are typed: a word, "=" and how it is said, with ";" between. */
export function writtenOut(pronunciations: Record<string, string>): string {
  return Object.entries(pronunciations)
    .map(([word, said]) => `${word} = ${said}`)
    .join("; ");
}

/** What was typed as pronunciations; null where a part is no pair. */
export function pronunciationsIn(text: string): Record<string, string> | null {
  const parts = text.split(";").filter((part) => part.trim());
  const pairs = parts.map((part) => {
    const [word = "", ...said] = part.split("=");
    return [word.trim(), said.join("=").trim()] as const;
  });
  if (pairs.some(([word, said]) => !word || !said.replace(/[ /]/g, ""))) return null;
  return Object.fromEntries(pairs);
}

/** How long a text takes at this pace, in ms; the pace is that of the voice's own takes. */
export function estimatedMs(text: string, paceMs: number): number {
  return Math.round(spokenLength(text) * paceMs);
}

/**
 * Milliseconds for each spoken sign at a natural pace, over the takes of one language; `delivered`
 * says which pace each was asked for.
 */
export function naturalPace(cues: CueReport[], delivered: CueSheet): number | null {
  const asked = new Map(delivered.cues.map((cue) => [cue.id, cue.performance?.pace ?? 1]));
  let signs = 0;
  let ms = 0;
  for (const cue of cues) {
    if (cue.length_ms && cue.speed && cue.engine !== "recording") {
      signs += spokenLength(cue.text);
      ms += cue.length_ms * cue.speed * (asked.get(cue.cue) ?? 1);
    }
  }
  return signs ? ms / signs : null;
}

function spokenLength(text: string): number {
  return [...text].filter((sign) => /[\p{L}\p{N}]/u.test(sign)).length;
}

export type Fit = "fits" | "tight" | "long";

/** How a natural length sits in its slot: a take is hurried by at most 1.3 times. */
export function fitOf(naturalMs: number, slotMs: number, roomMs: number): Fit {
  if (naturalMs > 1.3 * roomMs) return "long";
  return naturalMs > 1.15 * slotMs ? "tight" : "fits";
}

/** How long a take of a cue may be: its slot, and half of the silence after it up to half a second. */
export function roomMs(cue: Cue, sheet: CueSheet, timelineMs: number): number {
  const following = sheet.cues.filter((other) => other.start_ms >= cue.end_ms);
  const next = Math.min(timelineMs, ...following.map((other) => other.start_ms));
  const silence = Math.max(0, next - cue.end_ms);
  return cue.end_ms - cue.start_ms + Math.min(Math.floor(silence / 2), 500);
}
