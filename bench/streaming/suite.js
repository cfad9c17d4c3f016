import { download, MB, upload } from '../support/bodies.js'
import { contenders, LATCHKEY, packages } from '../proxy/contenders.js'

export const STALLED = '20 stalled readers of 50 MB'
export const EVENTS = 'first byte of an event stream'

/** What a proxy holds for readers that do not read, and when what it forwards arrives. */
export const suite = {
  name: 'streaming',
  title: 'Streaming',
  packages,
  contenders,
  readers: 20,
  size: 50 * MB,
  /** After the readers have left. */
  graceMs: 700,
  eventStreams: 30,
  /** What they are compared with. */
  directly: 'the upstream itself',
  /** For the question whether bodies are left as they are. */
  cases: [download('50 MB down', 50 * MB), upload('50 MB up', 50 * MB)],
  targets: [
    { figure: 'aheadMb', words: 'read ahead per reader', unit: ' MB', must: 10, aim: 10 },
    { figure: 'growthMb', words: 'growth of the process', unit: ' MB', must: 80, aim: 40 },
    { figure: 'stillOpen', words: 'upstream answers open 0.7 s after the readers left', must: 0, aim: 0 },
  ].map((target) => ({ id: 'P6', case: STALLED, one: LATCHKEY, ...target })),
}
