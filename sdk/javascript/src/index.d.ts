/** The type of a field: how it is read from JSON and written to it. */
export interface FieldType<T> {
  decode(value: unknown, path: string): T;
  encode(value: T, path: string): string;
}
/** A field that may be missing. */
export interface OptionalType<T> extends FieldType<T | undefined> {
  readonly optional: true;
}
/** A type of a field, or an object of fields. */
export type Field = FieldType<any> | Fields;
export interface Fields {
  readonly [name: string]: Field;
}
/** Names with their fields: an aggregate's `commands` or `events`. */
export interface Kinds {
  readonly [type: string]: Fields;
}

type Simplify<T> = { [K in keyof T]: T[K] } & {};
type OptionalKeys<F> = { [K in keyof F]: F[K] extends OptionalType<any> ? K : never }[keyof F];
/** What a field holds: `ValueOf<typeof uint64>` is bigint. */
export type ValueOf<F> = F extends FieldType<infer T>
  ? T
  : Simplify<
      { -readonly [K in Exclude<keyof F, OptionalKeys<F>>]: ValueOf<F[K]> } & {
        -readonly [K in OptionalKeys<F>]?: ValueOf<F[K]>;
      }
    >;
/** The union of all kinds: `OneOf<typeof commands>` is `{ type: "Increment", amount: bigint } | …`. */
export type OneOf<K> = { [T in keyof K & string]: Simplify<{ type: T } & ValueOf<K[T]>> }[keyof K & string];

export const string: FieldType<string>;
export const boolean: FieldType<boolean>;
/** A double. */
export const number: FieldType<number>;
/** A whole number that a double holds exactly: from -(2^53 - 1) to 2^53 - 1. */
export const int: FieldType<number>;
/** A whole number from 0 to 2^53 - 1. */
export const uint: FieldType<number>;
/** A whole number of 64 bits, exact: a bigint. */
export const int64: FieldType<bigint>;
/** A whole number from 0 to 2^64 - 1, exact: a bigint. */
export const uint64: FieldType<bigint>;
/** A time, ISO 8601 in JSON. */
export const date: FieldType<Date>;
/** Any JSON. */
export const json: FieldType<any>;
/** One of these values. */
export function oneOf<const V extends readonly (string | number | boolean)[]>(...values: V): FieldType<V[number]>;
/** May be missing or null; undefined here. */
export function optional<F extends Field>(inner: F): OptionalType<ValueOf<F>>;
export function array<F extends Field>(inner: F): FieldType<ValueOf<F>[]>;
/** An object with any keys. */
export function map<F extends Field>(inner: F): FieldType<Map<string, ValueOf<F>>>;
/** The same as the fields alone; gives a name to hold on to. */
export function object<F extends Fields>(fields: F): FieldType<ValueOf<F>>;

/** What a handler may know about a command besides its content. Whatever of it matters later belongs into an event. */
export interface Context {
  /** The entity's. */
  readonly id: string;
  /** The client's command id, or "". */
  readonly commandId: string;
  /** When the runtime received the command. */
  readonly time: Date;
  readonly timeMs: number;
  /** How many events the entity has. */
  readonly version: number;
  readonly correlationId: string;
  readonly causationId: string;
  /** The client's own metadata. */
  readonly metadata: Record<string, any>;
}

/** What an aggregate's class has. */
export interface Aggregate<Command = any, Event = any> {
  /** Decides: looks at the state, changes nothing, returns what happens. Refuses with `reject`. */
  handle(command: Command, context: Context): Event | readonly Event[] | undefined | void;
  /** Follows: changes the state, decides nothing. Also runs for every stored event. */
  apply(event: Event): void;
}
export interface AggregateClass<A extends Aggregate = Aggregate, C extends Kinds = Kinds, E extends Kinds = Kinds> {
  new (id: string): A;
  readonly commands: C;
  readonly events: E;
  /** Offers snapshots of the fields in `state`. Another name whenever they change; "" binds them to the very build. */
  readonly snapshotFormat?: string;
  readonly state?: Fields;
}

/** Refuses the command; the client gets the error as JSON. Throws, so nothing behind it runs. */
export function reject(error: string | ({ type: string } & Record<string, unknown>)): never;
export class Rejection extends Error {
  readonly error: { type: string } & Record<string, unknown>;
}

type Line = (...parts: unknown[]) => void;
/** The runtime's log, with the stream's name. `console` writes there too. */
export const log: { trace: Line; debug: Line; info: Line; warn: Line; error: Line };
