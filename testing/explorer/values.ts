/**
 * What threads answer, as text that another thread can read.
 *
 * JSON, with a form of their own for undefined, bigint, symbols and the numbers JSON lacks. A symbol arrives
 * as its description: `EMPTY` as "EMPTY".
 *
 * @module
 */

const TAG = "$explored";

/** `value` as text. */
export function encode(value: unknown): string {
  return JSON.stringify(value, (_key, value: unknown) => {
    switch (typeof value) {
      case "undefined":
        return { [TAG]: "undefined" };
      case "bigint":
        return { [TAG]: "bigint", text: String(value) };
      case "symbol":
        return value.description ?? "";
      case "number":
        return Number.isFinite(value) && !Object.is(value, -0)
          ? value
          : { [TAG]: "number", text: Object.is(value, -0) ? "-0" : String(value) };
      default:
        return value;
    }
  });
}

/** The value again. */
export function decode(text: string): unknown {
  return text.includes(TAG) ? revive(JSON.parse(text)) : JSON.parse(text);
}

function revive(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(revive);
  const { [TAG]: tag, text } = value as Record<string, unknown>;
  if (tag === "undefined") return undefined;
  if (tag === "bigint") return BigInt(text as string);
  if (tag === "number") return Number(text);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, revive(item)]));
}
