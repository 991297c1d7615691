import { useEffect, useRef } from "preact/hooks";
import { type Clock, usePlaying } from "./clock";
import { eachFrameShown } from "./player";
import { fileOf } from "./service";
import { timecode } from "./time";
import type { PlayerData } from "./types";

export type Look = "original" | "dub" | "wipe";

/** Original and dub in step: one over the other with a wipe, and both mouths near. */
export function Viewer(props: {
  job: string;
  data: PlayerData;
  language: string;
  clock: Clock;
  look: Look;
  setLook: (look: Look) => void;
  wipe: number;
  setWipe: (wipe: number) => void;
}) {
  const { data, clock, look, wipe } = props;
  const original = useRef<HTMLVideoElement>(null);
  const dub = useRef<HTMLVideoElement>(null);
  const dubbed = data.languages[props.language];
  useEffect(() => {
    if (original.current && dub.current) clock.player.attach([dub.current, original.current]);
    return () => clock.player.detach();
  }, [clock, props.language]);
  const shown = look === "original" ? 0 : look === "dub" ? 1 : wipe;
  const [width, height] = data.size;
  return (
    <section class="viewer" aria-label="Picture">
      <div class="screens">
        <div class="screen" style={{ aspectRatio: `${width} / ${height}`, maxWidth: `calc(46vh * ${width / height})` }}>
          <video
            ref={original}
            src={fileOf(props.job, `preview/${data.original.movie}`)}
            muted={look !== "original"}
            preload="auto"
            playsInline
            aria-label="Original"
          />
          <video
            key={props.language}
            ref={dub}
            src={dubbed && fileOf(props.job, `preview/${dubbed.movie}`)}
            muted={look === "original"}
            preload="auto"
            playsInline
            aria-label={`Dub in ${props.language}`}
            style={{ clipPath: `inset(0 ${100 - 100 * shown}% 0 0)` }}
          />
          {look === "wipe" && <div class="wipe-line" style={{ left: `${100 * wipe}%` }} />}
        </div>
        <div class="close-ups">
          <CloseUp label="Original mouth" movie={original} data={data} clock={clock} of="original" />
          <CloseUp
            label="Dubbed mouth"
            movie={dub}
            data={data}
            clock={clock}
            of={props.language}
          />
        </div>
      </div>
      <Transport {...props} />
    </section>
  );
}

function Transport(props: {
  data: PlayerData;
  clock: Clock;
  look: Look;
  setLook: (look: Look) => void;
  wipe: number;
  setWipe: (wipe: number) => void;
}) {
  const { clock, data } = props;
  const { player } = clock;
  const { frame, speed } = usePlaying(clock);
  return (
    <div class="transport">
      <button type="button" aria-label="Back a frame" onClick={() => player.step(-1)}>
        ‹
      </button>
      <button
        type="button"
        class="play"
        aria-label={speed ? "Pause" : "Play"}
        onClick={() => player.toggle()}
      >
        {speed ? "❚❚" : "▶"}
      </button>
      <button type="button" aria-label="On a frame" onClick={() => player.step(1)}>
        ›
      </button>
      <output class="timecode" aria-label="Timecode">
        {timecode(frame + data.start_frame, player.rate)}
      </output>
      <span class="muted frame-number">
        frame {frame}
        {speed !== 0 && speed !== 1 && ` · ${speed}×`}
      </span>
      <span class="grow" />
      <fieldset class="choice">
        <legend class="unseen">Look at</legend>
        {(["original", "dub", "wipe"] as const).map((look) => (
          <label key={look}>
            <input
              type="radio"
              name="look"
              checked={props.look === look}
              onChange={() => props.setLook(look)}
            />
            <span>{look === "original" ? "Original" : look === "dub" ? "Dub" : "Wipe"}</span>
          </label>
        ))}
      </fieldset>
      <input
        type="range"
        min={0}
        max={1}
        step={0.01}
        value={props.wipe}
        disabled={props.look !== "wipe"}
        aria-label="Wipe: how much of the dub is seen"
        onInput={(e) => props.setWipe(e.currentTarget.valueAsNumber)}
      />
    </div>
  );
}

const SIDE = 220;

/** The mouth of one movie, near, for as long as a face is followed. */
function CloseUp(props: {
  label: string;
  movie: { current: HTMLVideoElement | null };
  data: PlayerData;
  clock: Clock;
  of: string;
}) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const { data, clock } = props;
  useEffect(() => {
    const movie = props.movie.current;
    const context = canvas.current?.getContext("2d");
    if (!movie || !context) return;
    const squares = squaresByFrame(data);
    return eachFrameShown(movie, clock.player.rate, (frame) => {
      const square = squares.get(frame);
      context.clearRect(0, 0, SIDE, SIDE);
      if (square) {
        const [x, y, side] = square;
        context.imageSmoothingQuality = "high";
        context.drawImage(movie, x, y, side, side, 0, 0, SIDE, SIDE);
      }
    });
  }, [data, clock, props.of]);
  return (
    <figure>
      <canvas ref={canvas} width={SIDE} height={SIDE} role="img" aria-label={props.label} />
      <figcaption>{props.label}</figcaption>
    </figure>
  );
}

function squaresByFrame(data: PlayerData): Map<number, [number, number, number]> {
  const found = new Map<number, [number, number, number]>();
  for (const run of data.mouths) {
    run.squares.forEach((square, index) => found.set(run.first + index, square));
  }
  return found;
}
