import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Server as HttpsServer } from 'node:https'
import type { Socket } from 'node:net'
import * as z from 'zod'
import { withoutLastSlash } from '../../express/navigation.ts'
import { readOptions, type Same } from '../../option-reader.ts'
import type { Runtime } from '../../runtime.ts'
import { hasBody } from '../gate/framing.ts'
import { isBelow } from '../gate/path.ts'
import { isTaken, UpgradeRequest } from './upgrade-request.ts'

export interface AttachOptions {
  /**
   * Only upgrades at or below this path go through the application; others are left to the server's other `upgrade` listeners, where
   * there are any. Default: all of them go through it.
   */
  path?: string | undefined
}

const schema = z.strictObject({
  path: z.string().regex(/^\/[^?#]*$/, 'must be a path, such as /live').optional(), // prettier-ignore
})

const REFUSAL_HEADERS = { 'content-type': 'text/plain', 'cache-control': 'no-store' }
const NO_BODY = 'A request that offers to go on in another protocol (Upgrade) can have no body here.\n'

const documented: Same<z.input<typeof schema>, AttachOptions> = true
void documented

/**
 * Has upgrades (RFC 9110 §7.8) go through the application that answers the server's requests: the same mount paths, the same guards. One
 * that does not reach a proxy gets an ordinary answer.
 *
 * @throws {AuthError} `ERR_AUTH_OPTIONS`
 */
export function attachUpgrades(server: Server | HttpsServer, options: AttachOptions, runtime: Runtime): void {
  const { path } = readOptions(schema, options, 'attach()')
  const prefix = path === undefined ? undefined : withoutLastSlash(path)
  listen(server, runtime, ({ url = '' }) => prefix === undefined || isBelow(url.split(/[?#]/, 1)[0] ?? '', prefix))
}

/** The same for a server on which nobody else listens for upgrades. Once somebody does, that they are ours has to be said by `attach()`. */
export function attachLonelyUpgrades(server: Server | HttpsServer, runtime: Runtime): void {
  listen(server, runtime, () => false)
}

/** @param isOurs is it, also where others listen? */
function listen(server: Server | HttpsServer, runtime: Runtime, isOurs: (req: IncomingMessage) => boolean): void {
  // By its least specific type: of two overloaded methods neither fits both.
  const emitter: NodeJS.EventEmitter = server
  emitter.on('upgrade', function latchkeyUpgrade(req: IncomingMessage, socket: Socket, head: Buffer) {
    if (isTaken(req)) return // attached twice
    // Where nobody else listens, nobody else would ever answer.
    const isLonely = emitter.listeners('upgrade').every(({ name }) => name === latchkeyUpgrade.name)
    if (!isLonely && !isOurs(req)) return
    const response = responseTo(req, socket, head, runtime)
    if (response === undefined) return
    // Node has not read it as one, and what it holds would be taken for the other protocol.
    if (hasBody(req)) response.writeHead(400, REFUSAL_HEADERS).end(NO_BODY)
    else emitter.emit('request', req, response)
  })
}

/**
 * @returns `undefined` for a request that is pipelined behind another one whose answer is still under way. Node has let go of the connection
 * all the same, so that answer could not end in good order any more; the connection is closed, as any server may (RFC 9112 §9.3.2).
 */
function responseTo(req: IncomingMessage, socket: Socket, head: Buffer, runtime: Runtime): ServerResponse | undefined {
  try {
    return new UpgradeRequest(req, socket, head, runtime).response
  } catch {
    socket.destroy()
    return undefined
  }
}
