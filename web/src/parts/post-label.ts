import type { Post } from "../live/wire";

/** What a post is called: its title, or its address where a page told none. */
export function postLabel(post: Pick<Post, "title" | "url">): string {
  return post.title?.trim() || post.url;
}
