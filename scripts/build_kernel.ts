/**
 * Makes `scheduling/workloads/simd_kernel_bytes.ts`: the product of two matrices of 32-bit floats, in
 * WebAssembly SIMD.
 *
 *     deno run -A scripts/build_kernel.ts [--check]
 *
 * It works on blocks that the library has copied into its memory: B as panels of 16 columns, row
 * after row; A and C by rows. A tile is two rows of C in a panel, eight registers that the loop over
 * the depth adds to. Every lane is one element of C, whose products are added one after the other in
 * the order of the depth, each rounded to 32 bits: the same bits as the plain loop gives.
 *
 * How the blocks are cut: K. Goto and R. van de Geijn, "Anatomy of High-Performance Matrix
 * Multiplication" (2008). Two rows by 16 columns and no unrolling were measured to be the best that
 * fits in 16 registers on both hosts; larger tiles spill.
 *
 * @module
 */
import { assemble, type WasmFunction } from "./wasm_assembler.ts";

/** Columns in a panel. */
const PANEL = 16;
/** Rows in a tile. */
const ROWS = 2;
const ROW_BYTES = 4 * PANEL;
/** 2.4 MB: see `simd_kernel.ts`, which says what lies where. */
const PAGES = 37;

const OUT = "scheduling/workloads/simd_kernel_bytes.ts";

/** Something for each of `count` things. */
function each(count: number, text: (i: number) => string): string {
  return Array.from({ length: count }, (_, i) => text(i)).join("\n");
}

/** C += A * B for so many rows, in one panel. Steps are the bytes from a row to the next. */
function tile(rows: number): WasmFunction {
  const vectors = PANEL / 4;
  const locals: Record<string, "i32" | "v128"> = { end: "i32" };
  for (let r = 1; r < rows; r++) locals[`a${r}`] = locals[`c${r}`] = "i32";
  for (let r = 0; r < rows; r++) {
    for (let v = 0; v < vectors; v++) locals[`x${r}${v}`] = "v128";
  }
  for (let v = 0; v < vectors; v++) locals[`y${v}`] = "v128";
  locals.s = "v128";
  return {
    name: `tile${rows}`,
    parameters: ["a0", "aStep", "b", "c0", "cStep", "depth"],
    locals,
    text: `
      ${
      each(rows - 1, (r) => `
      local.get a${r}  local.get aStep  i32.add  local.set a${r + 1}
      local.get c${r}  local.get cStep  i32.add  local.set c${r + 1}`)
    }
      ${
      each(rows, (r) =>
        each(
          vectors,
          (v) => `local.get c${r}  v128.load offset=${16 * v}  local.set x${r}${v}`,
        ))
    }
      local.get a0  local.get depth  i32.const 2  i32.shl  i32.add  local.set end
      loop next
        ${each(vectors, (v) => `local.get b  v128.load offset=${16 * v}  local.set y${v}`)}
        ${
      each(rows, (r) => `
        local.get a${r}  v128.load32_splat  local.set s
        ${
        each(vectors, (v) => `
        local.get x${r}${v}  local.get s  local.get y${v}  f32x4.mul  f32x4.add  local.set x${r}${v}`)
      }`)
    }
        local.get b  i32.const ${ROW_BYTES}  i32.add  local.set b
        ${each(rows, (r) => `local.get a${r}  i32.const 4  i32.add  local.set a${r}`)}
        local.get a0  local.get end  i32.lt_u  br_if next
      end
      ${
      each(rows, (r) =>
        each(
          vectors,
          (v) => `local.get c${r}  local.get x${r}${v}  v128.store offset=${16 * v}`,
        ))
    }`,
  };
}

/** C += A * B for a block: panel after panel, which stays in the nearest cache, tile after tile. */
const MULTIPLY: WasmFunction = {
  name: "multiply",
  parameters: ["a", "aStep", "b", "c", "cStep", "rows", "panels", "depth"],
  locals: { at: "i32", to: "i32", left: "i32" },
  text: `
    block done
      loop panel
        local.get panels  i32.eqz  br_if done
        local.get a  local.set at
        local.get c  local.set to
        local.get rows  local.set left
        block few
          loop next
            local.get left  i32.const ${ROWS}  i32.lt_u  br_if few
            local.get at  local.get aStep  local.get b  local.get to  local.get cStep
            local.get depth  call tile${ROWS}
            local.get at  local.get aStep  i32.const ${ROWS}  i32.mul  i32.add  local.set at
            local.get to  local.get cStep  i32.const ${ROWS}  i32.mul  i32.add  local.set to
            local.get left  i32.const ${ROWS}  i32.sub  local.set left
            br next
          end
        end
        block none
          local.get left  i32.eqz  br_if none
          local.get at  local.get aStep  local.get b  local.get to  local.get cStep
          local.get depth  call tile1
        end
        local.get b  local.get depth  i32.const ${ROW_BYTES}  i32.mul  i32.add  local.set b
        local.get c  i32.const ${ROW_BYTES}  i32.add  local.set c
        local.get panels  i32.const 1  i32.sub  local.set panels
        br panel
      end
    end`,
};

/** Rows of B, one after the other, to panels. It reads past the end of the last row. */
const PACK: WasmFunction = {
  name: "pack",
  parameters: ["from", "step", "depth", "panels", "to"],
  locals: { at: "i32", left: "i32" },
  text: `
    block done
      loop panel
        local.get panels  i32.eqz  br_if done
        local.get from  local.set at
        local.get depth  local.set left
        loop next
          ${
    each(PANEL / 4, (v) => `
          local.get to  local.get at  v128.load offset=${16 * v}  v128.store offset=${16 * v}`)
  }
          local.get at  local.get step  i32.add  local.set at
          local.get to  i32.const ${ROW_BYTES}  i32.add  local.set to
          local.get left  i32.const 1  i32.sub  local.tee left  br_if next
        end
        local.get from  i32.const ${ROW_BYTES}  i32.add  local.set from
        local.get panels  i32.const 1  i32.sub  local.set panels
        br panel
      end
    end`,
};

/** Four 32-bit lanes of two vectors: 0 to 3 of the first, 4 to 7 of the second. */
function lanes(...chosen: readonly number[]): string {
  return `i8x16.shuffle ${
    chosen.flatMap((lane) => [0, 1, 2, 3].map((i) => 4 * lane + i)).join(" ")
  }`;
}

/**
 * The same for a B that lies there by columns: four of them at a time, four elements of each turned
 * into four rows. It reads past the end of a column, and writes past the end of the last panel.
 */
const PACK_COLUMNS: WasmFunction = {
  name: "packColumns",
  parameters: ["from", "step", "depth", "panels", "to"],
  locals: {
    ...{ at0: "i32", at1: "i32", at2: "i32", at3: "i32", put: "i32", end: "i32", four: "i32" },
    ...{ x0: "v128", x1: "v128", x2: "v128", x3: "v128" },
    ...{ y0: "v128", y1: "v128", y2: "v128", y3: "v128" },
  },
  text: `
    block done
      loop panel
        local.get panels  i32.eqz  br_if done
        i32.const 0  local.set four
        loop column
          local.get from  local.set at0
          local.get at0  local.get step  i32.add  local.set at1
          local.get at1  local.get step  i32.add  local.set at2
          local.get at2  local.get step  i32.add  local.tee at3
          local.get step  i32.add  local.set from
          local.get to  local.get four  i32.add  local.set put
          local.get at0  local.get depth  i32.const 2  i32.shl  i32.add  local.set end
          loop next
            ${
    each(4, (i) => `
            local.get at${i}  v128.load  local.set x${i}
            local.get at${i}  i32.const 16  i32.add  local.set at${i}`)
  }
            local.get x0  local.get x1  ${lanes(0, 4, 1, 5)}  local.set y0
            local.get x0  local.get x1  ${lanes(2, 6, 3, 7)}  local.set y1
            local.get x2  local.get x3  ${lanes(0, 4, 1, 5)}  local.set y2
            local.get x2  local.get x3  ${lanes(2, 6, 3, 7)}  local.set y3
            ${
    each(4, (i) => `
            local.get put  local.get y${i >> 1}  local.get y${2 + (i >> 1)}
            ${i % 2 === 0 ? lanes(0, 1, 4, 5) : lanes(2, 3, 6, 7)}
            v128.store offset=${ROW_BYTES * i}`)
  }
            local.get put  i32.const ${4 * ROW_BYTES}  i32.add  local.set put
            local.get at0  local.get end  i32.lt_u  br_if next
          end
          local.get four  i32.const 16  i32.add  local.tee four
          i32.const ${ROW_BYTES}  i32.lt_u  br_if column
        end
        local.get to  local.get depth  i32.const ${ROW_BYTES}  i32.mul  i32.add  local.set to
        local.get panels  i32.const 1  i32.sub  local.set panels
        br panel
      end
    end`,
};

/** Copies rows of so many bytes; with a step of 0 the same row again and again. */
const COPY_ROWS: WasmFunction = {
  name: "copyRows",
  parameters: ["from", "fromStep", "to", "toStep", "rows", "bytes"],
  locals: {},
  text: `
    block done
      loop next
        local.get rows  i32.eqz  br_if done
        local.get to  local.get from  local.get bytes  memory.copy
        local.get from  local.get fromStep  i32.add  local.set from
        local.get to  local.get toStep  i32.add  local.set to
        local.get rows  i32.const 1  i32.sub  local.set rows
        br next
      end
    end`,
};

/** Negative numbers become 0; -0 and NaN stay. `to` is a whole number of rows of a panel further. */
const RELU: WasmFunction = {
  name: "relu",
  parameters: ["from", "to"],
  locals: {},
  text: `
    loop next
      ${
    each(PANEL / 4, (v) => `
      local.get from
      local.get from  v128.load offset=${16 * v}  i32.const 0  i32x4.splat  f32x4.pmax
      v128.store offset=${16 * v}`)
  }
      local.get from  i32.const ${ROW_BYTES}  i32.add  local.tee from
      local.get to  i32.lt_u  br_if next
    end`,
};

/** The module's bytes; always the same. */
export function kernelModule(): Uint8Array {
  const tiles = Array.from({ length: ROWS }, (_, i) => tile(i + 1));
  return assemble({
    functions: [...tiles, MULTIPLY, PACK, PACK_COLUMNS, COPY_ROWS, RELU],
    exports: ["multiply", "pack", "packColumns", "copyRows", "relu"],
    pages: PAGES,
  });
}

/** The text of the file that the library has the module from. */
export function kernelSource(): string {
  const base64 = btoa(String.fromCharCode(...kernelModule()));
  const lines = base64.match(/.{1,90}/g)!.map((line) => `  "${line}"`).join(" +\n");
  return `/**
 * The module that \`simd_kernel.ts\` runs: made by \`scripts/build_kernel.ts\`, where its source is.
 *
 * @module
 */

/** Columns in a panel. */
export const PANEL = ${PANEL};

/** Size of its memory, in bytes. */
export const MEMORY_BYTES = ${PAGES * 65536};

/** The module, as base64. */
export const MODULE: string =
${lines};
`;
}

if (import.meta.main) {
  const file = new URL(`../${OUT}`, import.meta.url);
  const source = kernelSource();
  if (!Deno.args.includes("--check")) await Deno.writeTextFile(file, source);
  else if (await Deno.readTextFile(file) !== source) {
    console.error(`${OUT} is not what scripts/build_kernel.ts makes (run it without --check)`);
    Deno.exit(1);
  }
  console.log(`${OUT}: ${kernelModule().length} bytes`);
}
