/** Moves the keyboard's focus through the list as it stands on the page at this moment. */

function links(): HTMLElement[] {
  return [...document.querySelectorAll<HTMLElement>("[data-post]")];
}

export function stepThroughList(by: number): void {
  const all = links();
  const at = all.indexOf(document.activeElement as HTMLElement);
  const next = at < 0 ? 0 : Math.min(all.length - 1, Math.max(0, at + by));
  all[next]?.focus();
}

export function jumpInList(to: "first" | "last"): void {
  const all = links();
  all.at(to === "first" ? 0 : -1)?.focus();
}

export function focusPost(url: string): void {
  links().find((link) => link.dataset.post === url)?.focus();
}

export function focusedPost(): string | null {
  const active = document.activeElement;
  return active instanceof HTMLElement ? (active.dataset.post ?? null) : null;
}

export function focusFilter(): void {
  const field = document.querySelector<HTMLInputElement>("[data-filter]");
  field?.focus();
  field?.select();
}
