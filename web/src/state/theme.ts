import { useEffect, useState } from "preact/hooks";
import { keep, recall } from "./memory";

export type Theme = "light" | "dark";

const dark = matchMedia("(prefers-color-scheme: dark)");

function system(): Theme {
  return dark.matches ? "dark" : "light";
}

function kept(): Theme | null {
  const value = recall("theme");
  return value === "light" || value === "dark" ? value : null;
}

/** The address decides first, then the reader's own choice, then the system. */
export function useTheme(asked: Theme | null): [Theme, () => void] {
  const [choice, setChoice] = useState(kept);
  const [fallback, setFallback] = useState(system);
  const theme = asked ?? choice ?? fallback;

  useEffect(() => {
    const onChange = () => setFallback(system());
    dark.addEventListener("change", onChange);
    return () => dark.removeEventListener("change", onChange);
  }, []);

  // Set while rendering, because charts read the colours when they first draw.
  document.documentElement.dataset.theme = theme;

  const toggle = () => {
    const next: Theme = theme === "dark" ? "light" : "dark";
    // Going back to what the system says is kept as no choice, so the page follows the system again.
    const kept = next === system() ? null : next;
    keep("theme", kept);
    setChoice(kept);
  };
  return [theme, toggle];
}
