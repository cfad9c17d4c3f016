import { EventEmitter, once } from 'node:events'
import { freePort, start } from './processes.js'

/** The bench's hand on support/strict-server.js. Emits `stopped <client id>`, with the process whose request goes no further. */
export class StrictServer extends EventEmitter {
  #child
  #lastId = 0

  /**
   * @param clients their redirect URIs, by client id.
   * @param keepAliveMs for which an idle connection to it is kept; by default longer than anybody waits.
   */
  static async start(clients, keepAliveMs = 3_600_000) {
    const server = new StrictServer()
    const port = await freePort()
    server.issuer = `http://127.0.0.1:${port}`
    const env = { BENCH: JSON.stringify({ port, clients, keepAliveMs }) }
    server.#child = await start([process.execPath, 'support/strict-server.js'], {
      port,
      core: 'others',
      env,
      talks: true,
    })
    server.#child.on('message', (message) => {
      if (message.id === undefined) server.emit(`stopped ${message.clientId}`, message)
      else server.emit(`answer ${message.id}`, message.result)
    })
    return server
  }

  set(clientId, settings) {
    return this.#ask('set', { clientId, ...settings })
  }

  /** @returns for each what a resource server would have said to it, or `null`. */
  check(handedOut) {
    return this.#ask('check', handedOut)
  }

  families(subjects) {
    return this.#ask('families', subjects)
  }

  async #ask(name, argument) {
    const id = (this.#lastId += 1)
    const answer = once(this, `answer ${id}`)
    this.#child.send({ id, name, argument })
    const [result] = await answer
    return result
  }
}
