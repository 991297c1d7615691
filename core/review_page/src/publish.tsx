import { useEffect, useState } from "preact/hooks";
import { troubleOf, useLoaded } from "./following";
import { Copy, Told } from "./parts";
import { ChoosePlace, folderOf, joined, PlaceField } from "./places";
import { service } from "./service";
import type { Job, Publication, PublishedPart, Trouble } from "./types";

const ASK_EVERY_MS = 500;

/** Looks a version through before it goes out, and makes deliverables of what passes. */
export function Publish(props: {
  job: Job;
  language: string;
  visit: (language: string, cue: string) => void;
  delivered: (again: Job) => void;
}) {
  const { job, language } = props;
  const [presets] = useLoaded(service.presets, "once");
  const [preset, setPreset] = useState("streamer");
  const [every, setEvery] = useState(true);
  const [output, setOutput] = useState("");
  const [territories, setTerritories] = useState("");
  const [commercial, setCommercial] = useState(true);
  const [choosing, setChoosing] = useState(false);
  const [now, setNow] = useState<Publication | null>(null);
  const [trouble, setTrouble] = useState<Trouble | null>(null);
  const running = now?.state === "running";

  const told = (answer: Promise<Publication | null>) =>
    answer.then(
      (found) => {
        setNow(found);
        setTrouble(null);
      },
      (error: unknown) => setTrouble(troubleOf(error)),
    );
  useEffect(() => {
    void told(service.publication(job.id));
  }, [job.id]);
  useEffect(() => {
    if (!running) return undefined;
    const timer = setInterval(() => void told(service.publication(job.id)), ASK_EVERY_MS);
    return () => clearInterval(timer);
  }, [running, job.id]);

  const publish = (folder: string) =>
    told(
      service.publish(job.id, {
        languages: every ? [] : [language],
        preset,
        output: folder,
        commercial,
        territories: territories.split(/[\s,]+/).filter(Boolean),
      }),
    );
  const anew = () =>
    service.anew(job.id).then(props.delivered, (error: unknown) => setTrouble(troubleOf(error)));
  const mended = now?.parts.some((part) => part.findings.some((found) => found.anew));
  return (
    <section class="publish" aria-label="Publish">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void publish(output);
        }}
      >
        <div class="pair">
          <label>
            Deliverable
            <select value={preset} onChange={(e) => setPreset(e.currentTarget.value)}>
              {Object.entries(presets ?? {}).map(([name, title]) => (
                <option key={name} value={name}>
                  {title}
                </option>
              ))}
            </select>
          </label>
          <label>
            Languages
            <select
              value={every ? "every" : "this"}
              onChange={(e) => setEvery(e.currentTarget.value === "every")}
            >
              <option value="every">Every language</option>
              <option value="this">{language} alone</option>
            </select>
          </label>
        </div>
        <div class="pair">
          <label>
            Shown in
            <input
              value={territories}
              placeholder="ES, MX"
              onInput={(e) => setTerritories(e.currentTarget.value)}
            />
          </label>
          <label class="check">
            <input
              type="checkbox"
              checked={commercial}
              onChange={(e) => setCommercial(e.currentTarget.checked)}
            />
            For money
          </label>
        </div>
        <PlaceField
          label="Output"
          hint="The folder that receives the deliverables."
          path={output}
          clear={() => setOutput("")}
          choose={() => setChoosing(true)}
        />
        <p class="end">
          {running && (
            <button type="button" onClick={() => void told(service.cancelPublication(job.id))}>
              Cancel
            </button>
          )}
          <button type="button" disabled={running} onClick={() => void publish("")}>
            Look it through
          </button>
          <button type="submit" class="primary" disabled={running || !output}>
            Publish
          </button>
        </p>
      </form>
      <Told trouble={trouble ?? now?.error ?? null} />
      {now && <Outcome now={now} name={job.result?.name ?? ""} visit={props.visit} />}
      {!running && mended && (
        <p>
          Some of it is mended by delivering the version anew, as the next one, from what was made
          for it:{" "}
          <button type="button" onClick={() => void anew()}>
            Deliver anew
          </button>
        </p>
      )}
      {choosing && (
        <ChoosePlace
          wanted={{ title: "Choose a folder", endings: [] }}
          from={folderOf(folderOf(job.result?.folder ?? ""))}
          chosen={setOutput}
          close={() => setChoosing(false)}
        />
      )}
    </section>
  );
}

function Outcome(props: {
  now: Publication;
  name: string;
  visit: (language: string, cue: string) => void;
}) {
  const { now, name, visit } = props;
  const failed = now.parts.filter((part) => !part.passed);
  const whole = now.parts.filter((part) => !part.shot);
  return (
    <>
      {now.state === "running" && (
        <div class="progress">
          <progress
            max={now.total || 1}
            value={now.total ? now.parts.length : undefined}
            aria-label="Parts looked at"
          />
          <span class="muted">
            {now.parts.length} of {now.total || "…"} parts
          </span>
        </div>
      )}
      <p role="status">
        {now.state === "cancelled" && "It was cancelled. "}
        {now.state === "done" &&
          (failed.length
            ? `${failed.length} of ${now.parts.length} parts must be mended.`
            : "All is well.")}
      </p>
      {now.parts.map((part) => (
        <Part key={`${part.language} ${part.shot}`} part={part} visit={visit} />
      ))}
      {whole.length > 0 && (
        <article>
          <h3>QC reports</h3>
          <ul>
            {whole.map((part) => {
              const page = joined(now.qc, `${name}.${part.language}.qc.html`);
              return (
                <li key={part.language}>
                  <span>
                    {part.language} <span class="path">{page}</span>{" "}
                    <Copy text={page} label={`the QC report in ${part.language}`} />
                  </span>
                </li>
              );
            })}
          </ul>
        </article>
      )}
    </>
  );
}

function Part(props: { part: PublishedPart; visit: (language: string, cue: string) => void }) {
  const { part, visit } = props;
  const name = `${part.language} ${part.shot}`.trim();
  return (
    <article aria-label={name}>
      <h3>
        {name}
        <span class={`mark ${part.passed ? "approved" : "rejected"}`}>
          {part.passed ? "Well" : `${part.findings.length} to mend`}
        </span>
      </h3>
      {part.published && (
        <p>
          <span class="path">{part.published}</span>{" "}
          <Copy text={part.published} label={`the deliverable in ${name}`} />
        </p>
      )}
      {part.findings.length > 0 && (
        <ul>
          {part.findings.map((found) => (
            <li key={`${found.check} ${found.where} ${found.what}`}>
              <span>
                <b>{found.check}</b>: {found.where}: {found.what}{" "}
                {found.cue && (
                  <button
                    type="button"
                    class="quiet"
                    onClick={() => visit(part.language, found.cue)}
                  >
                    Show {found.cue}
                  </button>
                )}
              </span>
              <span class="muted">{found.repair}</span>
            </li>
          ))}
        </ul>
      )}
    </article>
  );
}
