// What an aggregate imports.
export { array, boolean, date, int, int64, json, map, number, object, oneOf, optional, string, uint, uint64 } from "./fields.js";
export { log } from "./log.js";
export { reject, Rejection } from "./rejection.js";
