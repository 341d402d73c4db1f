import { webLink } from "../live/address";
import type { PostDetail, Sort, TimeWindow } from "../live/wire";
import { ViewsChart } from "../charts/views-chart";
import { count, minutes } from "../format/number";
import { stepName } from "../format/time";
import { Devices } from "./devices";
import { Icon } from "./icon";
import { MEASURE_NAMES } from "./measure";
import { Metadata } from "./metadata";
import { postLabel } from "./post-label";
import { ReferrerDomains } from "./referrer-domains";
import { SplitTable } from "./referrer-split";

interface Props {
  post: PostDetail;
  window: TimeWindow;
  sort: Sort;
  nowMs: number;
}

export function Detail({ post, window, sort, nowMs }: Props) {
  const link = webLink(post.link);
  return (
    <>
      <p class="detail-sub">
        {post.rank !== null && <span>No. {post.rank} by {MEASURE_NAMES[sort]}</span>}
        {link && (
          <a href={link} target="_blank" rel="noopener noreferrer nofollow">
            Open the page <Icon name="out" />
          </a>
        )}
      </p>
      <dl class="detail-figures">
        <div><dt>Views</dt><dd>{count(post.views)}</dd></div>
        <div><dt>Visitors</dt><dd>{count(post.visitors)}</dd></div>
        <div><dt>Engaged minutes</dt><dd>{minutes(post.engaged_minutes)}</dd></div>
        <div><dt>Minutes a visitor</dt><dd>{post.visitors ? minutes(post.engaged_minutes / post.visitors) : "–"}</dd></div>
      </dl>
      <h3>Views per {stepName(post.series.step_ms)}</h3>
      <ViewsChart key={post.url} series={post.series} window={window} of={postLabel(post)} />
      <h3>Referrers</h3>
      <SplitTable shares={post.referrers} />
      <ReferrerDomains domains={post.referrer_domains} />
      <h3>Devices</h3>
      <Devices devices={post.devices} />
      <h3>About the page</h3>
      <Metadata post={post} nowMs={nowMs} />
    </>
  );
}
