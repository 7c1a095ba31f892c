import type { Poller } from "./poller.ts";
export class Kqueue { constructor(_b: unknown, _o: string, _m: number) {} }
export interface Kqueue extends Poller {}
