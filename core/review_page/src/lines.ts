// What was edited, what that changes, and how long a line will be. Nothing here touches the page.
import type { Cast, Cue, CueReport, CueSheet, Lines } from "./types";

export function withCue(lines: Lines, cue: Cue): Lines {
  const cues = lines.cue_sheet.cues.map((other) => (other.id === cue.id ? cue : other));
  return { ...lines, cue_sheet: { ...lines.cue_sheet, cues } };
}

export function voiceOf(cast: Cast, speaker: string, language: string): string {
  return cast.speakers.find((one) => one.name === speaker)?.voices[language] ?? "";
}

/** The lines with a speaker's voice in one language; "" is the usual one. */
export function withVoice(lines: Lines, name: string, language: string, voice: string): Lines {
  const known = lines.cast.speakers.some((one) => one.name === name);
  const speakers = known
    ? lines.cast.speakers
    : [...lines.cast.speakers, { name, likeness: "unknown", consents: [], voices: {} }];
  const changed = speakers.map((one) => {
    if (one.name !== name) return one;
    const { [language]: _, ...others } = one.voices;
    return { ...one, voices: voice ? { ...others, [language]: voice } : others };
  });
  return { ...lines, cast: { ...lines.cast, speakers: changed } };
}

/** Ids of the cues that differ, in one language, from what was delivered. */
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
      cue.takes[language] ? "" : voiceOf(cast, cue.speaker, language),
    ]);
  const was = new Map(before.cue_sheet.cues.map((cue) => [cue.id, seen(cue, before.cast)]));
  return new Set(
    now.cue_sheet.cues.filter((cue) => was.get(cue.id) !== seen(cue, now.cast)).map((cue) => cue.id),
  );
}

/** How long a text takes at this pace, in ms; the pace is that of the voice's own takes. */
export function estimatedMs(text: string, paceMs: number): number {
  return Math.round(spokenLength(text) * paceMs);
}

/** Milliseconds for each spoken sign at a natural pace, over the takes of one language. */
export function naturalPace(cues: CueReport[]): number | null {
  let signs = 0;
  let ms = 0;
  for (const cue of cues) {
    if (cue.length_ms && cue.speed && cue.engine !== "recording") {
      signs += spokenLength(cue.text);
      ms += cue.length_ms * cue.speed;
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
