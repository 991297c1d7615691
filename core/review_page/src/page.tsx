import { render } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Jobs } from "./jobs";
import { useJobs } from "./following";
import { NewDub } from "./new_dub";
import { Review } from "./review";
import "./page.css";

/** What the address names after its #: jobs/ID/LANGUAGE/CUE, new?FIELDS, or nothing for the list. */
export interface Route {
  view: "jobs" | "new" | "review";
  job: string;
  language: string;
  cue: string;
  given: URLSearchParams;
}

function routeOf(hash: string): Route {
  const [place = "", fields] = hash.replace(/^#\/?/, "").split("?");
  const given = new URLSearchParams(fields);
  const [first = "", ...rest] = place.split("/").map(decodeURIComponent);
  const [job = "", language = "", cue = ""] = rest;
  if (first === "new") return { view: "new", job: "", language: "", cue: "", given };
  return { view: first === "jobs" && job ? "review" : "jobs", job, language, cue, given };
}

function useRoute(): Route {
  const [route, setRoute] = useState(() => routeOf(location.hash));
  useEffect(() => {
    const changed = () => setRoute(routeOf(location.hash));
    addEventListener("hashchange", changed);
    return () => removeEventListener("hashchange", changed);
  }, []);
  return route;
}

function Page() {
  const route = useRoute();
  const { jobs, connected } = useJobs();
  const leaving = useRef<Promise<unknown>>(Promise.resolve());
  return (
    <>
      {!connected && (
        <p class="offline" role="status">
          The service does not answer. What is finished is kept. If this stays, open the page again
          from your host, or run <code>dubwright review</code>.
        </p>
      )}
      {route.view === "jobs" && <Jobs jobs={jobs} />}
      {route.view === "new" && <NewDub given={route.given} />}
      {route.view === "review" && (
        <Review key={route.job} route={route} jobs={jobs ?? []} leaving={leaving} />
      )}
    </>
  );
}

const page = document.getElementById("page");
if (page) render(<Page />, page);
