// As much of node's test runner as the tests use, so that type checking needs
// no package but the compiler.
declare module "node:test" {
  export function test(name: string, run: () => void | Promise<void>): void;
}

declare module "node:assert/strict" {
  export function equal(actual: unknown, expected: unknown, message?: string): void;
  export function deepEqual(actual: unknown, expected: unknown, message?: string): void;
  export function ok(value: unknown, message?: string): asserts value;
  export function throws(run: () => unknown, expected?: unknown): void;
  export function rejects(promise: Promise<unknown>, expected?: unknown): Promise<void>;
}
