import { useEffect, useState } from "preact/hooks";
import { useLatest } from "./following";
import { Dialog } from "./parts";

/** What keys do, in the order that the help lists them. */
export const KEYS: [string, string][] = [
  ["Space", "play or pause"],
  ["J K L", "backwards, pause, forwards; again for faster"],
  ["← →", "a frame back or on; with Shift a second"],
  ["↑ ↓", "the cue before or after"],
  ["P", "play the cue alone"],
  ["A", "original or dub"],
  ["W", "wipe between the two"],
  ["1 to 9", "the language"],
  ["E", "edit the line; Escape leaves it"],
  ["U", "undo the last edit"],
  ["Y", "approve the cue"],
  ["N", "write a note; Reject sends it back"],
  ["?", "this help"],
];
const SETTING = "dubwright-single-keys";
const REPEATED = /^(Arrow.*|u)$/;

const TEXT = "textarea, select, input:not([type=radio], [type=checkbox], [type=range])";
const PRESSED = "button, a, summary";

// A cookie, for cookies do not know ports, and the service's is another each time.
const isOn = () => !document.cookie.split("; ").includes(`${SETTING}=off`);
const turn = (on: boolean) => {
  document.cookie = `${SETTING}=${on ? "on" : "off"}; path=/; max-age=31536000; samesite=strict`;
};

/** Calls `pressed` with keys that are not meant for the field or button that has the focus. */
export function useKeys(pressed: (key: string, shift: boolean) => boolean) {
  const latest = useLatest(pressed);
  useEffect(() => {
    const heard = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
      const at = event.target instanceof Element ? event.target : null;
      if (document.querySelector("dialog[open]")) return;
      if (at?.matches(TEXT)) {
        if (event.key === "Escape" && at instanceof HTMLElement) at.blur();
        return;
      }
      if (event.repeat && !REPEATED.test(event.key)) return;
      if (event.key === "Enter" && at?.matches(PRESSED)) return;
      // Space plays where it would do nothing else: on a cue and on a choice that is made.
      if (event.key === " " && at?.matches(`:is(${PRESSED}, input):not(.cue, [type=radio])`)) return;
      if (event.key.startsWith("Arrow") && at?.matches("input")) return;
      if (event.key !== "?" && !isOn()) return;
      if (latest(event.key, event.shiftKey)) event.preventDefault();
    };
    addEventListener("keydown", heard);
    return () => removeEventListener("keydown", heard);
  }, []);
}

export function KeyHelp({ close }: { close: () => void }) {
  const [on, setOn] = useState(isOn);
  return (
    <Dialog title="Keys" close={close}>
      <table class="keys">
        <tbody>
          {KEYS.map(([key, does]) => (
            <tr key={key}>
              <th scope="row">
                <kbd>{key}</kbd>
              </th>
              <td>{does}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <label class="check">
        <input
          type="checkbox"
          checked={on}
          onChange={(e) => {
            turn(e.currentTarget.checked);
            setOn(e.currentTarget.checked);
          }}
        />
        Single keys are shortcuts
      </label>
    </Dialog>
  );
}
