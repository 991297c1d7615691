import { useState } from "preact/hooks";
import { troubleOf, useLoaded } from "./following";
import { Told } from "./parts";
import { ChoosePlace, fileNameOf, folderOf, joined, PlaceField, type Wanted } from "./places";
import { service } from "./service";
import type { Trouble } from "./types";

const TIMELINES = [".otio", ".otioz", ".edl", ".xml", ".aaf", ".mov", ".mp4", ".mxf", ".mkv", ".m4v"];
const SUBTITLES = [".srt", ".vtt", ".ass", ".ttml"];
// The spaces that plates are most often in, as OCIO's own configs name them.
const SPACES = [
  "ACEScg",
  "ACES2065-1",
  "Linear Rec.709 (sRGB)",
  "Camera Rec.709",
  "ARRI LogC4",
  "ARRI LogC3 (EI800)",
  "S-Log3 S-Gamut3.Cine",
  "Log3G10 REDWideGamutRGB",
];
const TAG = /^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$/;
const TAG_IN_NAME = /\.([a-z]{2,3}(?:-[A-Za-z0-9]{2,8})*)\.[a-z]+$/;

interface Picking {
  wanted: Wanted;
  chosen: (path: string) => void;
}

/** Asks for a dub of a timeline that was exported from any host, which may have filled fields in. */
export function NewDub({ given }: { given: URLSearchParams }) {
  const [timeline, setTimeline] = useState(given.get("timeline") ?? "");
  const [subtitles, setSubtitles] = useState<Record<string, string>>({});
  const [sheet, setSheet] = useState("");
  const [cast, setCast] = useState("");
  const [output, setOutput] = useState(given.get("output") ?? "");
  const [languages, setLanguages] = useState("");
  const [original, setOriginal] = useState("");
  const [space, setSpace] = useState(given.get("colour_space") ?? "");
  const [unmarked, setUnmarked] = useState(false);
  const [picking, setPicking] = useState<Picking | null>(null);
  const [trouble, setTrouble] = useState<Trouble | null>(null);
  const [capabilities] = useLoaded(service.capabilities, "once");
  const spoken = [...new Set(Object.values(capabilities?.languages.synthesizer ?? {}).flat())];
  const wanted = languages.split(/[\s,]+/).filter(Boolean);
  const wrong = wanted.filter((tag) => !TAG.test(tag));
  const ready = timeline && output && wanted.length && !wrong.length;

  const pick = (title: string, endings: string[], chosen: (path: string) => void) =>
    setPicking({ wanted: { title, endings }, chosen });
  const choseTimeline = (path: string) => {
    setTimeline(path);
    if (!output) setOutput(joined(folderOf(path), "dubs"));
  };
  const choseSubtitles = (path: string) => {
    const tag = TAG_IN_NAME.exec(path)?.[1];
    if (!tag) {
      setTrouble({
        what: "The language of the subtitles is unknown",
        where: fileNameOf(path),
        why: "its name has no language tag",
        repair: "name it like lines.es.srt",
      });
      return;
    }
    setTrouble(null);
    setSubtitles({ ...subtitles, [tag]: path });
  };
  const submit = async (event: Event) => {
    event.preventDefault();
    try {
      await service.dub(
        {
          timeline,
          output,
          languages: wanted,
          subtitles,
          cue_sheet: sheet || null,
          cast: cast || null,
          original: original || null,
          colour_space: space.trim() || null,
          unmarked,
        },
        fileNameOf(timeline).replace(/\.[^.]*$/, ""),
        timeline === given.get("timeline") ? (given.get("tag") ?? "") : "",
      );
      location.hash = "#/";
    } catch (error) {
      setTrouble(troubleOf(error));
    }
  };

  return (
    <>
      <header class="bar">
        <a class="brand" href="#/">
          <img src="icon.svg" alt="" width="22" height="22" /> Dubwright
        </a>
        <h1>New dub</h1>
      </header>
      <main class="form">
        <form onSubmit={submit}>
          <PlaceField
            label="Timeline"
            hint="A timeline that your editor exported (OTIO, EDL, XML, AAF), or a movie."
            path={timeline}
            clear={() => setTimeline("")}
            choose={() => pick("Choose a timeline", TIMELINES, choseTimeline)}
          />
          <fieldset>
            <legend>Lines</legend>
            <p class="hint">
              Subtitles for each language, and for the original if you have them: the actor’s own
              way of speaking is learned from those. Or one cue sheet.
            </p>
            <ul class="chosen">
              {Object.entries(subtitles).map(([tag, path]) => (
                <li key={tag}>
                  <b>{tag}</b> {fileNameOf(path)}
                  <button
                    type="button"
                    class="quiet"
                    aria-label={`Remove the ${tag} subtitles`}
                    onClick={() => {
                      const { [tag]: _, ...others } = subtitles;
                      setSubtitles(others);
                    }}
                  >
                    ✕
                  </button>
                </li>
              ))}
            </ul>
            <button
              type="button"
              onClick={() => pick("Choose subtitles", SUBTITLES, choseSubtitles)}
            >
              Add subtitles…
            </button>
            <PlaceField
              label="Cue sheet"
              hint=""
              path={sheet}
              clear={() => setSheet("")}
              choose={() => pick("Choose a cue sheet", [".json"], setSheet)}
            />
          </fieldset>
          <div class="pair">
            <label>
              Into
              <input
                value={languages}
                list="languages"
                placeholder="es, fr"
                required
                aria-describedby="wrong-tags"
                onInput={(e) => setLanguages(e.currentTarget.value)}
              />
              <span id="wrong-tags" class="hint">
                {wrong.length
                  ? `${wrong.join(", ")}: a tag looks like es or pt-BR`
                  : "Language tags, with commas between them."}
              </span>
            </label>
            <label>
              From
              <input
                value={original}
                list="languages"
                placeholder="en"
                onInput={(e) => setOriginal(e.currentTarget.value)}
              />
              <span class="hint">The language on the plate.</span>
            </label>
          </div>
          <datalist id="languages">
            {spoken.map((tag) => (
              <option key={tag} value={tag} />
            ))}
          </datalist>
          <label>
            Colour space
            <input value={space} list="spaces" onInput={(e) => setSpace(e.currentTarget.value)} />
            <span class="hint">
              Of plates and movies that do not name theirs, as the show’s OCIO config calls it.
            </span>
          </label>
          <datalist id="spaces">
            {SPACES.map((name) => (
              <option key={name} value={name} />
            ))}
          </datalist>
          <PlaceField
            label="Cast"
            hint="Who speaks, and what they consented to. Without it the result is a marked draft."
            path={cast}
            clear={() => setCast("")}
            choose={() => pick("Choose a cast", [".json"], setCast)}
          />
          <label class="check">
            <input
              type="checkbox"
              checked={unmarked}
              onChange={(e) => setUnmarked(e.currentTarget.checked)}
            />
            Leave the visible label off, where every consent allows that
          </label>
          <PlaceField
            label="Output"
            hint="The folder that receives v001, v002…"
            path={output}
            clear={() => setOutput("")}
            choose={() => pick("Choose a folder", [], setOutput)}
          />
          <Told trouble={trouble} />
          <p class="end">
            <a class="button" href="#/">
              Back
            </a>
            <button type="submit" class="primary" disabled={!ready}>
              Dub it
            </button>
          </p>
        </form>
      </main>
      {picking && (
        <ChoosePlace
          wanted={picking.wanted}
          from={timeline ? folderOf(timeline) : ""}
          chosen={picking.chosen}
          close={() => setPicking(null)}
        />
      )}
    </>
  );
}
