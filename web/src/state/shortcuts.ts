import { useEffect, useRef, useState } from "preact/hooks";
import { WINDOWS, type Site } from "../live/wire";
import { focusFilter, stepThroughList } from "./focus";
import { keep, recall } from "./memory";
import type { Go, Place } from "./place";

interface Actions {
  place: Place;
  go: Go;
  sites: Site[];
  site: string | null;
  nextTheme(): void;
  openHelp(): void;
}

/** Whether single letters act. People who dictate text can switch them off, in the help. */
export interface Shortcuts {
  on: boolean;
  set(on: boolean): void;
}

function typing(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.matches("input:not([type=radio]):not([type=checkbox]), select, textarea");
}

function press(key: string, { place, go, sites, site, nextTheme, openHelp }: Actions): boolean {
  const window = WINDOWS[Number(key) - 1];
  if (window) go({ window });
  else if (key === "j") stepThroughList(1);
  else if (key === "k") stepThroughList(-1);
  else if (key === "/") focusFilter();
  else if (key === "t") nextTheme();
  else if (key === "w") go({ wall: !place.wall, post: null });
  else if (key === "?") openHelp();
  else if (key === "s" && sites.length > 1) {
    const next = sites[(sites.findIndex((one) => one.id === site) + 1) % sites.length];
    if (next) go({ site: next.id, post: null, filter: "" });
  } else return false;
  return true;
}

export function useShortcuts(actions: Actions): Shortcuts {
  const [on, setOn] = useState(() => recall("letters") !== "off");
  const latest = useRef({ actions, on });
  latest.current = { actions, on };

  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const { actions, on } = latest.current;
      // A dialog has keys of its own, and the browser keeps its own combinations.
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
      if (document.querySelector("dialog[open]")) return;
      if (event.key === "Escape") {
        if (actions.place.post) actions.go({ post: null });
        else if (actions.place.wall) actions.go({ wall: false });
        return;
      }
      if (on && !typing(event.target) && press(event.key, actions)) event.preventDefault();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);

  return {
    on,
    set(value) {
      keep("letters", value ? null : "off");
      setOn(value);
    },
  };
}
