// What a handler may know about a command besides its content.
export class Context {
  #metadata;
  constructor(id, raw) {
    this.id = id;
    this.commandId = raw.commandId ?? "";
    this.timeMs = Number(raw.timeMs ?? 0);
    this.version = Number(raw.version ?? 0);
    this.correlationId = raw.correlationId ?? "";
    this.causationId = raw.causationId ?? "";
    this.#metadata = raw.metadata ?? "";
  }

  /** When the runtime received the command. */
  get time() {
    return new Date(this.timeMs);
  }

  /** The client's own metadata. */
  get metadata() {
    if (typeof this.#metadata !== "string") return this.#metadata;
    return this.#metadata === "" ? {} : JSON.parse(this.#metadata);
  }
}
