import { ServerResponse, type IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Runtime } from '../../runtime.ts'
import { closeSoon } from '../forward/closing.ts'
import { offeredProtocols } from './upgrade-protocols.ts'

/**
 * By the request itself: instances of the package share nothing, but the one that is attached to the server need not be the one whose
 * proxy the request reaches.
 */
const upgrades = new WeakMap<IncomingMessage, UpgradeRequest>()

/** The connection behind a request that asks to go on in another protocol; `undefined` for any other request. */
export function upgradeOf(req: IncomingMessage): UpgradeRequest | undefined {
  const upgrade = upgrades.get(req)
  return upgrade === undefined || upgrade.protocols.length === 0 ? undefined : upgrade
}

/** Is somebody seeing to it already? */
export function isTaken(req: IncomingMessage): boolean {
  return upgrades.has(req)
}

/**
 * A request that Node has let go of, with its connection. It goes through the application as any other; what the application answers is
 * written and the connection closed, unless somebody takes the connection.
 */
export class UpgradeRequest {
  readonly protocols: readonly string[]
  readonly #socket: Socket
  readonly #res: ServerResponse

  /**
   * @param head what the client has sent behind the request.
   * @throws if an answer to an earlier request is still under way on the connection.
   */
  constructor(req: IncomingMessage, socket: Socket, head: Buffer, runtime: Runtime) {
    this.protocols = offeredProtocols(req)
    this.#socket = socket
    const res = new ServerResponse(req)
    this.#res = res
    res.shouldKeepAlive = false
    // All that follows from an error is that it closes.
    socket.on('error', () => {})
    res.assignSocket(socket)
    socket.setTimeout(0)
    if (head.length > 0) socket.unshift(head)
    // As Node's server does for the responses that it makes itself.
    socket.on('drain', this.#drained)
    socket.on('readable', this.#peek)
    socket.on('end', this.#clientGone)
    res.once('finish', () => this.#linger(runtime))
    upgrades.set(req, this)
    // What cannot go on in any of the protocols it offers is an ordinary request (RFC 9110 §7.8).
    if (this.protocols.length === 0) Object.assign(req, { upgrade: false })
  }

  get response(): ServerResponse {
    return this.#res
  }

  /** From now on the connection is the caller's, and the response answers nothing any more. It closes with the connection. */
  take(): Socket {
    const [socket, res] = [this.#socket, this.#res]
    this.#release()
    res.detachSocket(socket)
    res.statusCode = 101
    socket.once('close', () => res.emit('close'))
    return socket
  }

  readonly #drained = (): void => void this.#res.emit('drain')

  /** Reads on as far as the buffer goes, for else nobody would notice that the client leaves. */
  readonly #peek = (): void => {
    if (this.#socket.readableLength === 0) this.#socket.read()
  }

  readonly #clientGone = (): void => void this.#socket.destroy()

  #release(): void {
    this.#socket.off('drain', this.#drained).off('readable', this.#peek).off('end', this.#clientGone)
  }

  /** To close with bytes unread would take the end of the answer from the client. */
  #linger(runtime: Runtime): void {
    const socket = this.#socket
    this.#release()
    socket.resume()
    closeSoon(socket, runtime)
  }
}
