import { useRef, useState } from "preact/hooks";
import { absolute } from "../live/address";
import type { Site } from "../live/wire";

/** The smallest piece of HTML that counts a view, for this site on this server. */
function snippet(site: Site): string {
  // Inside a script, text must be able to end neither the string nor the script.
  const quote = (text: string) => JSON.stringify(text).replace(/</g, "\\u003c");
  return `<script>
  new Image().src = ${quote(absolute("plogger/?"))} +
    new URLSearchParams({
      idsite: ${quote(site.id)},
      action: "pageview",
      url: location.href,
      urlref: document.referrer,
      title: document.title,
      rand: Date.now(),
    });
</script>`;
}

export function Empty({ site }: { site: Site }) {
  const code = useRef<HTMLElement>(null);
  const [copied, setCopied] = useState(false);
  const text = snippet(site);

  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      // Without https there is no clipboard; marking the text lets the reader copy it by hand.
      if (code.current) getSelection()?.selectAllChildren(code.current);
      return;
    }
    setCopied(true);
    setTimeout(() => setCopied(false), 2_000);
  };

  if (site.importing) {
    return (
      <main class="message" aria-busy="true">
        <h1>Importing {site.title}…</h1>
        <p>The first numbers appear in a moment.</p>
      </main>
    );
  }
  return (
    <main class="message">
      <h1>No hits yet for {site.title}</h1>
      <p>Put this pixel on every page of the site, before <code>&lt;/body&gt;</code>. The first view appears here within a second.</p>
      <pre tabIndex={0} aria-label="The pixel"><code ref={code}>{text}</code></pre>
      <button type="button" class="button" onClick={copy}>{copied ? "Copied" : "Copy the pixel"}</button>
    </main>
  );
}
