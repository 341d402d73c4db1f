import { useCallback, useEffect, useState } from "preact/hooks";
import { SORTS, WINDOWS, type Sort, type WindowLabel } from "../live/wire";

/** What the page shows. All of it is in the address, so that a link or a wall display needs no login. */
export interface Place {
  site: string | null;
  window: WindowLabel;
  sort: Sort;
  post: string | null;
  filter: string;
  wall: boolean;
  /** A theme that the address asks for, for screens where nobody can press a button. */
  theme: "light" | "dark" | null;
  /** The secret of a site that has one. */
  secret: string | null;
}

const DEFAULT_WINDOW: WindowLabel = "4h";
const DEFAULT_SORT: Sort = "views";

function oneOf<T extends string>(allowed: readonly T[], text: string | null, otherwise: T): T {
  return allowed.find((value) => value === text) ?? otherwise;
}

export function readPlace(search: string): Place {
  const query = new URLSearchParams(search);
  const theme = query.get("theme");
  return {
    site: query.get("site") || null,
    window: oneOf(WINDOWS, query.get("window"), DEFAULT_WINDOW),
    sort: oneOf(SORTS, query.get("sort"), DEFAULT_SORT),
    post: query.get("post") || null,
    filter: query.get("q") ?? "",
    wall: query.get("wall") === "1",
    theme: theme === "light" || theme === "dark" ? theme : null,
    secret: query.get("secret") || null,
  };
}

export function placeHref(place: Place): string {
  const query = new URLSearchParams();
  if (place.site) query.set("site", place.site);
  if (place.window !== DEFAULT_WINDOW) query.set("window", place.window);
  if (place.sort !== DEFAULT_SORT) query.set("sort", place.sort);
  if (place.filter) query.set("q", place.filter);
  if (place.wall) query.set("wall", "1");
  if (place.theme) query.set("theme", place.theme);
  if (place.post) query.set("post", place.post);
  if (place.secret) query.set("secret", place.secret);
  const text = query.toString();
  return text ? `?${text}` : "./";
}

export type Go = (change: Partial<Place>, how?: "push" | "replace") => void;

export function usePlace(): [Place, Go] {
  const [place, setPlace] = useState(() => readPlace(location.search));

  useEffect(() => {
    const onBack = () => setPlace(readPlace(location.search));
    addEventListener("popstate", onBack);
    return () => removeEventListener("popstate", onBack);
  }, []);

  const go = useCallback<Go>((change, how = "push") => {
    // The address bar is read, not the last render, so that two changes in one event both count.
    const next = { ...readPlace(location.search), ...change };
    const href = placeHref(next);
    if (how === "push") history.pushState(null, "", href);
    else history.replaceState(null, "", href);
    setPlace(next);
  }, []);

  return [place, go];
}
