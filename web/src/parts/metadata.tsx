import type { PostDetail } from "../live/wire";
import { age, moment } from "../format/time";

function Entry({ name, text }: { name: string; text: string | null | undefined }) {
  if (!text) return null;
  return (
    <div>
      <dt>{name}</dt>
      <dd dir="auto">{text}</dd>
    </div>
  );
}

function published(pubMs: number | null, nowMs: number): string | null {
  if (pubMs === null) return null;
  const old = age(pubMs, nowMs);
  return old ? `${moment(pubMs)} (${old})` : moment(pubMs);
}

export function Metadata({ post, nowMs }: { post: PostDetail; nowMs: number }) {
  const authors = post.authors?.length ? post.authors.join(", ") : post.author;
  return (
    <dl class="metadata">
      <Entry name="Authors" text={authors} />
      <Entry name="Section" text={post.section} />
      <Entry name="Tags" text={post.tags?.join(", ")} />
      <Entry name="Published" text={published(post.pub_date_ms, nowMs)} />
      <Entry name="Address" text={post.url} />
    </dl>
  );
}
