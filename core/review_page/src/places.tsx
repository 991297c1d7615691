import { useState } from "preact/hooks";
import { useLoaded } from "./following";
import { Dialog, Told } from "./parts";
import { service } from "./service";

export interface Wanted {
  title: string;
  /** How names end, with their dots; a folder is chosen where it is empty. */
  endings: string[];
}

/** Lets a person choose a file, or a folder, of those that were opened to Dubwright. */
export function ChoosePlace(props: {
  wanted: Wanted;
  from: string;
  chosen: (path: string) => void;
  close: () => void;
}) {
  const [folder, setFolder] = useState(props.from);
  const [places, trouble] = useLoaded(() => service.places(folder), folder);
  const { endings } = props.wanted;
  const files =
    places?.files.filter((name) => endings.some((end) => name.toLowerCase().endsWith(end))) ?? [];
  const inside = (name: string) => (places?.folder ? joined(places.folder, name) : name);
  const choose = (path: string) => {
    props.chosen(path);
    props.close();
  };
  return (
    <Dialog title={props.wanted.title} close={props.close}>
      <p class="path">{places?.folder || "Folders that are open to Dubwright"}</p>
      <Told trouble={trouble} />
      <ul class="places">
        {(trouble || (places && places.parent !== null)) && (
          <li>
            <button type="button" class="place" onClick={() => setFolder(places?.parent ?? "")}>
              ↑ Up
            </button>
          </li>
        )}
        {places?.folders.map((name) => (
          <li key={name}>
            <button type="button" class="place folder" onClick={() => setFolder(inside(name))}>
              {name}
            </button>
          </li>
        ))}
        {files.map((name) => (
          <li key={name}>
            <button type="button" class="place" onClick={() => choose(inside(name))}>
              {name}
            </button>
          </li>
        ))}
        {places && !files.length && !places.folders.length && (
          <li class="muted">Nothing to choose here.</li>
        )}
      </ul>
      {!endings.length && places?.folder && (
        <button type="button" class="primary" onClick={() => choose(places.folder)}>
          Use this folder
        </button>
      )}
      <p class="muted">
        Another folder is opened with <code>dubwright allow FOLDER</code>.
      </p>
    </Dialog>
  );
}

/** A path that is chosen, with the buttons that choose and clear it. */
export function PlaceField(props: {
  label: string;
  hint: string;
  path: string;
  choose: () => void;
  clear: () => void;
}) {
  return (
    <div class="place-field" role="group" aria-label={props.label}>
      <span class="label">{props.label}</span>
      <span class="path">{props.path || "not chosen"}</span>
      {props.path && (
        <button type="button" class="quiet" aria-label={`Clear ${props.label}`} onClick={props.clear}>
          ✕
        </button>
      )}
      <button type="button" aria-label={`Choose ${props.label}`} onClick={props.choose}>
        Choose…
      </button>
      {props.hint && <span class="hint">{props.hint}</span>}
    </div>
  );
}

export function joined(folder: string, name: string): string {
  const separator = folder.includes("\\") ? "\\" : "/";
  return folder.endsWith(separator) ? folder + name : folder + separator + name;
}

export const folderOf = (path: string) => path.replace(/[\\/][^\\/]*$/, "");
export const fileNameOf = (path: string) => path.replace(/^.*[\\/]/, "");
