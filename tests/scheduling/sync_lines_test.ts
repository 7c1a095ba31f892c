/**
 * Notify, Latch, WaitGroup and Barrier against their models.
 *
 * @module
 */
import { Barrier, Latch, Notify, WaitGroup } from "@vais/runtime";
import { LineModel, mustMatchLine } from "../support/sync_lines.ts";
import { test } from "../support/test.ts";

/** A notification for one: true. For all: false. */
class NotifyModel extends LineModel<undefined> {
  kept = false;
  /** Those who were notified alone. */
  readonly alone = new Set<number>();

  begin(): { value: undefined } | undefined {
    if (!this.kept) return undefined;
    this.kept = false;
    return { value: undefined };
  }

  operate(operation: string): unknown {
    if (operation === "notifyAll") {
      const all = this.queue.length;
      while (this.queue.length > 0) this.grant(undefined);
      return all;
    }
    const first = this.queue[0];
    if (first === undefined) this.kept = true;
    else {
      this.alone.add(first);
      this.grant(undefined);
    }
    return first !== undefined;
  }

  override leave(id: number, status: string): void {
    const passesOn = this.granted.has(id) && this.alone.has(id);
    super.leave(id, status);
    if (passesOn) this.operate("notifyOne");
  }

  facts(): unknown {
    return [this.kept, this.queue.length];
  }
}

test("Notify does what its model does: 10 000 programs", () =>
  mustMatchLine<void>({
    operations: ["notifyOne", "notifyOne", "notifyAll"],
    model: () => new NotifyModel() as LineModel<void>,
    make() {
      const notify = new Notify();
      return {
        wait: (options) => notify.wait(options),
        operate: (operation) => operation === "notifyAll" ? notify.notifyAll() : notify.notifyOne(),
        facts: () => [notify.isNotified, notify.waiting],
        close: () => notify.close(),
      };
    },
  }));

class LatchModel extends LineModel<undefined> {
  constructor(public count: number) {
    super();
  }

  begin(): { value: undefined } | undefined {
    return this.count === 0 ? { value: undefined } : undefined;
  }

  operate(operation: string, n: number): unknown {
    this.count = operation === "open" ? 0 : Math.max(0, this.count - (n === 0 ? 1 : n));
    if (this.count === 0) { while (this.queue.length > 0) this.grant(undefined); }
    return operation === "open" ? undefined : this.count === 0;
  }

  override isClosedFor(): boolean {
    return this.closed && this.count > 0;
  }

  facts(): unknown {
    return [this.count, this.queue.length];
  }
}

test("Latch does what its model does: 10 000 programs", () =>
  mustMatchLine<void>({
    operations: ["countDown", "countDown", "countDown", "open"],
    model: (size) => new LatchModel(size * 3) as LineModel<void>,
    make(size) {
      const latch = new Latch(size * 3);
      return {
        wait: (options) => latch.wait(options),
        operate: (operation, n) =>
          operation === "open" ? latch.open() : latch.countDown(n === 0 ? undefined : n),
        facts: () => [latch.count, latch.waiting],
        close: () => latch.close(),
      };
    },
  }));

class WaitGroupModel extends LineModel<undefined> {
  count = 0;

  begin(): { value: undefined } | undefined {
    return this.count === 0 ? { value: undefined } : undefined;
  }

  operate(operation: string, n: number): unknown {
    if (operation === "add") this.count += n + 1;
    else if (this.count === 0) return "RangeError";
    else if (--this.count === 0) { while (this.queue.length > 0) this.grant(undefined); }
    return undefined;
  }

  facts(): unknown {
    return [this.count, this.queue.length];
  }
}

test("WaitGroup does what its model does: 10 000 programs", () =>
  mustMatchLine<void>({
    operations: ["add", "done", "done", "done", "done"],
    model: () => new WaitGroupModel() as LineModel<void>,
    make() {
      const group = new WaitGroup();
      return {
        wait: (options) => group.wait(options),
        operate: (operation, n) => {
          try {
            return operation === "add" ? group.add(n + 1) : group.done();
          } catch (error) {
            return (error as Error).name;
          }
        },
        facts: () => [group.count, group.waiting],
        close: () => group.close(),
      };
    },
  }));

class BarrierModel extends LineModel<boolean> {
  round = 0;

  constructor(readonly parties: number) {
    super();
  }

  begin(): { value: boolean } | undefined {
    if (this.queue.length + 1 < this.parties) return undefined;
    this.round++;
    while (this.queue.length > 0) this.grant(false);
    return { value: true };
  }

  operate(): void {}

  facts(): unknown {
    return [this.round, this.queue.length];
  }
}

test("Barrier does what its model does: 10 000 programs", () =>
  mustMatchLine<boolean>({
    operations: ["nothing"],
    model: (size) => new BarrierModel(size),
    make(size) {
      const barrier = new Barrier(size);
      return {
        wait: (options) => barrier.wait(options),
        operate: () => {},
        facts: () => [barrier.round, barrier.arrived],
        close: () => barrier.close(),
      };
    },
  }));
