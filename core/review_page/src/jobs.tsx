import { useState } from "preact/hooks";
import { troubleOf } from "./following";
import { StateMark, Told } from "./parts";
import { service, thumbnailOf } from "./service";
import { inWords } from "./time";
import type { Job, Trouble } from "./types";

const OPERATIONS = {
  dub: "Dub",
  lip_sync: "Lip-sync",
  reconform: "New cut",
  animate: "Character",
};

export function nameOf(job: Job): string {
  return job.title || job.result?.name || `${OPERATIONS[job.operation]} ${job.id.slice(0, 6)}`;
}

export function Jobs({ jobs }: { jobs: Job[] | null }) {
  return (
    <>
      <header class="bar">
        <a class="brand" href="#/">
          <img src="icon.svg" alt="" width="22" height="22" /> Dubwright
        </a>
        <h1>Jobs</h1>
        <span class="grow" />
        <a class="button primary" href="#/new">
          New dub
        </a>
      </header>
      <main class="jobs">
        {jobs === null && <p class="empty">Loading…</p>}
        {jobs?.length === 0 && (
          <section class="empty">
            <h2>Nothing has been asked for yet</h2>
            <p>
              Start a dub from your editor or compositor, from the command line, or here from a
              timeline that you exported: <a href="#/new">New dub</a>.
            </p>
          </section>
        )}
        {jobs && jobs.length > 0 && (
          <ol class="cards">
            {jobs.map((job) => (
              <JobCard key={job.id} job={job} />
            ))}
          </ol>
        )}
      </main>
    </>
  );
}

function JobCard({ job }: { job: Job }) {
  const [trouble, setTrouble] = useState<Trouble | null>(null);
  const act = (does: Promise<unknown>) =>
    does.then(
      () => setTrouble(null),
      (error: unknown) => setTrouble(troubleOf(error)),
    );
  const active = job.state === "running" || job.state === "queued" || job.state === "paused";
  const name = nameOf(job);
  return (
    <li class="card" data-job={job.id}>
      <Thumbnail job={job} />
      <div class="about">
        <h2>
          {name} <StateMark state={job.state} />
        </h2>
        <p class="muted">
          {OPERATIONS[job.operation]}
          {job.result && <> · {job.result.folder}</>}
        </p>
        {active && <Progress job={job} />}
        <Told trouble={trouble ?? job.error ?? job.reason} />
      </div>
      <div class="actions">
        {job.state === "done" && job.result?.name && (
          <a class="button primary" href={`#/jobs/${job.id}`} aria-label={`Review ${name}`}>
            Review
          </a>
        )}
        {(job.state === "running" || job.state === "queued") && (
          <button type="button" onClick={() => act(service.act(job.id, "pause"))}>
            Pause
          </button>
        )}
        {job.state === "paused" && (
          <button type="button" onClick={() => act(service.act(job.id, "resume"))}>
            Resume
          </button>
        )}
        {active && (
          <>
            <button
              type="button"
              onClick={() => act(service.prioritise(job.id, Math.min(1000, job.priority + 1)))}
            >
              Sooner{job.priority > 0 && ` (+${job.priority})`}
            </button>
            <button type="button" onClick={() => act(service.act(job.id, "cancel"))}>
              Cancel
            </button>
          </>
        )}
        {(job.state === "failed" || job.state === "cancelled") && (
          <button type="button" onClick={() => act(service.act(job.id, "retry"))}>
            Retry
          </button>
        )}
      </div>
    </li>
  );
}

/** The newest drawn frame, shown as soon as there is one. */
function Thumbnail({ job }: { job: Job }) {
  const [missing, setMissing] = useState(-1);
  const drawn = job.operation !== "animate" && missing !== job.done;
  return (
    <div class="thumbnail">
      {drawn && <img src={thumbnailOf(job)} alt="" onError={() => setMissing(job.done)} />}
    </div>
  );
}

export function Progress({ job }: { job: Job }) {
  const share = job.total ? job.done / job.total : 0;
  const passed = job.started ? Date.now() / 1000 - job.started : 0;
  const left = share > 0.02 ? (passed / share) * (1 - share) : 0;
  return (
    <div class="progress">
      <progress max={1} value={job.total ? share : undefined} aria-label="Progress" />
      <span class="muted">
        {job.state === "queued" ? "waiting for its turn" : job.label}
        {job.state === "running" && left > 0 && ` · about ${inWords(left)} left`}
      </span>
    </div>
  );
}
