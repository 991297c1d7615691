import { Copy } from "./parts";
import { fileOf } from "./service";
import type { Job, LanguageReport, PlayerData, SpanReport } from "./types";

const share = (value: number | null) => (value === null ? "–" : `${Math.round(100 * value)} %`);

/** What was measured on each shot, with what a person should look at first. */
export function Quality(props: {
  job: string;
  report: LanguageReport;
  data: PlayerData;
  visit: (cue: string, frame: number) => void;
}) {
  const { report, data } = props;
  return (
    <section class="quality" aria-label="Quality of each shot">
      {report.shots.map((shot) => {
        const spans = report.spans.filter((span) => span.shot === shot.shot);
        const looks = spans.filter((span) => span.attention.length).length;
        const begins = data.shots.find((one) => one.shot === shot.shot)?.first ?? 0;
        return (
          <article key={shot.shot}>
            <h3>
              {shot.shot}
              <span class={`mark ${looks ? "look" : "approved"}`}>
                {looks ? `${looks} to look at` : "Measures well"}
              </span>
            </h3>
            <p class="muted">
              {shot.drawn} of {shot.frames} frames drawn; {shot.drawn_in_cues} of {shot.in_cues} on
              which somebody speaks.{shot.note && ` ${shot.note}.`}
            </p>
            <ul class="reasons">
              {reasons(shot.passed_through).map(([reason, frames]) => (
                <li key={reason}>
                  {frames} frames are the plate’s own: {reason}
                </li>
              ))}
            </ul>
            {spans.map((span) => (
              <Span
                key={span.cue}
                job={props.job}
                span={span}
                visit={() => props.visit(span.cue, begins + span.first)}
              />
            ))}
          </article>
        );
      })}
      <p class="muted">Sound: {report.effects}.</p>
    </section>
  );
}

function Span({ job, span, visit }: { job: string; span: SpanReport; visit: () => void }) {
  return (
    <div class="span">
      <p>
        <button type="button" class="quiet" onClick={visit}>
          {span.cue}
        </button>{" "}
        lips follow r {span.aperture_r?.toFixed(2) ?? "–"} · lag{" "}
        {span.lag_ms === null ? "–" : `${Math.round(span.lag_ms)} ms`} · closures{" "}
        {share(span.closures_held)}
      </p>
      {span.attention.length > 0 && (
        <ul class="attention">
          {span.attention.map((reason) => (
            <li key={reason}>{reason}</li>
          ))}
        </ul>
      )}
      {span.sheet && (
        <img
          loading="lazy"
          src={fileOf(job, `sheets/${span.sheet}`)}
          alt={`${span.cue}: eight moments, the plate above and the result below`}
        />
      )}
    </div>
  );
}

function reasons(passed: { first: number; end: number; reason: string }[]): [string, number][] {
  const found = new Map<string, number>();
  for (const { first, end, reason } of passed) {
    found.set(reason, (found.get(reason) ?? 0) + end - first);
  }
  return [...found];
}

/** Where what was delivered lies, for a host that brings it in by hand. */
export function Deliveries({ job }: { job: Job }) {
  const { result } = job;
  if (!result?.name) return null;
  const timelines: [string, string, string][] = [
    ["Master timeline, every language", `${result.name}.otio`, `${result.folder}/${result.name}.otio`],
    ...Object.entries(result.timelines ?? {}).map(
      ([tag, path]): [string, string, string] => [
        `Timeline in ${tag}`,
        `${result.name}.${tag}.otio`,
        path,
      ],
    ),
  ];
  return (
    <section class="deliveries" aria-label="Deliveries">
      <p>
        Import a timeline into your editor: its frames, stems and markers are linked from{" "}
        <span class="path">{result.folder}</span>
        <Copy text={result.folder} label="the folder" />
      </p>
      <ul>
        {timelines.map(([label, name, path]) => (
          <li key={name}>
            <b>{label}</b> <span class="path">{name}</span>
            <Copy text={path} label={name} />
            <a class="button quiet" href={fileOf(job.id, name)} download={name}>
              Download
            </a>
          </li>
        ))}
        {Object.keys(result.previews ?? {}).map((tag) => (
          <li key={tag}>
            <b>Preview in {tag}</b>
            <a
              class="button quiet"
              href={fileOf(job.id, `preview/${result.name}.${tag}.mp4`)}
              download={`${result.name}.${tag}.mp4`}
            >
              Download
            </a>
          </li>
        ))}
        <li>
          <b>Report</b>
          <a class="button quiet" href={fileOf(job.id, "report.html")} target="_blank" rel="noreferrer">
            Open
          </a>
        </li>
      </ul>
    </section>
  );
}
