import type { Place } from "../state/place";

/** Addresses are relative to the page, so that a proxy may serve it under a path of its own. */
export function absolute(path: string): string {
  return new URL(path, document.baseURI).href;
}

export function streamAddress(place: Place, site: string): string {
  const query = new URLSearchParams({ site, window: place.window, sort: place.sort });
  if (place.post) query.set("post", place.post);
  if (place.secret) query.set("secret", place.secret);
  return absolute(`live/stream?${query}`);
}

export function sitesAddress(secret: string | null): string {
  const query = secret ? `?${new URLSearchParams({ secret })}` : "";
  return absolute(`live/sites${query}`);
}

/** Text from a page's own metadata may hold any scheme; only web addresses become links. */
export function webLink(text: string | null | undefined): string | null {
  if (!text) return null;
  try {
    const url = new URL(text);
    return url.protocol === "http:" || url.protocol === "https:" ? url.href : null;
  } catch {
    return null;
  }
}
