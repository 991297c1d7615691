import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { Clock } from "./clock";
import { Consents } from "./consents";
import { CueEditor, CueList, Verdict } from "./cues";
import { troubleOf, useLatest, useLoaded } from "./following";
import { Progress, nameOf } from "./jobs";
import { KeyHelp, useKeys } from "./keys";
import { changedCues, merged, withCue, withNewCue, withoutCue } from "./lines";
import type { Route } from "./page";
import { Told } from "./parts";
import { fileNameOf, folderOf } from "./places";
import { Publish } from "./publish";
import { Deliveries, Quality } from "./quality";
import { Refused, service } from "./service";
import { frameOfMs, msOfFrame, perSecond, rateOf } from "./time";
import type {
  Cast,
  CueSheet,
  Decision,
  Job,
  Lines,
  PlayerData,
  Report,
  Trouble,
} from "./types";
import { type Look, Viewer } from "./viewer";
import { Overview, Waveform } from "./waveform";

const SAVE_AFTER_MS = 500;
const TRY_AGAIN_MS = 5000;
const TYPED_WITHIN_MS = 1000;
const MOST_UNDONE = 99;

const BELOW = ["Quality", "Deliveries", "Consents", "Publish"] as const;
type Below = (typeof BELOW)[number];

interface Loaded {
  job: Job;
  lines: Lines;
  delivered: { cue_sheet: CueSheet; cast: Cast };
  report: Report;
  data: PlayerData;
  decisions: Decision[];
}

async function load(job: string): Promise<Loaded> {
  const [found, lines, cue_sheet, cast, report, data, decisions] = await Promise.all([
    service.job(job),
    service.lines(job),
    service.delivered<CueSheet>(job, "cue_sheet"),
    service.delivered<Cast>(job, "cast"),
    service.report(job),
    service.player(job),
    service.decisions(job),
  ]);
  return { job: found, lines, delivered: { cue_sheet, cast }, report, data, decisions };
}

/**
 * One delivered version: its pictures, its lines, what was measured, and what people say of it.
 * `leaving` is done when the edits of the version that was shown before are kept.
 */
export function Review(props: { route: Route; jobs: Job[]; leaving: { current: Promise<unknown> } }) {
  const { route, jobs, leaving } = props;
  const [loaded, trouble] = useLoaded(() => leaving.current.then(() => load(route.job)), route.job);
  // Very old jobs are not among those that are listed.
  const job = jobs.find((one) => one.id === route.job) ?? loaded?.job;
  if (!loaded || !job) {
    return (
      <>
        <header class="bar">
          <Home />
          <h1>{job ? nameOf(job) : "Review"}</h1>
        </header>
        <main class="empty">{trouble ? <Told trouble={trouble} /> : <p>Loading…</p>}</main>
      </>
    );
  }
  return <Desk loaded={loaded} job={job} jobs={jobs} route={route} leaving={leaving} />;
}

function Home() {
  return (
    <a class="brand" href="#/">
      <img src="icon.svg" alt="" width="22" height="22" /> Jobs
    </a>
  );
}

function addressOf(job: string, language: string, cue: string): string {
  return `#/jobs/${[job, language, cue].map(encodeURIComponent).join("/")}`;
}

function Desk(props: {
  loaded: Loaded;
  job: Job;
  jobs: Job[];
  route: Route;
  leaving: { current: Promise<unknown> };
}) {
  const { loaded, job, jobs, route, leaving } = props;
  const { data, report } = loaded;
  const { lines, edit, undo, saved, trouble: unsaved } = useSaved(job.id, loaded.lines, leaving);
  const [decisions, setDecisions] = useState(loaded.decisions);
  const [notes, setNotes] = useState<Record<string, string>>({});
  const [trouble, setTrouble] = useState<Trouble | null>(null);
  const [look, setLook] = useState<Look>("dub");
  const [wipe, setWipe] = useState(0.5);
  const [below, setBelow] = useState<Below>("Quality");
  const [helping, setHelping] = useState(false);
  const [rendering, setRendering] = useState<{ job: string; lines: Lines } | null>(null);
  const [capabilities] = useLoaded(service.capabilities, "once");
  const rate = useMemo(() => rateOf(data.rate), [data]);
  const clock = useMemo(() => new Clock(rate, data.frames), [data]);

  const languages = report.languages.map((one) => one.language);
  const language = languages.includes(route.language) ? route.language : (languages[0] ?? "");
  const ofLanguage = report.languages.find((one) => one.language === language);
  const cues = lines.cue_sheet.cues;
  const cue = cues.find((one) => one.id === route.cue) ?? cues[0];
  const changed = useMemo(
    () =>
      new Map(
        languages.map((tag) => [tag, changedCues(lines, loaded.delivered, tag)] as const),
      ),
    [lines, loaded],
  );
  const changes = [...changed.values()].reduce((sum, ids) => sum + ids.size, 0);
  const words = useMemo(
    () => new Map(decisions.filter((d) => d.language === language).map((d) => [d.cue, d])),
    [decisions, language],
  );
  const verdicts = useMemo(
    () => new Map([...words].map(([id, decision]) => [id, decision.verdict])),
    [words],
  );

  const noted = `${cue?.id} ${language}`;

  const go = (to: string, id: string) => {
    // In the place of the last: going back leads to the jobs, not through every cue.
    location.replace(addressOf(job.id, to, id));
  };
  const choose = (id: string) => {
    go(language, id);
    const chosen = cues.find((one) => one.id === id);
    if (chosen) clock.player.seek(frameOfMs(chosen.start_ms, rate));
  };
  const add = () => {
    const at = msOfFrame(clock.now.frame, rate);
    const [more, made] = withNewCue(lines, at, msOfFrame(data.frames, rate));
    edit(more);
    go(language, made.id);
  };
  const decide = async (verdict: Decision["verdict"] | null, note: string) => {
    if (!cue) return;
    try {
      setDecisions(await service.decide(job.id, { cue: cue.id, language, verdict, note }));
      setNotes(({ [noted]: _, ...others }) => others);
      setTrouble(null);
    } catch (error) {
      setTrouble(troubleOf(error));
      // The word may stand although not every timeline could be marked.
      await service.decisions(job.id).then(setDecisions, () => {});
    }
  };
  const render = async () => {
    try {
      await saved();
      setRendering({ job: (await service.revise(job.id)).id, lines });
      setTrouble(null);
    } catch (error) {
      setTrouble(troubleOf(error));
    }
  };

  useEffect(() => {
    if (route.cue && cue) clock.player.seek(frameOfMs(cue.start_ms, rate));
  }, [clock]);

  const revision = jobs.find((one) => one.id === rendering?.job);
  const isRendered = revision?.state === "done" && rendering?.lines === lines;

  useKeys((key, shift) => {
    const { player } = clock;
    const at = cues.findIndex((one) => one.id === cue?.id);
    const second = Math.round(perSecond(rate));
    const other = languages[Number(key) - 1];
    const does: Record<string, () => void> = {
      " ": () => player.toggle(),
      k: () => player.shuttle(0),
      j: () => player.faster(-1),
      l: () => player.faster(1),
      ArrowLeft: () => player.step(shift ? -second : -1),
      ArrowRight: () => player.step(shift ? second : 1),
      ArrowUp: () => choose(cues[Math.max(0, at - 1)]?.id ?? ""),
      ArrowDown: () => choose(cues[Math.min(cues.length - 1, at + 1)]?.id ?? ""),
      p: () =>
        cue && clock.playRange(frameOfMs(cue.start_ms, rate), frameOfMs(cue.end_ms, rate) + 6),
      a: () => setLook(look === "original" ? "dub" : "original"),
      w: () => setLook(look === "wipe" ? "dub" : "wipe"),
      e: () => document.getElementById("target-text")?.focus(),
      y: () => document.querySelector<HTMLButtonElement>(".approve")?.click(),
      n: () => document.getElementById("note")?.focus(),
      u: () => undo?.(),
      "?": () => setHelping(true),
    };
    const wanted = other ? () => go(other, cue?.id ?? "") : does[key] ?? does[key.toLowerCase()];
    wanted?.();
    return wanted !== undefined;
  });

  const versions = versionsOf(job, jobs);
  return (
    <>
      <header class="bar">
        <Home />
        <h1>{nameOf(job)}</h1>
        <label class="version">
          <span class="unseen">Version</span>
          <select
            value={job.id}
            onChange={(e) => {
              location.hash = addressOf(e.currentTarget.value, language, cue?.id ?? "");
            }}
          >
            {versions.map((one) => (
              <option key={one.id} value={one.id}>
                {fileNameOf(one.result?.folder ?? "")}
              </option>
            ))}
          </select>
        </label>
        <fieldset class="choice">
          <legend class="unseen">Language</legend>
          {languages.map((tag) => (
            <label key={tag}>
              <input
                type="radio"
                name="language"
                checked={tag === language}
                onChange={() => go(tag, cue?.id ?? "")}
              />
              <span>{tag}</span>
            </label>
          ))}
        </fieldset>
        {ofLanguage?.disclosure === "draft" && (
          <span class="mark look">Draft: no consent on record</span>
        )}
        <span class="grow" />
        {revision?.state === "done" && (
          <a class={isRendered ? "button primary" : "button"} href={addressOf(revision.id, language, cue?.id ?? "")}>
            Open {fileNameOf(revision.result?.folder ?? "")}
          </a>
        )}
        {revision && !revision.ended ? (
          <Progress job={revision} />
        ) : isRendered ? null : (
          <button type="button" class="primary" disabled={!changes} onClick={render}>
            {changes ? `Render ${changes} changed ${changes === 1 ? "line" : "lines"}` : "Nothing changed"}
          </button>
        )}
        <button type="button" class="quiet" aria-label="Keys" onClick={() => setHelping(true)}>
          ?
        </button>
      </header>
      <main class="desk">
        <div class="left">
          <Viewer
            job={job.id}
            data={data}
            language={language}
            clock={clock}
            look={look}
            setLook={setLook}
            wipe={wipe}
            setWipe={setWipe}
          />
          <Overview
            data={data}
            language={language}
            clock={clock}
            cues={cues}
            chosen={cue ?? null}
            verdicts={verdicts}
            changed={changed.get(language) ?? new Set()}
            choose={choose}
          />
          <Waveform
            data={data}
            language={language}
            clock={clock}
            cues={cues}
            chosen={cue ?? null}
            verdicts={verdicts}
            changed={changed.get(language) ?? new Set()}
            move={(moved) => lines.editable && edit(withCue(lines, moved), `${moved.id} edge`)}
          />
          <fieldset class="choice below">
            <legend class="unseen">Below</legend>
            {BELOW.map((one) => (
              <label key={one}>
                <input
                  type="radio"
                  name="below"
                  checked={below === one}
                  onChange={() => setBelow(one)}
                />
                <span>{one}</span>
              </label>
            ))}
          </fieldset>
          <div class="scroll">
            {below === "Deliveries" && <Deliveries job={job} />}
            {below === "Consents" && <Consents lines={lines} language={language} edit={edit} />}
            {below === "Publish" && (
              <Publish
                job={job}
                language={language}
                visit={(tag, id) => {
                  go(tag, id);
                  const found = cues.find((one) => one.id === id);
                  if (found) clock.player.seek(frameOfMs(found.start_ms, rate));
                }}
                delivered={(again) => setRendering({ job: again.id, lines })}
              />
            )}
            {below === "Quality" && ofLanguage && (
              <Quality
                job={job.id}
                report={ofLanguage}
                data={data}
                visit={(id, frame) => {
                  go(language, id);
                  clock.player.seek(frame);
                }}
              />
            )}
          </div>
        </div>
        <div class="right">
          <Told trouble={unsaved} />
          <Told trouble={trouble ?? revision?.error ?? revision?.reason ?? null} />
          {lines.editable && (
            <div class="tools">
              <button type="button" class="quiet" onClick={add}>
                New cue here
              </button>
              <button type="button" class="quiet" disabled={!undo} onClick={() => undo?.()}>
                Undo
              </button>
            </div>
          )}
          {ofLanguage && (
            <CueList
              lines={lines}
              report={ofLanguage}
              delivered={loaded.delivered.cue_sheet}
              data={data}
              rate={rate}
              chosen={cue?.id ?? ""}
              choose={choose}
              changed={changed.get(language) ?? new Set()}
              decisions={words}
            />
          )}
          {ofLanguage && cue && (
            <CueEditor
              cue={cue}
              lines={lines}
              report={ofLanguage}
              delivered={loaded.delivered.cue_sheet}
              data={data}
              rate={rate}
              changed={changed.get(language)?.has(cue.id) ?? false}
              capabilities={capabilities}
              edit={edit}
              remove={() => {
                const next = cues[cues.indexOf(cue) + 1] ?? cues[cues.indexOf(cue) - 1];
                edit(withoutCue(lines, cue.id));
                go(language, next?.id ?? "");
              }}
            />
          )}
          {ofLanguage && cue && (
            <Verdict
              draft={notes[noted]}
              setDraft={(note) => setNotes({ ...notes, [noted]: note })}
              rendered={ofLanguage.cues.find((one) => one.cue === cue.id)}
              changed={changed.get(language)?.has(cue.id) ?? false}
              decision={words.get(cue.id)}
              decide={decide}
            />
          )}
        </div>
      </main>
      {helping && <KeyHelp close={() => setHelping(false)} />}
    </>
  );
}

/** The jobs that delivered versions of the same timeline into the same folder, one for each. */
function versionsOf(job: Job, jobs: Job[]): Job[] {
  const place = (one: Job) => folderOf(one.result?.folder ?? "");
  const found = new Map([[job.result?.folder, job]]);
  for (const one of jobs) {
    const same = one.result?.name === job.result?.name && place(one) === place(job);
    if (one.state === "done" && same && !found.has(one.result?.folder)) {
      found.set(one.result?.folder, one);
    }
  }
  return [...found.values()].sort((a, b) => b.submitted - a.submitted);
}

/** Lines that are kept by the service shortly after each edit; `saved` waits until they are. */
function useSaved(job: string, loaded: Lines, leaving: { current: Promise<unknown> }) {
  const [lines, setLines] = useState(loaded);
  const [trouble, setTrouble] = useState<Trouble | null>(null);
  const [past, setPast] = useState<Lines[]>([]);
  const last = useRef<{ at: number; field: string | undefined }>({ at: 0, field: undefined });
  const newest = useRef(loaded);
  const kept = useRef(loaded);
  const timer = useRef(0);
  const saving = useRef<Promise<void>>(Promise.resolve());

  const keep = async () => {
    const now = newest.current;
    if (now === kept.current) return;
    try {
      const { revision } = await service.save(job, { ...now, revision: kept.current.revision });
      kept.current = { ...now, revision };
      if (newest.current === now) newest.current = kept.current;
      setTrouble(null);
    } catch (error) {
      const theirs = error instanceof Refused ? await service.lines(job).catch(() => null) : null;
      if (!theirs || theirs.revision === kept.current.revision) throw error;
      // They were changed elsewhere. What was changed here is made anew on what is there.
      const [together, both] = merged(kept.current, newest.current, theirs);
      kept.current = theirs;
      newest.current = together;
      setLines(together);
      await keep();
      if (both.length) {
        setTrouble({
          what: "The lines were changed elsewhere too",
          where: both.join(", "),
          why: "both changed them; what you typed here stands",
          repair: "look through them again",
        });
      }
    }
  };
  const saved = useLatest(() => {
    clearTimeout(timer.current);
    saving.current = saving.current.catch(() => {}).then(keep);
    return saving.current;
  });
  const soon = useLatest((after: number) => {
    clearTimeout(timer.current);
    timer.current = setTimeout(() => {
      saved().catch((error: unknown) => {
        setTrouble(troubleOf(error));
        soon(TRY_AGAIN_MS);
      });
    }, after);
  });
  const put = (edited: Lines) => {
    newest.current = edited;
    setLines(edited);
    soon(SAVE_AFTER_MS);
  };
  const edit = useLatest((edited: Lines, field?: string) => {
    const now = Date.now();
    // What is typed into one field in one go is undone in one go.
    const goesOn =
      field !== undefined && field === last.current.field && now - last.current.at < TYPED_WITHIN_MS;
    if (!goesOn) setPast([...past.slice(-MOST_UNDONE), lines]);
    last.current = { at: now, field };
    put(edited);
  });
  const undo = useLatest(() => {
    const before = past[past.length - 1];
    if (!before) return;
    setPast(past.slice(0, -1));
    last.current = { at: 0, field: undefined };
    put(before);
  });
  useEffect(() => {
    const flush = () => {
      leaving.current = saved().catch(() => {}); // nobody is left to be told
    };
    const asked = (event: BeforeUnloadEvent) => {
      if (newest.current !== kept.current) event.preventDefault();
    };
    addEventListener("pagehide", flush);
    addEventListener("beforeunload", asked);
    return () => {
      removeEventListener("pagehide", flush);
      removeEventListener("beforeunload", asked);
      flush();
    };
  }, []);
  return { lines, edit, undo: past.length ? undo : null, saved, trouble };
}
