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
const SETTING = "single-key shortcuts";

const TEXT = "textarea, select, input:not([type=radio], [type=checkbox], [type=range])";
const PRESSED = "button, a, summary";

const isOn = () => localStorage.getItem(SETTING) !== "off";

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
      if (at?.matches(PRESSED) && (event.key === " " || event.key === "Enter")) return;
      if (at?.matches("input") && (event.key === " " || event.key.startsWith("Arrow"))) return;
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
            localStorage.setItem(SETTING, e.currentTarget.checked ? "on" : "off");
            setOn(e.currentTarget.checked);
          }}
        />
        Single keys are shortcuts
      </label>
    </Dialog>
  );
}
