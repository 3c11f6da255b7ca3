/** Numbers messages in the order in which they first come, each once. */
export class Footnotes {
  readonly #messages: string[] = [];

  /** The mark of a message: `[1]`. */
  mark(message: string): string {
    const known = this.#messages.indexOf(message);
    return `[${known === -1 ? this.#messages.push(message) : known + 1}]`;
  }

  /** All notes, one a line. */
  lines(): readonly string[] {
    return this.#messages.map((message, index) => `[${index + 1}] ${message}`);
  }
}
