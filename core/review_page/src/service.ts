// Calls to the service. Paths are relative: the page lives at a place of its session's own.
import type {
  Capabilities,
  Cast,
  Consent,
  Decision,
  DubRequest,
  Holding,
  Job,
  Lines,
  Places,
  PlayerData,
  Publication,
  PublishAsked,
  Report,
  Revocation,
  Trouble,
} from "./types";

export class Refused extends Error {
  constructor(
    readonly status: number,
    readonly trouble: Trouble,
  ) {
    super(trouble.what ?? trouble.why ?? `the service refused the call (${status})`);
  }
}

const KEPT_ALIVE = 20_000;

async function call<T>(path: string, body?: unknown): Promise<T> {
  const content = body === undefined ? null : JSON.stringify(body);
  const asked: RequestInit =
    content === null
      ? {}
      : {
          method: "POST",
          headers: { "Content-Type": "application/json" },
          body: content,
          // An edit is kept even when its tab is closed at once; browsers allow so much.
          keepalive: content.length < KEPT_ALIVE,
        };
  let answer: Response;
  try {
    answer = await fetch(path, { ...asked, cache: "no-store" });
  } catch {
    throw new Refused(0, {
      why: "the service does not answer",
      repair: "open the page again from your host, or with `dubwright review`",
    });
  }
  if (!answer.ok) {
    const told = (await answer.json().catch(() => ({}))) as {
      detail?: Trouble;
      refused?: string;
    };
    throw new Refused(answer.status, told.detail ?? { why: told.refused ?? answer.statusText });
  }
  return (await answer.json()) as T;
}

const inJob = (id: string, path: string) => `v1/jobs/${id}/${path}`;

export const fileOf = (id: string, name: string) =>
  inJob(id, `files/${name.split("/").map(encodeURIComponent).join("/")}`);
export const thumbnailOf = (job: Job) => inJob(job.id, `thumbnail?at=${job.done}`);

export const service = {
  jobs: () => call<Job[]>("v1/jobs?limit=300"),
  job: (id: string) => call<Job>(`v1/jobs/${id}`),
  act: (id: string, action: "pause" | "resume" | "cancel" | "retry") =>
    call<Job>(inJob(id, action), {}),
  prioritise: (id: string, priority: number) => call<Job>(inJob(id, "priority"), { priority }),
  dub: (request: Partial<DubRequest>, title: string, tag: string) =>
    call<Job>("v1/jobs", { operation: "dub", request, title, tag }),
  lines: (id: string) => call<Lines>(inJob(id, "lines")),
  save: (id: string, lines: Lines) =>
    call<Lines>(inJob(id, "lines"), {
      revision: lines.revision,
      cue_sheet: lines.cue_sheet,
      cast: lines.cast,
    }),
  revise: (id: string) => call<Job>(inJob(id, "revise"), {}),
  decisions: (id: string) => call<Decision[]>(inJob(id, "review")),
  decide: (
    id: string,
    word: { cue: string; language: string; verdict: Decision["verdict"] | null; note: string },
  ) => call<Decision[]>(inJob(id, "review"), word),
  look: (cast: Cast) => call<Holding[]>("v1/consents/look", { cast }),
  consent: (consent: Consent, evidence: string) =>
    call<Consent>("v1/consents", { consent, evidence }),
  revoke: (consent: string, by: string, reason: string) =>
    call<Revocation>("v1/consents/revoke", { consent, by, reason }),
  presets: () => call<Record<string, string>>("v1/presets"),
  publication: (id: string) => call<Publication | null>(inJob(id, "publication")),
  publish: (id: string, asked: PublishAsked) =>
    call<Publication>(inJob(id, "publication"), asked),
  cancelPublication: (id: string) =>
    call<Publication | null>(inJob(id, "publication/cancel"), {}),
  anew: (id: string) => call<Job>(inJob(id, "anew"), {}),
  report: (id: string) => call<Report>(fileOf(id, "report.json")),
  player: (id: string) => call<PlayerData>(fileOf(id, "preview/player.json")),
  delivered: <T>(id: string, document: string) => call<T>(fileOf(id, `${document}.json`)),
  places: (folder: string) => call<Places>(`v1/places?folder=${encodeURIComponent(folder)}`),
  capabilities: () => call<Capabilities>("v1/capabilities"),
};

/** Calls `heard` for each job that changes, until the returned function is called. */
export function followJobs(heard: (id: string) => void, connected: (is: boolean) => void) {
  const stream = new EventSource("v1/events");
  stream.onopen = () => connected(true);
  stream.onerror = () => connected(false);
  stream.onmessage = (event) => heard((JSON.parse(event.data) as { job: string }).job);
  return () => stream.close();
}
