// What the service sends, as its published schema and docs/formats.md say.

export type JobState = "queued" | "running" | "paused" | "done" | "failed" | "cancelled";

export interface Trouble {
  what?: string;
  where?: string;
  why?: string;
  repair?: string;
}

export interface Delivered {
  folder: string;
  name?: string;
  timelines?: Record<string, string>;
  previews?: Record<string, string>;
  report?: string;
}

export interface Job {
  id: string;
  operation: "dub" | "lip_sync" | "reconform" | "animate";
  title: string;
  tag: string;
  priority: number;
  state: JobState;
  done: number;
  total: number;
  label: string;
  result: Delivered | null;
  error: Trouble | null;
  reason: Trouble | null;
  submitted: number;
  started: number | null;
  ended: number | null;
}

export type CueKind = "dialogue" | "effort" | "breath" | "laugh" | "song" | "walla";

/** Keys and ranges are the cue sheet's; the page hands them on as they are. */
export interface MouthControls {
  intensity: number;
  jaw: number;
  width: number;
  smoothing_ms: number;
  offset_ms: number;
  leave: boolean;
}

/** How a synthesised line is to be said. */
export interface Performance {
  style: string;
  pace: number;
  pitch: number;
  reading: number;
  pronunciations: Record<string, string>;
}

export interface Cue {
  id: string;
  speaker: string;
  start_ms: number;
  end_ms: number;
  kind: CueKind;
  on_screen: boolean;
  text: Record<string, string>;
  takes: Record<string, string>;
  mouth: MouthControls;
  performance: Performance;
  note: string;
}

export interface CueSheet {
  original: string | null;
  cues: Cue[];
}

export type Use = "likeness_edit" | "voice_synthesis" | "voice_cloning";

/** A person's agreement; dates are as in 2026-05-01, "*" is any language or territory. */
export interface Consent extends Record<Use, boolean> {
  person: string;
  role: string;
  languages: string[];
  territories: string[];
  project: string;
  valid_from: string;
  valid_until: string | null;
  recorded_by: string;
  evidence: string;
  unmarked: boolean;
  revocation: Revocation | null;
  signature: object | null;
}

export interface Revocation {
  on: string;
  recorded_by: string;
  reason: string;
}

/** Why a consent does not hold; nothing where it does. */
export interface Holding {
  speaker: string;
  consent: string;
  doubts: string[];
}

export interface Speaker {
  name: string;
  likeness: "real" | "fictional" | "unknown";
  consents: Consent[];
  voices: Record<string, string>;
}

export interface Cast {
  project: string;
  speakers: Speaker[];
}

export interface Found {
  check: string;
  where: string;
  what: string;
  repair: string;
  cue: string;
  anew: boolean;
}

/** A language, or a shot of it, as publish found it. */
export interface PublishedPart {
  language: string;
  shot: string;
  passed: boolean;
  published: string;
  findings: Found[];
}

export interface Publication {
  state: "running" | "done" | "failed" | "cancelled";
  total: number;
  parts: PublishedPart[];
  qc: string;
  error: Trouble | null;
}

export interface PublishAsked {
  languages: string[];
  preset: string;
  output: string;
  commercial: boolean;
  territories: string[];
}

export interface Lines {
  revision: string;
  editable: boolean;
  cue_sheet: CueSheet;
  cast: Cast;
}

export interface CueReport {
  cue: string;
  text: string;
  dubbed: boolean;
  engine: string;
  speed: number | null;
  verdict: string;
  reason: string;
  slot_ms: number | null;
  room_ms: number | null;
  length_ms: number | null;
}

export interface SpanReport {
  cue: string;
  shot: string;
  first: number;
  end: number;
  drawn: number;
  aperture_r: number | null;
  lag_ms: number | null;
  closures_held: number | null;
  sheet: string;
  attention: string[];
}

export interface ShotReport {
  shot: string;
  frames: number;
  drawn: number;
  in_cues: number;
  drawn_in_cues: number;
  passed_through: { first: number; end: number; reason: string }[];
  note: string;
}

export interface LanguageReport {
  language: string;
  disclosure: string;
  effects: string;
  cues: CueReport[];
  shots: ShotReport[];
  spans: SpanReport[];
}

export interface Report {
  timeline: string;
  articulation: Record<string, string>;
  languages: LanguageReport[];
}

export interface Sound {
  movie: string;
  peaks: string;
}

export interface PlayerData {
  rate: string;
  frames: number;
  start_frame: number;
  size: [number, number];
  peaks_per_second: number;
  original: Sound & { language: string };
  languages: Record<string, Sound & { phones: Record<string, [string, number, number][]> }>;
  shots: { shot: string; first: number; end: number }[];
  mouths: { first: number; squares: [number, number, number][] }[];
}

export interface Decision {
  cue: string;
  language: string;
  verdict: "approved" | "rejected";
  note: string;
  by: string;
  at: string;
}

export interface EngineCard {
  kind: string;
  name: string;
  identity: string;
  abilities: string[];
  styles: string[];
}

export interface Capabilities {
  engines: EngineCard[];
  languages: Record<string, Record<string, string[]>>;
  voices: Record<string, Record<string, Record<string, string>>>;
}

export interface Places {
  folder: string;
  parent: string | null;
  folders: string[];
  files: string[];
}

export interface DubRequest {
  timeline: string;
  languages: string[];
  output: string;
  subtitles: Record<string, string>;
  cue_sheet: string | null;
  cast: string | null;
  unmarked: boolean;
  original: string | null;
  colour_space: string | null;
}
