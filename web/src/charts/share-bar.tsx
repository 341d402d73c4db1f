import { CLASSES, type Shares } from "../live/wire";
import { percent } from "../format/number";

export function total(shares: Shares): number {
  return CLASSES.reduce((sum, name) => sum + (shares[name] ?? 0), 0);
}

export function sharesInWords(shares: Shares): string {
  const all = total(shares);
  if (!all) return "no views";
  return CLASSES.filter((name) => shares[name] > 0)
    .sort((a, b) => shares[b] - shares[a])
    .map((name) => `${name} ${percent(shares[name], all)}`)
    .join(", ");
}

/** Where the views came from, as one bar in the order of the legend. */
export function ShareBar({ shares, thick = false }: { shares: Shares; thick?: boolean }) {
  const words = sharesInWords(shares);
  return (
    <div class={thick ? "share-bar is-thick" : "share-bar"} role="img" aria-label={`Referrers: ${words}`} title={words}>
      {CLASSES.map((name) =>
        // Grow factors, not widths: the gaps between the parts then take nothing from the shares.
        shares[name] > 0 ? <span key={name} class={`share is-${name}`} style={{ flexGrow: String(shares[name]) }} /> : null,
      )}
    </div>
  );
}

export function ShareLegend() {
  return (
    <ul class="share-legend" aria-label="Colours of the referrer bars">
      {CLASSES.map((name) => (
        <li key={name}>
          <span class={`share-dot is-${name}`} />
          {name}
        </li>
      ))}
    </ul>
  );
}
