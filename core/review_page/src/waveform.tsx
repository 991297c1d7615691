import { useEffect, useMemo, useRef } from "preact/hooks";
import type { Clock } from "./clock";
import { useLatest } from "./following";
import { frameOfMs, msOfFrame, startOf } from "./time";
import type { Cue, Decision, PlayerData } from "./types";

const COLOURS = {
  ground: "#15171a",
  slot: "#2a3038",
  chosen: "#3a3420",
  edge: "#f0b35a",
  original: "#8d96a2",
  dub: "#6db2ff",
  text: "#e6e8ea",
  faint: "#a9b1bb",
  head: "#ffffff",
  approved: "#5fce8a",
  rejected: "#ff8a80",
  changed: "#f0b35a",
};
const GRIP = 7;
const LEAST_MS = 80;

interface Shown {
  data: PlayerData;
  language: string;
  clock: Clock;
  cues: Cue[];
  chosen: Cue | null;
  verdicts: Map<string, Decision["verdict"]>;
  changed: Set<string>;
}

/** The whole timeline as a strip of cues: press to go there. */
export function Overview(shown: Shown & { choose: (cue: string) => void }) {
  const { clock, data } = shown;
  const total = startOf(data.frames, clock.player.rate) * 1000;
  const canvas = useCanvas(
    (context, width, height) => {
      for (const cue of shown.cues) {
        const verdict = shown.verdicts.get(cue.id);
        context.fillStyle = shown.changed.has(cue.id)
          ? COLOURS.changed
          : verdict
            ? COLOURS[verdict]
            : "#59626d";
        const left = (cue.start_ms / total) * width;
        const across = Math.max(2, ((cue.end_ms - cue.start_ms) / total) * width - 1);
        const high = cue.id === shown.chosen?.id ? height - 4 : height - 12;
        context.fillRect(left, (height - high) / 2, across, high);
      }
      context.fillStyle = COLOURS.head;
      context.fillRect((clock.now.frame / data.frames) * width - 1, 0, 2, height);
    },
    clock,
    [shown.cues, shown.chosen, shown.verdicts, shown.changed, data],
  );
  const press = (event: PointerEvent) => {
    const place = event.currentTarget as HTMLElement;
    const at = event.offsetX / place.clientWidth;
    clock.player.seek(Math.round(at * data.frames));
    const cue = shown.cues.find((one) => at * total >= one.start_ms && at * total < one.end_ms);
    if (cue) shown.choose(cue.id);
  };
  return (
    <canvas
      ref={canvas}
      class="overview"
      role="img"
      aria-label="All cues of the timeline; the list beside shows them too"
      onPointerDown={press}
    />
  );
}

/** Both voices around the chosen cue, with the dub's phones; the cue's edges can be dragged. */
export function Waveform(shown: Shown & { move: (cue: Cue) => void }) {
  const { clock, data, chosen } = shown;
  const { rate } = clock.player;
  const original = useMemo(() => decoded(data.original.peaks), [data]);
  const dub = useRef<{ of: string; peaks: Uint8Array }>({ of: "", peaks: new Uint8Array() });
  if (dub.current.of !== shown.language) {
    const peaks = data.languages[shown.language]?.peaks ?? "";
    dub.current = { of: shown.language, peaks: decoded(peaks) };
  }
  const drag = useRef<{ edge: "start_ms" | "end_ms"; cue: Cue } | null>(null);

  const window = (): [number, number] => {
    const at = startOf(clock.now.frame, rate) * 1000;
    const cue = drag.current?.cue ?? chosen;
    const around = cue ? Math.max(600, 0.2 * (cue.end_ms - cue.start_ms)) : 2000;
    const from = cue ? cue.start_ms - around : at - around;
    const to = cue ? cue.end_ms + around : at + around;
    if (at >= from && at <= to) return [from, to];
    const page = Math.floor((at - from) / (to - from));
    return [from + page * (to - from), to + page * (to - from)];
  };

  const canvas = useCanvas(
    (context, width, height) => {
      const [from, to] = window();
      const x = (ms: number) => ((ms - from) / (to - from)) * width;
      const middle = (height - 22) / 2;
      for (const one of shown.cues) {
        const moved = drag.current?.cue.id === one.id ? drag.current.cue : one;
        const isChosen = one.id === chosen?.id;
        context.fillStyle = isChosen ? COLOURS.chosen : COLOURS.slot;
        context.fillRect(x(moved.start_ms), 0, x(moved.end_ms) - x(moved.start_ms), height);
        if (isChosen) {
          context.fillStyle = COLOURS.edge;
          context.fillRect(x(moved.start_ms) - 1, 0, 2, height);
          context.fillRect(x(moved.end_ms) - 1, 0, 2, height);
        }
      }
      drawPeaks(context, original, data.peaks_per_second, from, to, width, middle, -1);
      drawPeaks(context, dub.current.peaks, data.peaks_per_second, from, to, width, middle, 1);
      context.font = "12px system-ui, sans-serif";
      context.textAlign = "center";
      for (const [symbol, start, end] of phonesIn(data, shown.language, from, to)) {
        context.fillStyle = COLOURS.faint;
        context.fillRect(x(start), height - 20, 1, 20);
        context.fillStyle = COLOURS.text;
        if (symbol && x(end) - x(start) > 5) {
          context.fillText(symbol, (x(start) + x(end)) / 2, height - 6);
        }
      }
      context.fillStyle = COLOURS.head;
      context.fillRect(x(startOf(clock.now.frame, rate) * 1000) - 1, 0, 2, height);
    },
    clock,
    [shown.cues, chosen, shown.language, data],
  );

  const msAt = (event: PointerEvent): number => {
    const [from, to] = window();
    const place = event.currentTarget as HTMLElement;
    return from + (event.offsetX / place.clientWidth) * (to - from);
  };
  const edgeAt = (event: PointerEvent): "start_ms" | "end_ms" | null => {
    if (!chosen) return null;
    const [from, to] = window();
    const place = event.currentTarget as HTMLElement;
    const near = (GRIP / place.clientWidth) * (to - from);
    const at = msAt(event);
    if (Math.abs(at - chosen.start_ms) < near) return "start_ms";
    return Math.abs(at - chosen.end_ms) < near ? "end_ms" : null;
  };
  const press = (event: PointerEvent) => {
    const edge = edgeAt(event);
    const place = event.currentTarget as HTMLElement;
    if (edge && chosen) {
      drag.current = { edge, cue: chosen };
      place.setPointerCapture(event.pointerId);
    } else {
      clock.player.seek(frameOfMs(msAt(event), rate));
    }
  };
  const pull = (event: PointerEvent) => {
    const place = event.currentTarget as HTMLElement;
    place.style.cursor = drag.current || edgeAt(event) ? "ew-resize" : "pointer";
    if (!drag.current || !chosen) return;
    const at = msOfFrame(Math.max(0, frameOfMs(msAt(event), rate)), rate);
    const { edge } = drag.current;
    const cue =
      edge === "start_ms"
        ? { ...chosen, start_ms: Math.min(at, chosen.end_ms - LEAST_MS) }
        : { ...chosen, end_ms: Math.max(at, chosen.start_ms + LEAST_MS) };
    drag.current = { edge, cue };
    canvas.current?.dispatchEvent(new Event("redraw"));
  };
  const release = () => {
    if (drag.current && drag.current.cue !== chosen) shown.move(drag.current.cue);
    drag.current = null;
  };
  return (
    <canvas
      ref={canvas}
      class="waveform"
      role="img"
      aria-label="Waveforms of the original, above, and the dub, below, with its phones"
      onPointerDown={press}
      onPointerMove={pull}
      onPointerUp={release}
    />
  );
}

function decoded(peaks: string): Uint8Array {
  return Uint8Array.from(atob(peaks), (sign) => sign.charCodeAt(0));
}

function drawPeaks(
  context: CanvasRenderingContext2D,
  peaks: Uint8Array,
  perSecond: number,
  from: number,
  to: number,
  width: number,
  middle: number,
  side: 1 | -1,
) {
  context.fillStyle = side < 0 ? COLOURS.original : COLOURS.dub;
  for (let column = 0; column < width; column++) {
    const first = Math.floor(((from + ((to - from) * column) / width) / 1000) * perSecond);
    const last = Math.floor(((from + ((to - from) * (column + 1)) / width) / 1000) * perSecond);
    let highest = 0;
    for (let at = Math.max(0, first); at <= last; at++) highest = Math.max(highest, peaks[at] ?? 0);
    const high = (Math.sqrt(highest / 255) * (middle - 2)) | 0;
    context.fillRect(column, side < 0 ? middle - high : middle, 1, high);
  }
}

function* phonesIn(data: PlayerData, language: string, from: number, to: number) {
  for (const phones of Object.values(data.languages[language]?.phones ?? {})) {
    for (const phone of phones) {
      if (phone[2] > from && phone[1] < to) yield phone;
    }
  }
}

/** A canvas that is drawn again when the clock moves, its size changes, or one of `on` does. */
function useCanvas(
  draw: (context: CanvasRenderingContext2D, width: number, height: number) => void,
  clock: Clock,
  on: unknown[],
) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const redraw = useLatest(() => {
    const place = canvas.current;
    const context = place?.getContext("2d");
    if (!place || !context) return;
    const scale = devicePixelRatio;
    const [width, height] = [place.clientWidth, place.clientHeight];
    if (place.width !== Math.round(width * scale) || place.height !== Math.round(height * scale)) {
      place.width = Math.round(width * scale);
      place.height = Math.round(height * scale);
    }
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.fillStyle = COLOURS.ground;
    context.fillRect(0, 0, width, height);
    draw(context, width, height);
  });
  useEffect(() => {
    const place = canvas.current;
    if (!place) return;
    const sized = new ResizeObserver(() => redraw());
    sized.observe(place);
    place.addEventListener("redraw", redraw);
    const stop = clock.listen(() => redraw());
    return () => {
      sized.disconnect();
      place.removeEventListener("redraw", redraw);
      stop();
    };
  }, [clock]);
  useEffect(() => redraw(), on);
  return canvas;
}
