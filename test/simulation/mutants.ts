/** A mistake to be planted into a copy of the compiled code, where the simulation must find it. */
export interface Mutant {
  /** What goes wrong, in a word or two. */
  readonly name: string
  /** Of the compiled code. */
  readonly file: string
  /** Must stand there exactly once. */
  readonly find: string
  readonly replace: string
}

const session = 'src/core/live-session.js'
const loop = 'src/core/handler-loop.js'
const outbound = 'src/core/outbound.js'
const buffer = 'src/core/chunk-buffer.js'
const clock = 'src/core/session-clock.js'
const slot = 'src/core/client-slot.js'
const server = 'src/core/live-server.js'
const incoming = 'src/rpc/incoming-calls.js'
const outgoing = 'src/rpc/outgoing-calls.js'

/** RELIABILITY §4.1, as far as core, transports and RPC go. */
export const MUTANTS: readonly Mutant[] = [
  // ── The life of a session ───────────────────────────────────────────────────────────────────────────────────
  {
    name: 'close-told-twice',
    file: session,
    find: 'this.#ending.tellClosed(cause);',
    replace: 'this.#ending.tellClosed(cause); if (this.#hooks.begun) this.#hooks.close(cause);',
  },
  {
    name: 'close-never-told-after-an-error',
    file: session,
    find: 'this.#hooks.close(cause);',
    replace: "if (cause.by !== 'error') this.#hooks.close(cause);",
  },
  {
    name: 'message-before-open-is-done',
    file: session,
    find: 'this.#loop.hold();\n        if (this.#config.setup.data !== undefined)',
    replace: 'this.#loop.release();\n        if (this.#config.setup.data !== undefined)',
  },
  {
    name: 'message-after-close',
    file: session,
    find: "if (this.#cause?.by === 'local')\n            this.#loop.discard();\n        this.#loop.finish(() => this.#closedError());",
    replace: '',
  },
  {
    name: 'hook-inside-a-call',
    file: session,
    find: '#later(run) {\n        this.#config.env.defer(run);',
    replace: '#later(run) {\n        run();',
  },
  {
    name: 'close-does-not-flush',
    file: session,
    find: 'this.#outbound.flushAll();',
    replace: '',
  },
  {
    name: 'close-never-times-out',
    file: session,
    find: 'this.#makeClock().startClosing();\n        this.#outbound.flushAll();',
    replace: 'this.#outbound.flushAll();',
  },
  {
    name: 'clock-runs-on',
    file: session,
    find: 'this.#clock?.stop();',
    replace: '',
  },
  {
    name: 'close-forgets-who-waits',
    file: session,
    find: 'this.#outbound.close(why);',
    replace: '',
  },
  // ── Receiving ───────────────────────────────────────────────────────────────────────────────────────────────
  {
    name: 'pause-ignored',
    file: loop,
    find: 'const paused = this.#paused || this.#stagePauses > 0;',
    replace: 'const paused = this.#stagePauses > 0;',
  },
  {
    name: 'resume-forgets-what-waits',
    file: loop,
    find: 'this.#paused = false;\n        this.#update();\n        this.#runLater();',
    replace: 'this.#paused = false;\n        this.#update();',
  },
  {
    name: 'handlers-without-end',
    file: loop,
    find: 'this.#running < this.#limits.concurrency',
    replace: 'this.#running <= this.#limits.concurrency',
  },
  {
    name: 'no-backpressure',
    file: loop,
    find: 'this.#readPaused = true;\n            this.#connection.pause();',
    replace: 'this.#readPaused = true;',
  },
  {
    name: 'reading-never-resumed',
    file: loop,
    find: 'this.#readPaused = false;\n        this.#connection.resume();',
    replace: 'this.#readPaused = false;',
  },
  {
    name: 'end-overtakes-messages',
    file: loop,
    find: 'const awaited = this.#pull ? (this.#receivers?.size ?? 0) > 0 : this.#running === 0;',
    replace: 'const awaited = true;',
  },
  {
    name: 'borrowed-chunk-kept',
    file: loop,
    find: 'buffer.settle(true);',
    replace: '{}',
  },
  {
    name: 'split-frame-joined-short',
    file: buffer,
    find: 'this.#bytes.set(part, this.#end);\n            this.#end += part.length;',
    replace: 'this.#bytes.set(part.subarray(0, part.length - 1), this.#end);\n            this.#end += part.length;',
  },
  {
    name: 'consumed-memory-written-again',
    file: buffer,
    find: 'const fits = this.#owned && this.#end + chunk.length <= this.#bytes.length;',
    replace:
      'const fits = this.#owned && chunk.length <= this.#at; if (fits) { this.#bytes.copyWithin(0, this.#at, this.#end); this.#end -= this.#at; this.#at = 0 }',
  },
  // ── Sending ─────────────────────────────────────────────────────────────────────────────────────────────────
  {
    name: 'flush-forgotten-after-a-resumed-pass',
    file: 'src/core/runtime.js',
    find: 'this.#scheduled = false;\n        this.#flush();',
    replace: 'this.#flush();',
  },
  {
    name: 'low-water-mark-never-reported',
    file: outbound,
    find: 'this.#blocked = false;\n        this.#drainWaits?.resolveAll();',
    replace: 'this.#blocked = false;',
  },
  {
    name: 'delivered-before-it-is-taken',
    file: outbound,
    find: 'deliveries.first.at <= at',
    replace: 'deliveries.first !== undefined',
  },
  {
    name: 'no-outgoing-limit',
    file: outbound,
    find: 'if (fill > limits.maxBufferedBytes)',
    replace: 'if (fill > limits.maxBufferedBytes * 100)',
  },
  {
    name: 'dropped-message-sent',
    file: outbound,
    find: '#overflow(writer, fill) {\n        writer.abandon();',
    replace: '#overflow(writer, fill) {\n        this.#keepRange(writer);',
  },
  {
    name: 'slow-peer-loses-what-was-gathered',
    file: outbound,
    find: 'this.#handOver(); // what was gathered meanwhile',
    replace: '{}',
  },
  // ── The clock ───────────────────────────────────────────────────────────────────────────────────────────────
  {
    name: 'no-patience-with-own-lateness',
    file: clock,
    find: 'if (lateMs > LATENESS_MS) {',
    replace: 'this.#decide(); return; if (lateMs > LATENESS_MS) {',
  },
  {
    name: 'dead-peer-never-found',
    file: clock,
    find: 'if (now >= this.#heartbeatOver(now))',
    replace: 'if (now >= this.#heartbeatOver(now) * 2)',
  },
  {
    name: 'heartbeat-not-sent',
    file: clock,
    find: 'this.#host.clockHeartbeat();',
    replace: '',
  },
  {
    name: 'timer-not-armed-again',
    file: 'src/core/timer-queue.js',
    find: "this.#arm(); // one that throws must not stop the others' time",
    replace: '',
  },
  // ── Client and Server ───────────────────────────────────────────────────────────────────────────────────────
  {
    name: 'redial-inside-close',
    file: slot,
    find: "this.#generation++;\n        if (this.#state === 'stopped')\n            return;",
    replace: 'this.#generation++;',
  },
  {
    name: 'no-backoff',
    file: slot,
    find: 'this.#timer = this.#env.setTimer(delayMs,',
    replace: 'this.#timer = this.#env.setTimer(1,',
  },
  {
    name: 'generation-stands-still',
    file: slot,
    find: 'this.#generation++;',
    replace: '',
  },
  {
    name: 'too-many-sessions',
    file: server,
    find: 'this.#handshakes + this.#unopened.size + this.#sessions.size >= maxSessions',
    replace: 'this.#handshakes + this.#unopened.size + this.#sessions.size > maxSessions',
  },
  {
    name: 'server-keeps-the-gone',
    file: server,
    find: '#onGone(session) {\n        this.#sessions.delete(session);',
    replace: '#onGone(session) {',
  },
  {
    name: 'handshake-count-leaks',
    file: server,
    find: '#onConnection(connection, since) {\n        this.#handshakes--;',
    replace: '#onConnection(connection, since) {',
  },
  {
    name: 'shutdown-does-not-wait',
    file: server,
    find: 'if (this.#openAcceptors > 0 || this.#sessions.size > 0 || this.#unopened.size > 0)',
    replace: 'if (this.#openAcceptors > 0)',
  },
  // ── Transports ──────────────────────────────────────────────────────────────────────────────────────────────
  {
    name: 'mask-does-not-turn',
    file: 'src/transports/websocket/frame-parser.js',
    find: 'this.#key = turned(this.#key, to - from);',
    replace: '',
  },
  {
    name: 'bytes-behind-the-proxy-header-lost',
    file: 'src/transports/proxy-protocol/pending-header.js',
    find: 'chunk.subarray(header.length - this.#held.length)',
    replace: 'chunk.subarray(chunk.length)',
  },
  // ── RPC ─────────────────────────────────────────────────────────────────────────────────────────────────────
  {
    name: 'answer-settles-another-call',
    file: 'src/rpc/call-table.js',
    find: 'return call?.id === id ? call : undefined;',
    replace: 'return call ?? this.all()[0];',
  },
  {
    name: 'cancel-not-sent',
    file: outgoing,
    find: "this.#outlet.notify(new Frame(FrameType.CANCEL, call.id, '', undefined));",
    replace: '',
  },
  {
    name: 'credit-never-returned',
    file: 'src/rpc/item-queue.js',
    find: 'this.#credit(readBytes + grownBytes);',
    replace: '',
  },
  {
    name: 'credit-returned-twice',
    file: 'src/rpc/item-queue.js',
    find: 'this.#credit(readBytes + grownBytes);\n        this.#readBytes = 0;',
    replace: 'this.#credit(readBytes + grownBytes);',
  },
  {
    name: 'stream-never-goes-on',
    file: 'src/rpc/outlet.js',
    find: 'sender.resume();',
    replace: '{}',
  },
  {
    name: 'items-never-closed',
    file: 'src/rpc/item-sender.js',
    find: 'if (!this.#stepping)\n            this.#close();',
    replace: '',
  },
  {
    name: 'calls-outlive-their-session',
    file: outgoing,
    find: 'for (const call of this.#table.all())\n            call.fail(error);',
    replace: '',
  },
  {
    name: 'handlers-outlive-their-session',
    file: incoming,
    find: 'call.abandon(error);\n        for (const { call } of',
    replace: 'void call;\n        for (const { call } of',
  },
  {
    name: 'deadline-never-over',
    file: outgoing,
    find: 'this.#wheel?.add(call, timeoutMs);',
    replace: '',
  },
  {
    name: 'deadline-does-not-travel',
    file: incoming,
    find: 'this.#wheel?.add(call.deadline, call.timeoutMs);',
    replace: '{}',
  },
  {
    name: 'handled-call-said-not-to-be',
    file: incoming,
    find: 'notRun: !call.ran',
    replace: 'notRun: true',
  },
  {
    name: 'unsafe-call-tried-again',
    file: 'src/rpc/retry.js',
    find: "(error.sent !== 'no' && !idempotent)",
    replace: 'false',
  },
]
