/**
 * A small assembler: from a text form close to WAT to a WebAssembly module.
 *
 * It knows what our kernels use and no more: one memory, functions of i32 parameters without a
 * result, locals, structured control, loads and stores, 128-bit vectors. A function's text is a row
 * of instructions, split by blanks, after `;;` a comment to the end of the line:
 *
 *     block done
 *       local.get count  i32.eqz  br_if done
 *       local.get at  v128.load offset=16  local.set x
 *     end
 *
 * Labels and locals have names. The format is that of the WebAssembly core specification 2.0 (2022), §5.
 *
 * @module
 */

/** A function: its parameters are i32; it answers nothing. */
export interface WasmFunction {
  readonly name: string;
  readonly parameters: readonly string[];
  /** Further locals, by name. */
  readonly locals: Readonly<Record<string, "i32" | "v128">>;
  readonly text: string;
}

/** A module. */
export interface WasmModule {
  readonly functions: readonly WasmFunction[];
  /** Names of functions that the host may call. The memory is exported as `memory`. */
  readonly exports: readonly string[];
  /** Size of the memory, which does not grow, in pages of 64 KiB. */
  readonly pages: number;
}

const I32 = 0x7f;
const V128 = 0x7b;
const EMPTY_BLOCK = 0x40;
const END = 0x0b;

/** Instructions without an operand in the code. */
const PLAIN: Readonly<Record<string, readonly number[]>> = {
  "return": [0x0f],
  "i32.eqz": [0x45],
  "i32.eq": [0x46],
  "i32.lt_u": [0x49],
  "i32.add": [0x6a],
  "i32.sub": [0x6b],
  "i32.mul": [0x6c],
  "i32.shl": [0x74],
  "memory.copy": [0xfc, 10, 0, 0],
  "i32x4.splat": [0xfd, 0x11],
  "f32x4.add": [0xfd, 0xe4, 0x01],
  "f32x4.mul": [0xfd, 0xe6, 0x01],
  "f32x4.pmax": [0xfd, 0xeb, 0x01],
};

/** Instructions that touch the memory: all take `offset=N`, none promises more than 4-byte alignment. */
const MEMORY: Readonly<Record<string, readonly number[]>> = {
  "i32.load": [0x28],
  "i32.store": [0x36],
  "v128.load": [0xfd, 0x00],
  "v128.load32_splat": [0xfd, 0x09],
  "v128.store": [0xfd, 0x0b],
};
const ALIGN_4 = 2;

const LOCAL: Readonly<Record<string, number>> = {
  "local.get": 0x20,
  "local.set": 0x21,
  "local.tee": 0x22,
};
const BRANCH: Readonly<Record<string, number>> = { "br": 0x0c, "br_if": 0x0d };
const OPENING: Readonly<Record<string, number>> = { "block": 0x02, "loop": 0x03 };

/** The bytes of a module; throws on an unknown instruction, local, label or function. */
export function assemble({ functions, exports, pages }: WasmModule): Uint8Array {
  const index = (name: string): number => {
    const at = functions.findIndex((one) => one.name === name);
    if (at < 0) throw new Error(`Cannot assemble: there is no function ${name}`);
    return at;
  };
  const arities = [...new Set(functions.map((one) => one.parameters.length))];
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, arities.map((n) => [0x60, ...list(Array.from({ length: n }, () => [I32])), 0])),
    ...section(3, functions.map((one) => unsigned(arities.indexOf(one.parameters.length)))),
    ...section(5, [[1, ...unsigned(pages), ...unsigned(pages)]]),
    ...section(7, [
      [...text("memory"), 2, 0],
      ...exports.map((name) => [...text(name), 0, ...unsigned(index(name))]),
    ]),
    ...section(10, functions.map((one) => sized(body(one, index)))),
  ]);
}

function body(
  { name, parameters, locals, text }: WasmFunction,
  index: (name: string) => number,
): number[] {
  const names = [...parameters, ...Object.keys(locals)];
  const runs: [count: number, type: number][] = [];
  for (const local of Object.values(locals)) {
    const type = local === "i32" ? I32 : V128;
    const last = runs.at(-1);
    if (last?.[1] === type) last[0]++;
    else runs.push([1, type]);
  }
  const code = list(runs.map(([count, type]) => [...unsigned(count), type]));
  const words = text.replace(/;;.*$/gm, "").split(/\s+/).filter((word) => word !== "");
  const labels: string[] = [];
  let at = 0;
  const fail = (what: string): never => {
    throw new Error(
      `Cannot assemble ${name}: ${what} at "${words.slice(at - 1, at + 2).join(" ")}"`,
    );
  };
  const take = (known: readonly string[], what: string): number => {
    const place = known.lastIndexOf(words[at++] ?? "");
    return place < 0 ? fail(`unknown ${what}`) : place;
  };
  while (at < words.length) {
    const word = words[at++]!;
    if (word in PLAIN) code.push(...PLAIN[word]!);
    else if (word in LOCAL) code.push(LOCAL[word]!, ...unsigned(take(names, "local")));
    else if (word in BRANCH) {
      code.push(BRANCH[word]!, ...unsigned(labels.length - 1 - take(labels, "label")));
    } else if (word in OPENING) {
      code.push(OPENING[word]!, EMPTY_BLOCK);
      labels.push(words[at++] ?? "");
    } else if (word === "end") {
      if (labels.pop() === undefined) fail("an end without a block");
      code.push(END);
    } else if (word in MEMORY) {
      const offset = words[at]?.startsWith("offset=") ? Number(words[at++]!.slice(7)) : 0;
      code.push(...MEMORY[word]!, ALIGN_4, ...unsigned(offset));
    } else if (word === "i8x16.shuffle") {
      code.push(0xfd, 0x0d, ...words.slice(at, at += 16).map(Number));
    } else if (word === "i32.const") code.push(0x41, ...signed(Number(words[at++])));
    else if (word === "call") code.push(0x10, ...unsigned(index(words[at++] ?? "")));
    else fail("unknown instruction");
  }
  if (labels.length > 0) fail(`${labels.at(-1)} has no end`);
  return [...code, END];
}

function section(id: number, items: readonly (readonly number[])[]): number[] {
  return [id, ...sized(list(items))];
}

function list(items: readonly (readonly number[])[]): number[] {
  return [...unsigned(items.length), ...items.flat()];
}

function sized(bytes: readonly number[]): number[] {
  return [...unsigned(bytes.length), ...bytes];
}

function text(value: string): number[] {
  return sized([...new TextEncoder().encode(value)]);
}

/** LEB128. */
function unsigned(value: number): number[] {
  const bytes: number[] = [];
  for (; value > 127; value >>>= 7) bytes.push((value & 127) | 128);
  return [...bytes, value];
}

function signed(value: number): number[] {
  if (!Number.isInteger(value)) throw new Error(`Cannot assemble: ${value} is not a constant`);
  const bytes: number[] = [];
  for (; value < -64 || value > 63; value >>= 7) bytes.push((value & 127) | 128);
  return [...bytes, value & 127];
}
