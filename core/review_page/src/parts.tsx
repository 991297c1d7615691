// Small parts that several views share.
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { JobState, Trouble } from "./types";

export function Told({ trouble }: { trouble: Trouble | null }) {
  if (!trouble) return null;
  return (
    <div class="trouble" role="alert">
      <strong>{trouble.what ?? trouble.why ?? "The service refused"}</strong>
      <dl>
        {trouble.where && (
          <>
            <dt>Where</dt>
            <dd>{trouble.where}</dd>
          </>
        )}
        {trouble.what && trouble.why && (
          <>
            <dt>Why</dt>
            <dd>{trouble.why}</dd>
          </>
        )}
        {trouble.repair && (
          <>
            <dt>Repair</dt>
            <dd>{trouble.repair}</dd>
          </>
        )}
      </dl>
    </div>
  );
}

const STATES: Record<JobState, string> = {
  queued: "Waiting",
  running: "Running",
  paused: "Paused",
  done: "Done",
  failed: "Failed",
  cancelled: "Cancelled",
};

export function StateMark({ state }: { state: JobState }) {
  return <span class={`mark ${state}`}>{STATES[state]}</span>;
}

/** A modal dialog while it is mounted; Escape and the close button call `close`. */
export function Dialog(props: { title: string; close: () => void; children: ComponentChildren }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    dialog.current?.showModal();
  }, []);
  return (
    <dialog ref={dialog} aria-labelledby="dialog-title" onClose={props.close}>
      <header>
        <h2 id="dialog-title">{props.title}</h2>
        <button type="button" class="quiet" aria-label="Close" onClick={() => dialog.current?.close()}>
          ✕
        </button>
      </header>
      {props.children}
    </dialog>
  );
}

/** Copies a text and says so. */
export function Copy({ text, label }: { text: string; label: string }) {
  const copy = async (event: Event) => {
    const button = event.currentTarget as HTMLButtonElement;
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
    setTimeout(() => {
      button.textContent = "Copy path";
    }, 1500);
  };
  return (
    <button type="button" class="quiet" aria-label={`Copy the path of ${label}`} onClick={copy}>
      Copy path
    </button>
  );
}
