// Tests run from what the compiler made of them (`npm run compile`), each file in a process of its own:
// worker threads share signals, the working directory and the heap's flags.
export default {
  files: ['.build/test/**/*.test.js'],
  workerThreads: false,
  nodeArguments: ['--enable-source-maps', '--expose-gc'],
  timeout: '30s',
}
