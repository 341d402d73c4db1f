import type { Go } from "../state/place";

export function Filter({ value, go }: { value: string; go: Go }) {
  // Typing replaces the address instead of adding to the history, or going back would undo letters.
  const set = (filter: string) => go({ filter }, "replace");

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== "Escape") return;
    // The first Escape empties and leaves the field; only another one closes the detail.
    event.preventDefault();
    set("");
    (event.currentTarget as HTMLInputElement).blur();
  };

  return (
    <label class="filter">
      <span class="unseen">Filter the list by title, author or section</span>
      <input
        type="search" placeholder="Filter" value={value} data-filter autocomplete="off" spellcheck={false}
        onInput={(event) => set(event.currentTarget.value)} onKeyDown={onKeyDown}
      />
      <kbd aria-hidden="true">/</kbd>
    </label>
  );
}
