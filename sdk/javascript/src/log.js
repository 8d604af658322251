// The runtime's log; natively, the console.
const sink = { write: (level, message) => console.error(`${level}: ${message}`) };

/** Where lines go from now on. */
export function logTo(write) {
  sink.write = write;
}

const line =
  (level) =>
  (...parts) =>
    sink.write(level, parts.map(text).join(" ").toWellFormed());

function text(part) {
  if (typeof part === "string") return part;
  if (part instanceof Error) return `${part.name}: ${part.message}\n${part.stack ?? ""}`.trimEnd();
  try {
    return JSON.stringify(part, (_, value) => (typeof value === "bigint" ? String(value) : value)) ?? String(part);
  } catch {
    return String(part);
  }
}

export const log = { trace: line("trace"), debug: line("debug"), info: line("info"), warn: line("warn"), error: line("error") };
