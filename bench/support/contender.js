// What every contender's process shares: what it is given, and how it ends.
import { createServer } from 'node:http'

/** `port` to listen on; `issuer`, `redisPort` and `upstream`: what the bench started around it; and what its entry in the suite adds. */
export const given = JSON.parse(process.env.BENCH)

export const baseUrl = `http://127.0.0.1:${given.port}`

export function listen(handler) {
  return open(createServer(handler))
}

export function open(server) {
  // A whole herd may connect at once.
  return server.listen({ port: given.port, host: '127.0.0.1', backlog: 4_096 })
}

// An ordinary exit, so that --cpu-prof gets to write its file.
process.on('SIGTERM', () => process.exit(0))
