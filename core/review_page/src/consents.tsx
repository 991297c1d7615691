import { useState } from "preact/hooks";
import { troubleOf, useLoaded } from "./following";
import { withConsent, withRevocation } from "./lines";
import { Dialog, Told } from "./parts";
import { ChoosePlace, PlaceField } from "./places";
import { service } from "./service";
import type { Consent, Holding, Lines, Trouble, Use } from "./types";

const USES: Record<Use, string> = {
  likeness_edit: "Their mouth may be redrawn",
  voice_synthesis: "A synthetic voice may speak for them",
  voice_cloning: "A voice may be made to sound like theirs",
};
const LIKENESSES = { real: "A real person", fictional: "Fictional", unknown: "Not known" };
const PAPERS = [".pdf", ".jpg", ".jpeg", ".png", ".tif", ".docx", ".odt", ".txt"];

/** Who agreed to what; without it lines are rendered as marked drafts. */
export function Consents(props: {
  lines: Lines;
  language: string;
  edit: (lines: Lines) => void;
}) {
  const { lines, language, edit } = props;
  const { cast, cue_sheet } = lines;
  const [holdings, trouble] = useLoaded(() => service.look(cast), JSON.stringify(cast));
  const [recording, setRecording] = useState<string | null>(null);
  const [revoking, setRevoking] = useState<Revoking | null>(null);
  const names = new Set([
    ...cast.speakers.map((one) => one.name),
    ...cue_sheet.cues.map((one) => one.speaker),
  ]);
  return (
    <section class="consents" aria-label="Consents">
      <Told trouble={trouble} />
      {[...names].map((name) => {
        const speaker = cast.speakers.find((one) => one.name === name);
        const likeness = speaker?.likeness ?? "unknown";
        const held = holdings?.filter((one) => one.speaker === name) ?? [];
        return (
          <article key={name} aria-label={name}>
            <h3>
              {name} <span class="mark">{LIKENESSES[likeness]}</span>
            </h3>
            {likeness === "fictional" ? (
              <p class="muted">Nobody’s face or voice: no consent is needed.</p>
            ) : (
              <>
                <ul>
                  {speaker?.consents.map((consent, place) => (
                    <OneConsent
                      key={held[place]?.consent ?? place}
                      consent={consent}
                      held={held[place]}
                      revoke={
                        lines.editable && !consent.revocation && held[place]
                          ? () => setRevoking({ speaker: name, place, consent, held: held[place] })
                          : null
                      }
                    />
                  ))}
                  {!speaker?.consents.length && (
                    <li class="muted">No consent is on record: their lines are marked as drafts.</li>
                  )}
                </ul>
                {lines.editable && (
                  <button type="button" onClick={() => setRecording(name)}>
                    Record a consent of {name}…
                  </button>
                )}
              </>
            )}
          </article>
        );
      })}
      {recording !== null && (
        <Record
          speaker={recording}
          language={language}
          project={cast.project}
          recorded={(consent) => edit(withConsent(lines, recording, consent))}
          close={() => setRecording(null)}
        />
      )}
      {revoking && (
        <Revoke
          revoking={revoking}
          revoked={(revocation) =>
            edit(withRevocation(lines, revoking.speaker, revoking.place, revocation))
          }
          close={() => setRevoking(null)}
        />
      )}
    </section>
  );
}

interface Revoking {
  speaker: string;
  place: number;
  consent: Consent;
  held: Holding | undefined;
}

const usesOf = (consent: Consent) =>
  (Object.keys(USES) as Use[]).filter((use) => consent[use]).map((use) => USES[use]);
const anyOr = (tags: string[], any: string) => (tags.includes("*") ? any : tags.join(", "));

function OneConsent(props: {
  consent: Consent;
  held: Holding | undefined;
  revoke: (() => void) | null;
}) {
  const { consent, held, revoke } = props;
  const holds = held?.doubts.length === 0;
  return (
    <li>
      <p>
        <b>{consent.person}</b>{" "}
        {held && (
          <span class={`mark ${holds ? "approved" : "rejected"}`}>
            {holds ? "Holds" : "Does not hold"}
          </span>
        )}
      </p>
      {held?.doubts.map((why) => (
        <p key={why}>{why}</p>
      ))}
      <p class="muted">
        {usesOf(consent).join(". ")}. {anyOr(consent.languages, "Any language")};{" "}
        {anyOr(consent.territories, "any country")}; from {consent.valid_from}
        {consent.valid_until && ` until ${consent.valid_until}`}
        {consent.project && `; for ${consent.project}`}
        {consent.unmarked && "; the label may be left off"}. Recorded by {consent.recorded_by}
        {held && `, ${held.consent}`}.
      </p>
      {revoke && (
        <button type="button" class="quiet" onClick={revoke}>
          Take back…
        </button>
      )}
    </li>
  );
}

const listed = (text: string) => text.split(/[\s,]+/).filter(Boolean);
const today = () => new Date().toLocaleDateString("sv");

/** Asks for a consent, and has it signed with the production's key. */
function Record(props: {
  speaker: string;
  language: string;
  project: string;
  recorded: (consent: Consent) => void;
  close: () => void;
}) {
  const { speaker, recorded, close } = props;
  const [consent, setConsent] = useState<Consent>({
    person: "",
    role: speaker,
    languages: [],
    territories: [],
    project: props.project,
    likeness_edit: true,
    voice_synthesis: true,
    voice_cloning: false,
    valid_from: today(),
    valid_until: null,
    recorded_by: "",
    evidence: "",
    unmarked: false,
    revocation: null,
    signature: null,
  });
  const [languages, setLanguages] = useState(props.language);
  const [territories, setTerritories] = useState("*");
  const [paper, setPaper] = useState("");
  const [choosing, setChoosing] = useState(false);
  const [trouble, setTrouble] = useState<Trouble | null>(null);
  const change = (fields: Partial<Consent>) => setConsent({ ...consent, ...fields });
  const agreed = usesOf(consent).length > 0 && listed(languages).length > 0;
  const submit = async (event: Event) => {
    event.preventDefault();
    try {
      const given = {
        ...consent,
        languages: listed(languages),
        territories: listed(territories).length ? listed(territories) : ["*"],
      };
      recorded(await service.consent(given, paper));
      close();
    } catch (error) {
      setTrouble(troubleOf(error));
    }
  };
  if (choosing) {
    return (
      <ChoosePlace
        wanted={{ title: "Choose the signed paper", endings: PAPERS }}
        from=""
        chosen={setPaper}
        close={() => setChoosing(false)}
      />
    );
  }
  return (
    <Dialog title={`A consent of ${speaker}`} close={close}>
      <form onSubmit={submit}>
        <label>
          The person’s own name
          <input
            required
            value={consent.person}
            onInput={(e) => change({ person: e.currentTarget.value })}
          />
        </label>
        <div class="checks" role="group" aria-label="What they allow">
          {(Object.keys(USES) as Use[]).map((use) => (
            <label class="check" key={use}>
              <input
                type="checkbox"
                checked={consent[use]}
                onChange={(e) => change({ [use]: e.currentTarget.checked })}
              />
              {USES[use]}
            </label>
          ))}
          <label class="check">
            <input
              type="checkbox"
              checked={consent.unmarked}
              onChange={(e) => change({ unmarked: e.currentTarget.checked })}
            />
            The visible label may be left off
          </label>
        </div>
        <div class="pair">
          <label>
            Languages
            <input required value={languages} onInput={(e) => setLanguages(e.currentTarget.value)} />
            <span class="hint">Tags with commas between them; * for any.</span>
          </label>
          <label>
            Countries
            <input value={territories} onInput={(e) => setTerritories(e.currentTarget.value)} />
            <span class="hint">As in DE, AT; * for any.</span>
          </label>
        </div>
        <div class="pair">
          <label>
            From
            <input
              type="date"
              required
              value={consent.valid_from}
              onInput={(e) => change({ valid_from: e.currentTarget.value })}
            />
          </label>
          <label>
            Until
            <input
              type="date"
              value={consent.valid_until ?? ""}
              onInput={(e) => change({ valid_until: e.currentTarget.value || null })}
            />
          </label>
        </div>
        <div class="pair">
          <label>
            For the project
            <input
              value={consent.project}
              onInput={(e) => change({ project: e.currentTarget.value })}
            />
          </label>
          <label>
            Recorded by
            <input
              required
              value={consent.recorded_by}
              onInput={(e) => change({ recorded_by: e.currentTarget.value })}
            />
          </label>
        </div>
        <PlaceField
          label="Signed paper"
          hint="Its hash is kept, so that nobody can put another in its place."
          path={paper}
          clear={() => setPaper("")}
          choose={() => setChoosing(true)}
        />
        <Told trouble={trouble} />
        <p class="end">
          <button type="submit" class="primary" disabled={!agreed}>
            Sign and record
          </button>
        </p>
      </form>
    </Dialog>
  );
}

/** Asks who takes a consent back, and why. */
function Revoke(props: {
  revoking: Revoking;
  revoked: (revocation: { on: string; recorded_by: string; reason: string }) => void;
  close: () => void;
}) {
  const { revoking, revoked, close } = props;
  const [by, setBy] = useState("");
  const [reason, setReason] = useState("");
  const [trouble, setTrouble] = useState<Trouble | null>(null);
  const submit = async (event: Event) => {
    event.preventDefault();
    try {
      revoked(await service.revoke(revoking.held?.consent ?? "", by, reason));
      close();
    } catch (error) {
      setTrouble(troubleOf(error));
    }
  };
  return (
    <Dialog title={`Take back the consent of ${revoking.consent.person}`} close={close}>
      <form onSubmit={submit}>
        <p>
          Nothing more is made by it on this machine, whichever cast has it. This cannot be undone: a
          new consent can be recorded.
        </p>
        <label>
          Recorded by
          <input required value={by} onInput={(e) => setBy(e.currentTarget.value)} />
        </label>
        <label>
          Why
          <input value={reason} onInput={(e) => setReason(e.currentTarget.value)} />
        </label>
        <Told trouble={trouble} />
        <p class="end">
          <button type="submit" class="primary">
            Take it back
          </button>
        </p>
      </form>
    </Dialog>
  );
}
