import type { Live } from "../live/live";
import type { Site } from "../live/wire";
import type { Go, Place } from "../state/place";
import type { Theme } from "../state/theme";
import { Connection } from "./connection";
import { Icon } from "./icon";
import { Notices } from "./notices";
import { SiteSwitch } from "./site-switch";
import { WindowChoice } from "./window-choice";

interface Props {
  place: Place;
  go: Go;
  sites: Site[];
  site: string | null;
  live: Live;
  theme: Theme;
  /** A post's detail lies over the header, which must then be out of the keyboard's reach. */
  covered: boolean;
  onTheme(): void;
  onHelp(): void;
}

export function Header({ place, go, sites, site, live, theme, covered, onTheme, onHelp }: Props) {
  const other = theme === "dark" ? "light" : "dark";
  return (
    <header class="top" inert={covered}>
      <div class="brand">
        <Icon name="tide" />
        <span>Tidemill</span>
      </div>
      <SiteSwitch sites={sites} site={site} go={go} />
      <WindowChoice value={place.window} go={go} />
      {live.state && <Notices state={live.state} />}
      <Connection link={live.link} nowMs={live.state?.now_ms ?? null} />
      <div class="tools">
        <button type="button" class="tool" onClick={onTheme} aria-label={`Switch to the ${other} theme`} title={`${other} theme`}>
          <Icon name={theme === "dark" ? "sun" : "moon"} />
        </button>
        <button type="button" class="tool to-wall" onClick={() => go({ wall: true, post: null })} aria-label="Show the big board" title="big board">
          <Icon name="wall" />
        </button>
        <button type="button" class="tool" onClick={onHelp} aria-label="Help and keyboard shortcuts" title="help">
          <Icon name="help" />
        </button>
      </div>
    </header>
  );
}
