import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { Cluster, TIMES } from './cluster.ts'
import { FAULTS } from './faults.ts'
import { atOnce, CALMLY, Herd, type Session } from './herd.ts'
import { table, type Row } from './report.ts'
import { play } from './scenario.ts'

const HERD = 1_000
const FEW = 48

describe('four processes, one Redis, one strict authorization server', () => {
  const rows: Row[] = []
  let cluster: Cluster
  let herd: Herd

  beforeAll(async () => {
    cluster = await Cluster.start()
    herd = new Herd(cluster)
  })
  afterAll(async () => {
    if (rows.length > 0) process.stdout.write(`\n${table(rows)}\n\nMeasured (expected). Lease ${TIMES.leaseMs} ms.\n`)
    await herd.close()
    await cluster.close()
  })

  /** Signed in, and then nobody asks until all their access tokens, of one second, have expired. */
  async function expiredSessions(group: string, count: number): Promise<Session[]> {
    await cluster.order({ lifetimeMs: 1_000 })
    const sessions = await atOnce(
      CALMLY,
      Array.from({ length: count }, (_, n) => `${group}/${n}`),
      (subject) => herd.signIn(subject),
    )
    await delay(1_000)
    return sessions
  }

  test.each(FAULTS.map((fault, at) => [fault.name, fault, at] as const))(
    '%s',
    async (_, fault, at) => {
      try {
        const sessions = await expiredSessions(`group-${at}`, at === 0 ? HERD : FEW)
        const row = await play(cluster, herd, { ...fault, sessions })
        rows.push(row)

        expect(row.cells.filter(({ holds }) => !holds)).toEqual([])
      } catch (error) {
        await cluster.heal()
        throw error
      }
    },
    240_000,
  )
})
