"""What the sample access log holds, computed without Tidemill: the answers its own must equal.

usage: expected.py LOG.gz SITE

Prints one JSON object: `posts` (views by post, robots included), `hours` (views by hour, in milliseconds since 1970)
and `days` (distinct pairs of address and user agent among the page views of a day).
"""

import collections
import datetime
import gzip
import json
import re
import sys

LINE = re.compile(
    r'^(\S+) \S+ \S+ \[([^\]]+)\] "(\S+) (\S+)[^"]*" (\d{3}) \S+ "([^"]*)" "([^"]*)"$'
)
ASSETS = set(
    "css js mjs map json xml txt rss atom ico png jpg jpeg gif svg webp avif woff woff2 ttf otf eot mp3 mp4 webm"
    " ogg wav pdf zip gz tgz tar bz2 xz rar 7z exe dmg iso".split()
)


def page_view(match):
    """The path of the page, or None if the line is no page view."""
    method, target, status = match.group(3), match.group(4), int(match.group(5))
    if method != "GET" or not (200 <= status < 300 or status == 304):
        return None
    path = re.split(r"[?#]", target)[0]
    last = path.rsplit("/", 1)[-1]
    if "." in last and last.rsplit(".", 1)[-1].lower() in ASSETS:
        return None
    return path.rstrip("/") or "/"


def main():
    log, site = sys.argv[1], sys.argv[2]
    posts, hours = collections.Counter(), collections.Counter()
    days = collections.defaultdict(set)
    malformed = 0
    with gzip.open(log, "rt", encoding="utf-8", errors="surrogateescape") as lines:
        for line in lines:
            match = LINE.match(line.rstrip("\n"))
            if match is None:
                malformed += 1
                continue
            path = page_view(match)
            if path is None:
                continue
            when = datetime.datetime.strptime(match.group(2), "%d/%b/%Y:%H:%M:%S %z")
            when_ms = int(when.timestamp()) * 1000
            posts[site + path] += 1
            hours[when_ms // 3_600_000 * 3_600_000] += 1
            days[when_ms // 86_400_000 * 86_400_000].add((match.group(1), match.group(7)))
    json.dump(
        {
            "posts": posts,
            "hours": hours,
            "days": {day: len(visitors) for day, visitors in days.items()},
            "views": sum(posts.values()),
            "malformed": malformed,
        },
        sys.stdout,
        sort_keys=True,
    )


if __name__ == "__main__":
    main()
