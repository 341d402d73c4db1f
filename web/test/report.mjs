/** Prints one line a check and counts them. A failed check does not keep the next ones from running. */
export class Report {
  passed = 0;
  failed = 0;

  async check(name, body) {
    try {
      const note = await body();
      this.passed += 1;
      console.log(`ok    ${name}${note ? `: ${note}` : ""}`);
    } catch (error) {
      this.failed += 1;
      console.log(`FAIL  ${name}: ${String(error.message ?? error).split("\n").slice(0, 6).join("\n      ")}`);
    }
  }

  finish() {
    console.log(`${this.passed} passed, ${this.failed} failed`);
    process.exitCode = this.failed === 0 && this.passed > 0 ? 0 : 1;
  }
}

export function ensure(condition, message) {
  if (!condition) throw new Error(message);
}

/** Asks again and again until the answer is good, and says what it was at last when it never is. */
export async function until(what, ask, ms = 15_000) {
  const end = Date.now() + ms;
  let last;
  for (;;) {
    last = await ask();
    if (last) return last;
    if (Date.now() > end) throw new Error(`${what} did not happen within ${ms / 1000} s`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
