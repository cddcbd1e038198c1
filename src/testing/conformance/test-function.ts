/** What registers a test: that of AVA, `node:test`, Vitest, Mocha and others. */
export type TestFunction = (title: string, run: () => void | Promise<void>) => void
