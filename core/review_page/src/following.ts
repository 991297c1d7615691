import { useEffect, useRef, useState } from "preact/hooks";
import { followJobs, Refused, service } from "./service";
import type { Job, Trouble } from "./types";

const ASK_EVERY_MS = 250;

/** Every job, the newest first, kept up to date. null until they are known. */
export function useJobs(): { jobs: Job[] | null; connected: boolean } {
  const [jobs, setJobs] = useState<Job[] | null>(null);
  const [connected, setConnected] = useState(true);
  useEffect(() => {
    const changed = new Set<string>();
    const all = () => service.jobs().then(setJobs, () => setConnected(false));
    const ask = async () => {
      const ids = [...changed];
      changed.clear();
      const found = await Promise.all(ids.map((id) => service.job(id).catch(() => null)));
      if (found.length) setJobs((before) => merged(before ?? [], found.filter((job) => job !== null)));
    };
    const follow = () =>
      followJobs(
        (id) => changed.add(id),
        (is) => {
          setConnected(is);
          if (is) void all();
        },
      );
    // A browser opens six connections to one server: tabs that nobody sees must not hold one.
    let stop = document.hidden ? () => {} : follow();
    const seen = () => {
      stop();
      stop = document.hidden ? () => {} : follow();
    };
    document.addEventListener("visibilitychange", seen);
    const timer = setInterval(() => void ask(), ASK_EVERY_MS);
    void all();
    return () => {
      stop();
      document.removeEventListener("visibilitychange", seen);
      clearInterval(timer);
    };
  }, []);
  return { jobs, connected };
}

function merged(before: Job[], found: Job[]): Job[] {
  const now = new Map(before.map((job) => [job.id, job]));
  for (const job of found) now.set(job.id, job);
  return [...now.values()].sort((a, b) => b.submitted - a.submitted);
}

/** What went wrong, in a form that can be shown. */
export function troubleOf(error: unknown): Trouble {
  if (error instanceof Refused) return error.trouble;
  return { why: error instanceof Error ? error.message : String(error) };
}

/** Something loaded from the service; loaded anew when `of` changes. */
export function useLoaded<T>(load: () => Promise<T>, of: unknown): [T | null, Trouble | null] {
  const [value, setValue] = useState<T | null>(null);
  const [trouble, setTrouble] = useState<Trouble | null>(null);
  useEffect(() => {
    let wanted = true;
    setTrouble(null);
    load().then(
      (loaded) => wanted && setValue(() => loaded),
      (error: unknown) => wanted && setTrouble(troubleOf(error)),
    );
    return () => {
      wanted = false;
    };
  }, [of]);
  return [value, trouble];
}

/** A function that always does what its newest form does, and never changes itself. */
export function useLatest<Arguments extends unknown[], Result>(
  does: (...given: Arguments) => Result,
): (...given: Arguments) => Result {
  const newest = useRef(does);
  newest.current = does;
  const [constant] = useState(() => (...given: Arguments) => newest.current(...given));
  return constant;
}
