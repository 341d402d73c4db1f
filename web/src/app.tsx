import { useEffect, useState } from "preact/hooks";
import { useLive } from "./live/live";
import { useSites, type Sites } from "./live/sites";
import type { LiveState } from "./live/wire";
import type { Place } from "./state/place";
import { useNarrow } from "./state/media";
import { usePlace } from "./state/place";
import { useShortcuts } from "./state/shortcuts";
import { useTheme } from "./state/theme";
import { count, counted } from "./format/number";
import { Board } from "./parts/board";
import { Empty } from "./parts/empty";
import { Header } from "./parts/header";
import { Help } from "./parts/help";
import { Failure, Loading, NoSite, UnknownSite } from "./parts/messages";
import { Wall } from "./parts/wall";

/** Which site to show: the one in the address if there is such a one, or the first of all. */
function chooseSite(place: Place, sites: Sites): string | null {
  if (!place.site) return sites.list?.[0]?.id ?? null;
  // The stream need not wait for the list when the address already names a site.
  return !sites.list || sites.list.some((site) => site.id === place.site) ? place.site : null;
}

/** The number that a tab shows while another one is being read. */
function headline({ totals, window }: LiveState): string {
  return window.anchored === "last" ? counted(totals.views, "view") : `${count(totals.reading_now)} reading`;
}

export function App() {
  const [place, go] = usePlace();
  const sites = useSites();
  const site = chooseSite(place, sites);
  const live = useLive(place, site);
  const [theme, toggleTheme] = useTheme(place.theme);
  const [help, setHelp] = useState(false);
  const narrow = useNarrow();
  const { state } = live;

  const nextTheme = () => {
    // An address that asks for a theme would win over the button; pressing the button ends that.
    if (place.theme) go({ theme: null }, "replace");
    toggleTheme();
  };
  const shortcuts = useShortcuts({ place, go, sites: sites.list ?? [], site, nextTheme, openHelp: () => setHelp(true) });

  useEffect(() => {
    document.title = state ? `${headline(state)} · ${state.site.title}` : "Tidemill";
  }, [state]);
  useEffect(() => {
    document.documentElement.toggleAttribute("data-wall", place.wall);
  }, [place.wall]);

  const body = () => {
    if (!sites.list && sites.failure && !state) return <Failure reason={sites.failure} />;
    if (sites.list && sites.list.length === 0) return <NoSite />;
    if (sites.list && site === null) return <UnknownSite place={place} sites={sites.list} go={go} />;
    if (!state) return <Loading link={live.link} />;
    if (!state.site.last_ms && state.totals.views === 0) return <Empty site={state.site} />;
    if (place.wall) return <Wall place={place} live={live} state={state} go={go} />;
    return <Board place={place} live={live} state={state} go={go} />;
  };

  return (
    <>
      {!place.wall && (
        <Header
          place={place} go={go} sites={sites.list ?? []} site={site} live={live} covered={narrow && place.post !== null}
          theme={theme} onTheme={nextTheme} onHelp={() => setHelp(true)}
        />
      )}
      {body()}
      <Help open={help} onClose={() => setHelp(false)} shortcuts={shortcuts} />
    </>
  );
}
