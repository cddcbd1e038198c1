// Tests run from what the compiler made of them (`npm run compile`), each file in a process of its own:
// worker threads share signals, the working directory and the heap's flags.
export default {
  // Those in test/interop talk to programs that are not ours and may not be there: `npm run interop`.
  files: process.env['HAWSER_INTEROP']
    ? ['.build/test/interop/**/*.test.js']
    : ['.build/test/**/*.test.js', '!.build/test/interop/**'],
  workerThreads: false,
  nodeArguments: ['--enable-source-maps', '--expose-gc'],
  timeout: '60s',
}
