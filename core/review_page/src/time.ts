// Exact frames. A rate is a fraction; a frame is a whole number; times of cues are whole milliseconds.

export interface Rate {
  over: number;
  under: number;
}

export function rateOf(text: string): Rate {
  const [over, under] = text.split("/").map(Number);
  return { over: over ?? 24, under: under ?? 1 };
}

export const perSecond = (rate: Rate) => rate.over / rate.under;

/** The middle of a frame, in seconds: a seek to it shows this frame and no other. */
export const middleOf = (frame: number, rate: Rate) => ((frame + 0.5) * rate.under) / rate.over;

export const startOf = (frame: number, rate: Rate) => (frame * rate.under) / rate.over;

/** The frame that a moment of a movie lies in. */
export const frameAround = (seconds: number, rate: Rate) =>
  Math.floor((seconds * rate.over) / rate.under + 1e-6);

/** The frame that begins at this moment of a movie, as its player tells it. */
export const frameBeginningAt = (seconds: number, rate: Rate) =>
  Math.round((seconds * rate.over) / rate.under);

export const frameOfMs = (ms: number, rate: Rate) =>
  Math.floor((ms * rate.over) / (1000 * rate.under) + 1e-6);

/** The first whole millisecond of a frame. */
export const msOfFrame = (frame: number, rate: Rate) =>
  Math.ceil((frame * 1000 * rate.under) / rate.over - 1e-6);

/** Non-drop timecode. */
export function timecode(frame: number, rate: Rate): string {
  const base = Math.round(perSecond(rate));
  const seconds = Math.floor(frame / base);
  const parts = [
    Math.floor(seconds / 3600),
    Math.floor(seconds / 60) % 60,
    seconds % 60,
    frame - seconds * base,
  ];
  return parts.map((part) => String(part).padStart(2, "0")).join(":");
}

/**
 * The frame of a timecode, or null if it is none. With a semicolon it is drop-frame (SMPTE ST 12-1):
 * at 30000/1001 two numbers, at 60000/1001 four, are left out each minute but every tenth.
 */
export function frameOfTimecode(text: string, rate: Rate): number | null {
  const parts = text.trim().split(/[:;.]/);
  if (parts.length > 4 || !parts.every((part) => /^\d+$/.test(part))) return null;
  const [frames = 0, seconds = 0, minutes = 0, hours = 0] = parts.map(Number).reverse();
  const base = Math.round(perSecond(rate));
  if (frames >= base || seconds > 59 || minutes > 59) return null;
  const numbered = ((hours * 60 + minutes) * 60 + seconds) * base + frames;
  if (!text.includes(";")) return numbered;
  if (rate.under !== 1001 || base % 30) return null;
  const left = base / 15;
  if (seconds === 0 && frames < left && minutes % 10) return null;
  const minute = hours * 60 + minutes;
  return numbered - left * (minute - Math.floor(minute / 10));
}

export const inSeconds = (ms: number) => `${(ms / 1000).toFixed(2)} s`;

/** A span of time in words that are short: 40 s, 12 min, 3 h. */
export function inWords(seconds: number): string {
  if (seconds < 90) return `${Math.max(1, Math.round(seconds))} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${Math.round(seconds / 3600)} h`;
}
