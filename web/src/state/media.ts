import { useEffect, useState } from "preact/hooks";

/** On a narrow screen a post's detail covers the page; the style sheet knows the same width. */
export function useNarrow(): boolean {
  return useMedia("(max-width: 64rem)");
}

function useMedia(query: string): boolean {
  const [matches, setMatches] = useState(() => matchMedia(query).matches);
  useEffect(() => {
    const list = matchMedia(query);
    const onChange = () => setMatches(list.matches);
    onChange();
    list.addEventListener("change", onChange);
    return () => list.removeEventListener("change", onChange);
  }, [query]);
  return matches;
}
