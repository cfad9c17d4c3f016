import { measureCapacity } from './measure.js'
import { describeCapacity, writeCapacity } from './report.js'

export async function runCapacity({ isQuick }) {
  const size = isQuick ? { signIns: 200, repetitions: 50 } : { signIns: 20_000, repetitions: 500 }
  const text = describeCapacity(await measureCapacity({ ...size, log: console.log }))
  console.log(`\n${text}`)
  if (!isQuick) writeCapacity(text)
}
