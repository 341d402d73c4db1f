/** What this browser remembers. Storage may be forbidden; then the page simply forgets. */

const PREFIX = "tidemill.";

export function recall(name: string): string | null {
  try {
    return localStorage.getItem(PREFIX + name);
  } catch {
    return null;
  }
}

export function keep(name: string, value: string | null): void {
  try {
    if (value === null) localStorage.removeItem(PREFIX + name);
    else localStorage.setItem(PREFIX + name, value);
  } catch {
    // Nothing to do: the choice holds until the page is closed.
  }
}
