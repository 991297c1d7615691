// Small parts that several views share.
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
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
    const before = document.activeElement;
    dialog.current?.showModal();
    return () => {
      if (before instanceof HTMLElement) before.focus();
    };
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

/** A field whose text is taken when it is left or Enter is pressed, and shows what came of it. */
export function Draft(props: {
  value: string;
  take: (text: string) => void;
  disabled: boolean;
  onKey?: (event: KeyboardEvent) => void;
  about?: { class?: string; title?: string; list?: string; required?: boolean };
  number?: { min: number; max: number; step: number };
}) {
  const { value, take, onKey } = props;
  const [draft, setDraft] = useState<string | null>(null);
  // A key may end the draft and have the field left before the page is drawn again.
  const typed = useRef<string | null>(null);
  const type = (text: string | null) => {
    typed.current = text;
    setDraft(text);
  };
  const done = () => {
    const text = typed.current;
    type(null);
    if (text !== null && text !== value) take(text);
  };
  return (
    <input
      {...props.about}
      {...props.number}
      type={props.number ? "number" : "text"}
      value={draft ?? value}
      disabled={props.disabled}
      onInput={(e) => type(e.currentTarget.value)}
      onBlur={done}
      onKeyDown={(e) => {
        if (e.key === "Enter") done();
        else if (e.key === "Escape") type(null);
        onKey?.(e);
      }}
    />
  );
}
