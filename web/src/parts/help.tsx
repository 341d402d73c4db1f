import { useEffect, useRef } from "preact/hooks";
import { WINDOWS } from "../live/wire";
import type { Shortcuts } from "../state/shortcuts";
import { Icon } from "./icon";

const KEYS: [keys: string[], what: string][] = [
  [["↑", "↓"], "move through the list, once it has the focus"],
  [["j", "k"], "the same from anywhere"],
  [["Enter"], "open or close a post's detail"],
  [["Esc"], "close the detail, or leave the big board"],
  [["/"], "filter the list"],
  [["1", "…", String(WINDOWS.length)], `choose a window, from ${WINDOWS[0]} to ${WINDOWS.at(-1)}`],
  [["s"], "next site"],
  [["w"], "big board on and off"],
  [["t"], "light or dark"],
  [["?"], "this help"],
];

interface Props {
  open: boolean;
  onClose(): void;
  shortcuts: Shortcuts;
}

export function Help({ open, onClose, shortcuts }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    if (open) dialog.current?.showModal();
    else dialog.current?.close();
  }, [open]);

  return (
    <dialog class="help" ref={dialog} onClose={onClose} aria-labelledby="help-title">
      <div class="panel-head">
        <h2 id="help-title">Keys and addresses</h2>
        <button type="button" class="tool" onClick={onClose} aria-label="Close the help">
          <Icon name="close" />
        </button>
      </div>
      <dl class="keys">
        {KEYS.map(([keys, what]) => (
          <div key={what}>
            <dt>{keys.map((key) => (key === "…" ? " … " : <kbd key={key}>{key}</kbd>))}</dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <label class="check">
        <input type="checkbox" checked={shortcuts.on} onChange={(event) => shortcuts.set(event.currentTarget.checked)} />
        Single letters and digits act as shortcuts
      </label>
      <p>
        The address of this page holds all that it shows. For a wall display, open the big board and copy the
        address; <code>theme=dark</code> in it fixes the colours.
      </p>
    </dialog>
  );
}
