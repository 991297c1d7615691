import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import {
  estimatedMs,
  type Fit,
  fitOf,
  naturalPace,
  pronunciationsIn,
  roomMs,
  voiceOf,
  withCue,
  withVoice,
  writtenOut,
} from "./lines";
import { Draft } from "./parts";
import { ChoosePlace, fileNameOf, folderOf } from "./places";
import { frameOfMs, frameOfTimecode, inSeconds, msOfFrame, type Rate, timecode } from "./time";
import type {
  Capabilities,
  Cue,
  CueKind,
  CueReport,
  CueSheet,
  Decision,
  EngineCard,
  LanguageReport,
  Lines,
  MouthControls,
  Performance,
  PlayerData,
} from "./types";

const KINDS: CueKind[] = ["dialogue", "effort", "breath", "laugh", "song", "walla"];
const SHARES: ["intensity" | "jaw" | "width", string][] = [
  ["intensity", "Mouth"],
  ["jaw", "Jaw"],
  ["width", "Width"],
];
const TIMES: ["offset_ms" | "smoothing_ms", string, number, number][] = [
  ["offset_ms", "Mouth later by", -500, 500],
  ["smoothing_ms", "Mouth evened over", 0, 200],
];
const FITS: Record<Fit, string> = { fits: "fits", tight: "tight", long: "too long" };

export interface Measured {
  ms: number;
  natural: number;
  exact: boolean;
  slot: number;
  room: number;
  fit: Fit;
}

/** How long a cue is in its slot: measured where it was rendered as it stands, else estimated. */
export function measure(
  cue: Cue,
  lines: Lines,
  report: LanguageReport,
  changed: boolean,
  pace: number | null,
  timelineMs: number,
): Measured | null {
  const language = report.language;
  const text = cue.text[language]?.trim();
  if (!text || cue.kind !== "dialogue") return null;
  const slot = cue.end_ms - cue.start_ms;
  const room = roomMs(cue, lines.cue_sheet, timelineMs);
  const rendered = report.cues.find((one) => one.cue === cue.id);
  if (!changed && rendered?.length_ms && rendered.speed) {
    const natural = rendered.length_ms * rendered.speed;
    const fit = rendered.verdict === "long" ? "long" : fitOf(natural, slot, room);
    return { ms: rendered.length_ms, natural, exact: true, slot, room, fit };
  }
  if (pace === null || cue.takes[language]) return null;
  const natural = estimatedMs(text, pace) / cue.performance.pace;
  const ms = Math.min(Math.max(slot, natural / 1.3), natural / 0.85);
  return { ms, natural, exact: false, slot, room, fit: fitOf(natural, slot, room) };
}

export function CueList(props: {
  lines: Lines;
  report: LanguageReport;
  delivered: CueSheet;
  data: PlayerData;
  rate: Rate;
  chosen: string;
  choose: (cue: string) => void;
  changed: Set<string>;
  decisions: Map<string, Decision>;
}) {
  const { lines, report, data, rate } = props;
  const language = report.language;
  const original = lines.cue_sheet.original ?? "";
  const timelineMs = msOfFrame(data.frames, rate);
  const pace = useMemo(() => naturalPace(report.cues, props.delivered), [report, props.delivered]);
  const list = useRef<HTMLOListElement>(null);
  useEffect(() => {
    const chosen = list.current?.querySelector<HTMLElement>("[aria-current]");
    chosen?.scrollIntoView({ block: "nearest" });
    if (list.current?.contains(document.activeElement)) chosen?.focus();
  }, [props.chosen]);
  return (
    <ol class="cues" ref={list} aria-label="Cues">
      {lines.cue_sheet.cues.map((cue) => {
        const changed = props.changed.has(cue.id);
        const measured = measure(cue, lines, report, changed, pace, timelineMs);
        const decision = props.decisions.get(cue.id);
        const looks = report.spans.filter((span) => span.cue === cue.id && span.attention.length);
        return (
          <li key={cue.id}>
            <button
              type="button"
              class="cue"
              aria-current={cue.id === props.chosen ? "true" : undefined}
              data-cue={cue.id}
              onClick={() => props.choose(cue.id)}
            >
              <span class="row">
                <span class="timecode">
                  {timecode(frameOfMs(cue.start_ms, rate) + data.start_frame, rate)}
                </span>
                <b>{cue.speaker}</b>
                <span class="muted">{cue.id}</span>
                <span class="grow" />
                {changed && <span class="mark changed">Changed</span>}
                {!changed && decision && (
                  <span class={`mark ${decision.verdict}`}>
                    {decision.verdict === "approved" ? "Approved" : "Rejected"}
                  </span>
                )}
                {!changed && looks.length > 0 && <span class="mark look">Look</span>}
              </span>
              <span class="source" lang={original}>
                {cue.text[original]}
              </span>
              <span class="target" lang={language}>
                {cue.text[language] || <i class="muted">no {language} text</i>}
              </span>
              {measured && <FitBar measured={measured} />}
            </button>
          </li>
        );
      })}
    </ol>
  );
}

/** A cue's length against its slot: the bar is the slot and the silence that may be borrowed. */
function FitBar({ measured }: { measured: Measured }) {
  const { ms, slot, room, fit, exact } = measured;
  const full = Math.max(room, ms);
  const said = `${exact ? "" : "about "}${inSeconds(ms)} of ${inSeconds(slot)}`;
  return (
    <span class={`fit ${fit}`}>
      <span class="bar" aria-hidden="true">
        <span class="slot" style={{ width: `${(100 * slot) / full}%` }} />
        <span class="length" style={{ width: `${(100 * ms) / full}%` }} />
      </span>
      <span class="said">
        {said} · {FITS[fit]}
      </span>
    </span>
  );
}

export function CueEditor(props: {
  cue: Cue;
  lines: Lines;
  report: LanguageReport;
  delivered: CueSheet;
  data: PlayerData;
  rate: Rate;
  changed: boolean;
  capabilities: Capabilities | null;
  edit: (lines: Lines, field: string) => void;
  remove: () => void;
}) {
  const { cue, lines, report, data, rate, edit } = props;
  const language = report.language;
  const original = lines.cue_sheet.original ?? "";
  const editable = lines.editable;
  const [choosingTake, setChoosingTake] = useState(false);
  const change = (part: Partial<Cue>) =>
    edit(withCue(lines, { ...cue, ...part }), `${cue.id} ${Object.keys(part)} ${language}`);
  const mouth = (part: Partial<MouthControls>) => change({ mouth: { ...cue.mouth, ...part } });
  const drawn = editable && cue.on_screen && !cue.mouth.leave;
  const pace = useMemo(() => naturalPace(report.cues, props.delivered), [report, props.delivered]);
  const rendered = report.cues.find((one) => one.cue === cue.id);
  const measured = measure(cue, lines, report, props.changed, pace, msOfFrame(data.frames, rate));
  const take = cue.takes[language];
  const voices = Object.values(props.capabilities?.voices ?? {}).find((by) => by[language])?.[
    language
  ];
  const speaks = props.capabilities?.engines.find((card) => card.identity === rendered?.engine);
  const speakers = [
    ...new Set([...lines.cast.speakers, ...lines.cue_sheet.cues.map((c) => ({ name: c.speaker }))]
      .map((one) => one.name)),
  ];
  return (
    <section class="editor" aria-label={`Cue ${cue.id}`}>
      {!editable && (
        <p class="hint">
          This is the lip-sync of one finished recording: its line is changed by a new job.
        </p>
      )}
      {original && original !== language && (
        <label>
          {original}, the original
          <textarea
            lang={original}
            rows={2}
            value={cue.text[original] ?? ""}
            disabled={!editable}
            onInput={(e) => change({ text: { ...cue.text, [original]: e.currentTarget.value } })}
          />
        </label>
      )}
      <label>
        {language}
        <textarea
          id="target-text"
          lang={language}
          rows={3}
          value={cue.text[language] ?? ""}
          disabled={!editable}
          onInput={(e) => change({ text: { ...cue.text, [language]: e.currentTarget.value } })}
        />
      </label>
      {measured && <FitBar measured={measured} />}
      {!props.changed && rendered?.reason && <p class="hint">{rendered.reason}</p>}
      <div class="fields">
        <TimecodeField
          label="Starts"
          ms={cue.start_ms}
          rate={rate}
          from={data.start_frame}
          disabled={!editable}
          set={(start_ms) => start_ms < cue.end_ms && change({ start_ms })}
        />
        <TimecodeField
          label="Ends"
          ms={cue.end_ms}
          rate={rate}
          from={data.start_frame}
          disabled={!editable}
          set={(end_ms) => end_ms > cue.start_ms && change({ end_ms })}
        />
        <label>
          Speaker
          <Draft
            key={cue.id}
            value={cue.speaker}
            about={{ list: "speakers", required: true }}
            disabled={!editable}
            take={(name) => {
              if (name.trim()) change({ speaker: name.trim() });
            }}
          />
        </label>
        <datalist id="speakers">
          {speakers.map((name) => (
            <option key={name} value={name} />
          ))}
        </datalist>
        <label>
          Sound
          <select
            value={cue.kind}
            disabled={!editable}
            onChange={(e) => change({ kind: e.currentTarget.value as CueKind })}
          >
            {KINDS.map((kind) => (
              <option key={kind}>{kind}</option>
            ))}
          </select>
        </label>
        <label>
          {cue.speaker}’s voice
          <select
            value={voiceOf(lines.cast, cue.speaker, language)}
            disabled={!editable || !!take}
            onChange={(e) =>
              edit(
                withVoice(lines, cue.speaker, language, e.currentTarget.value),
                `${cue.speaker} voice ${language}`,
              )
            }
          >
            {Object.entries(voices ?? { "": "Standard" }).map(([voice, name]) => (
              <option key={voice} value={voice}>
                {name}
              </option>
            ))}
            <option value="own">Like their own (with consent)</option>
          </select>
        </label>
        <div class="take" role="group" aria-label="Take">
          <span class="label">Take</span>
          <span class="path">{take ? fileNameOf(take) : "synthesised"}</span>
          {take && (
            <button
              type="button"
              class="quiet"
              aria-label="Use the synthesised take"
              disabled={!editable}
              onClick={() => {
                const { [language]: _, ...others } = cue.takes;
                change({ takes: others });
              }}
            >
              ✕
            </button>
          )}
          <button type="button" disabled={!editable} onClick={() => setChoosingTake(true)}>
            Recording…
          </button>
        </div>
        <HowItIsSaid
          key={cue.id}
          cue={cue}
          speaks={speaks}
          disabled={!editable || !!take || cue.kind !== "dialogue"}
          set={(part) => change({ performance: { ...cue.performance, ...part } })}
        />
        <label class="wide">
          Note
          <input
            value={cue.note}
            disabled={!editable}
            onInput={(e) => change({ note: e.currentTarget.value })}
          />
        </label>
        <label class="check">
          <input
            type="checkbox"
            checked={cue.on_screen}
            disabled={!editable}
            onChange={(e) => change({ on_screen: e.currentTarget.checked })}
          />
          Mouth is seen
        </label>
        {SHARES.map(([control, title]) => (
          <label key={control}>
            {title}, {Math.round(100 * cue.mouth[control])} %
            <input
              type="range"
              min={0}
              max={2}
              step={0.05}
              value={cue.mouth[control]}
              disabled={!drawn}
              onInput={(e) => mouth({ [control]: e.currentTarget.valueAsNumber })}
            />
          </label>
        ))}
        {TIMES.map(([control, title, min, max]) => (
          <label key={control}>
            {title}, ms
            <Draft
              key={cue.id}
              number={{ min, max, step: 10 }}
              value={String(cue.mouth[control])}
              disabled={!drawn}
              take={(text) => {
                const time = Number(text);
                if (text && Number.isInteger(time) && time >= min && time <= max)
                  mouth({ [control]: time });
              }}
            />
          </label>
        ))}
        <label class="check">
          <input
            type="checkbox"
            checked={cue.mouth.leave}
            disabled={!editable || !cue.on_screen}
            onChange={(e) => mouth({ leave: e.currentTarget.checked })}
          />
          Leave the mouth as it is
        </label>
      </div>
      {editable && (
        <p class="end">
          <button type="button" class="quiet" onClick={props.remove}>
            Delete this cue
          </button>
        </p>
      )}
      {choosingTake && (
        <ChoosePlace
          wanted={{ title: "Choose a recording", endings: [".wav", ".aif", ".aiff", ".flac"] }}
          from={take ? folderOf(take) : ""}
          chosen={(path) => change({ takes: { ...cue.takes, [language]: path } })}
          close={() => setChoosingTake(false)}
        />
      )}
    </section>
  );
}

/** What a voice is asked for. `speaks` is the card of the engine that spoke it, where known. */
function HowItIsSaid(props: {
  cue: Cue;
  speaks: EngineCard | undefined;
  disabled: boolean;
  set: (part: Partial<Performance>) => void;
}) {
  const { cue, speaks, disabled, set } = props;
  const asked = cue.performance;
  const [refused, setRefused] = useState("");
  const able = (ability: string) => !speaks || speaks.abilities.includes(ability);
  return (
    <>
      <label>
        Style
        <Draft
          key={cue.id}
          value={asked.style}
          about={{
            list: "styles",
            title: able("style") ? "In the voice’s own words" : "This voice has no styles",
          }}
          disabled={disabled || (!able("style") && !asked.style)}
          take={(style) => set({ style: style.trim() })}
        />
      </label>
      <datalist id="styles">
        {speaks?.styles.map((style) => (
          <option key={style} value={style} />
        ))}
      </datalist>
      <label>
        Another reading
        <Draft
          key={cue.id}
          number={{ min: 0, max: 999, step: 1 }}
          value={String(asked.reading)}
          about={{
            title: able("readings")
              ? "Each number is another try at the line"
              : "This voice always says a line the same way",
          }}
          disabled={disabled || (!able("readings") && !asked.reading)}
          take={(text) => {
            const reading = Number(text);
            if (text && Number.isInteger(reading) && reading >= 0) set({ reading });
          }}
        />
      </label>
      <label>
        Pace, {Math.round(100 * asked.pace)} %
        <input
          type="range"
          min={0.5}
          max={2}
          step={0.05}
          value={asked.pace}
          disabled={disabled}
          onInput={(e) => set({ pace: e.currentTarget.valueAsNumber })}
        />
      </label>
      <label>
        Pitch, {asked.pitch > 0 && "+"}
        {asked.pitch} semitones
        <input
          type="range"
          min={-12}
          max={12}
          step={0.5}
          value={asked.pitch}
          disabled={disabled}
          onInput={(e) => set({ pitch: e.currentTarget.valueAsNumber })}
        />
      </label>
      <label class="wide">
        Words said as
        <Draft
          key={cue.id}
          value={refused || writtenOut(asked.pronunciations)}
          about={{ title: "Siobhan = shivawn; Łódź = /wut͡ɕ/: as it sounds, or in IPA between slashes" }}
          disabled={disabled}
          take={(text) => {
            const pronunciations = pronunciationsIn(text);
            setRefused(pronunciations ? "" : text);
            if (pronunciations) set({ pronunciations });
          }}
        />
        {refused && (
          <span class="hint" role="alert">
            Not taken: write each word, “=” and how it is said, with “;” between them.
          </span>
        )}
      </label>
    </>
  );
}

/** What a reviewer says of a cue; always in sight. */
export function Verdict(props: {
  rendered: CueReport | undefined;
  changed: boolean;
  decision: Decision | undefined;
  /** What was typed for this cue and not sent yet. */
  draft: string | undefined;
  setDraft: (note: string) => void;
  decide: (verdict: Decision["verdict"] | null, note: string) => void;
}) {
  const { decision } = props;
  const note = props.draft ?? decision?.note ?? "";
  if (!props.rendered?.dubbed) {
    return <p class="verdict">Not dubbed: {props.rendered?.reason ?? "it is new here"}.</p>;
  }
  if (props.changed) {
    return <p class="verdict">Changed since it was rendered: render it, then review it.</p>;
  }
  const press = (verdict: Decision["verdict"]) =>
    props.decide(decision?.verdict === verdict && decision.note === note ? null : verdict, note);
  return (
    <div class="verdict">
      <label>
        Note to the editor
        <textarea
          id="note"
          rows={1}
          maxLength={2000}
          value={note}
          onInput={(e) => props.setDraft(e.currentTarget.value)}
        />
      </label>
      <p class="end">
        {decision && (
          <span class="muted">
            {decision.verdict}
            {decision.by && ` by ${decision.by}`}, {new Date(decision.at).toLocaleString()}
          </span>
        )}
        <span class="grow" />
        <button
          type="button"
          class="reject"
          aria-pressed={decision?.verdict === "rejected"}
          onClick={() => press("rejected")}
        >
          Reject
        </button>
        <button
          type="button"
          class="approve"
          aria-pressed={decision?.verdict === "approved"}
          onClick={() => press("approved")}
        >
          Approve
        </button>
      </p>
    </div>
  );
}

/** A moment as timecode; the arrow keys move it by a frame. */
function TimecodeField(props: {
  label: string;
  ms: number;
  rate: Rate;
  from: number;
  disabled: boolean;
  set: (ms: number) => void;
}) {
  const { rate, from } = props;
  const frame = frameOfMs(props.ms, rate);
  const text = timecode(frame + from, rate);
  const set = (absolute: number) =>
    void props.set(msOfFrame(Math.max(0, absolute - from), rate));
  return (
    <label>
      {props.label}
      <Draft
        about={{
          class: "timecode",
          title: "Non-drop timecode; with a semicolon it is taken as drop-frame",
        }}
        value={text}
        disabled={props.disabled}
        take={(typed) => {
          const found = frameOfTimecode(typed, rate);
          if (found !== null && found !== frame + from) set(found);
        }}
        onKey={(event) => {
          const by = { ArrowUp: 1, ArrowDown: -1 }[event.key];
          if (!by) return;
          event.preventDefault();
          set(frame + from + by);
        }}
      />
    </label>
  );
}
