import { age, moment } from "../format/time";

interface Props {
  author: string | null;
  section: string | null;
  pubMs: number | null;
  nowMs: number;
}

export function Byline({ author, section, pubMs, nowMs }: Props) {
  const old = age(pubMs, nowMs);
  if (!author && !section && !old) return null;
  return (
    <span class="byline">
      {author && <span dir="auto">{author}</span>}
      {section && <span dir="auto">{section}</span>}
      {old && pubMs !== null && (
        <time dateTime={new Date(pubMs).toISOString()} title={`published ${moment(pubMs)}`}>
          {old}
        </time>
      )}
    </span>
  );
}
