import { readState, type LiveState } from "./wire";

export type Link = "connecting" | "live" | "reconnecting" | "paused";

interface Listener {
  onState(state: LiveState): void;
  onLink(link: Link): void;
}

const FIRST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 30_000;
/** A short look at another tab should not cost a reconnect; a forgotten tab should cost nothing. */
const HIDDEN_GRACE_MS = 30_000;
/** A quiet site sends nothing for long, but so does a cable that was pulled. */
const SILENCE_MS = 45_000;
/** How long a reopened stream may take before the page says that it has none. */
const PATIENCE_MS = 5_000;

/**
 * The one event stream of this tab.
 *
 * The browser resumes a broken stream by itself, with the last id. Two things it does not do. It
 * gives up for good when the answer is an error, as during a server's restart behind a proxy; then
 * this class tries again, more and more slowly. And it never notices a peer that vanished without a
 * word, which would leave a wall display with old numbers under the word "live"; so a stream that
 * was silent for long is opened anew, and only if that fails does anybody hear of it.
 */
export class LiveStream {
  private source: EventSource | null = null;
  private retryMs = FIRST_RETRY_MS;
  private retryTimer = 0;
  private hideTimer = 0;
  private silenceTimer = 0;
  private patienceTimer = 0;
  private reached = false;

  constructor(
    private readonly address: string,
    private readonly listener: Listener,
  ) {}

  start(): void {
    document.addEventListener("visibilitychange", this.onVisibility);
    window.addEventListener("online", this.onOnline);
    // A tab opened in the background still gets its first state, so that its title is right.
    this.open();
    this.onVisibility();
  }

  stop(): void {
    document.removeEventListener("visibilitychange", this.onVisibility);
    window.removeEventListener("online", this.onOnline);
    clearTimeout(this.hideTimer);
    this.close();
  }

  private open(quietly = false): void {
    this.close();
    if (quietly) this.patienceTimer = window.setTimeout(() => this.listener.onLink("reconnecting"), PATIENCE_MS);
    else this.listener.onLink(this.reached ? "reconnecting" : "connecting");
    const source = new EventSource(this.address);
    this.source = source;
    this.awaitSound();
    source.addEventListener("open", () => {
      this.reached = true;
      this.retryMs = FIRST_RETRY_MS;
      clearTimeout(this.patienceTimer);
      this.listener.onLink("live");
    });
    source.addEventListener("state", (event) => {
      this.awaitSound();
      const state = readState((event as MessageEvent<string>).data);
      if (state) this.listener.onState(state);
    });
    source.addEventListener("error", () => {
      this.listener.onLink("reconnecting");
      if (source.readyState === EventSource.CLOSED) this.retryLater();
    });
  }

  private close(): void {
    clearTimeout(this.retryTimer);
    clearTimeout(this.silenceTimer);
    clearTimeout(this.patienceTimer);
    this.source?.close();
    this.source = null;
  }

  private awaitSound(): void {
    clearTimeout(this.silenceTimer);
    this.silenceTimer = window.setTimeout(() => this.open(true), SILENCE_MS);
  }

  private retryLater(): void {
    // The random part keeps a newsroom full of tabs from knocking in the same instant.
    const delay = this.retryMs * (0.75 + Math.random() * 0.5);
    this.retryMs = Math.min(this.retryMs * 2, LONGEST_RETRY_MS);
    clearTimeout(this.silenceTimer);
    clearTimeout(this.retryTimer);
    this.retryTimer = window.setTimeout(() => this.open(), delay);
  }

  private readonly onVisibility = (): void => {
    clearTimeout(this.hideTimer);
    if (document.visibilityState === "hidden") {
      this.hideTimer = window.setTimeout(() => {
        this.close();
        this.listener.onLink("paused");
      }, HIDDEN_GRACE_MS);
    } else if (!this.source) {
      this.open();
    }
  };

  private readonly onOnline = (): void => {
    if (document.visibilityState === "visible") this.open();
  };
}
