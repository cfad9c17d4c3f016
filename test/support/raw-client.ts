import { request, type ClientRequest, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http'
import { connect, type Socket } from 'node:net'
import type { Browser } from './browser.ts'

export interface RawRequestOptions {
  readonly method?: string
  readonly headers?: OutgoingHttpHeaders
}

/**
 * Begins a request with a browser's cookies on a connection of its own, for tests that write and read it bit by bit.
 *
 * The caller ends it, also when there is no body.
 */
export function beginRequest(browser: Browser, url: string | URL, options: RawRequestOptions = {}): ClientRequest {
  const { method = 'GET', headers = {} } = options
  const cookie = browser.cookieHeader(url)
  const outgoing = request(url, {
    method,
    agent: false,
    headers: { 'sec-fetch-site': 'same-origin', ...headers, cookie },
  })
  // Cutting a connection is what some tests are about; those that wait for the answer hear of it there.
  outgoing.on('error', () => {})
  return outgoing
}

/** Resolves with the head of the answer; its body is still to be read. */
export function answerTo(outgoing: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    outgoing.once('response', resolve)
    outgoing.once('error', reject)
  })
}

export interface Received {
  readonly text: string
  /** `cut`: the connection was closed before the end of the answer. */
  readonly end: 'complete' | 'cut'
}

/** Reads an answer until it ends, one way or the other. */
export async function receive(answer: IncomingMessage): Promise<Received> {
  const chunks: Buffer[] = []
  try {
    for await (const chunk of answer as AsyncIterable<Buffer>) chunks.push(chunk)
  } catch {
    return { text: Buffer.concat(chunks).toString('latin1'), end: 'cut' }
  }
  return { text: Buffer.concat(chunks).toString('latin1'), end: answer.complete ? 'complete' : 'cut' }
}

/** Sends bytes as they are and resolves with all that came back until the server closed the connection. */
export async function exchangeBytes(url: string, bytes: string): Promise<string> {
  const { port, hostname } = new URL(url)
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    const socket: Socket = connect(Number(port), hostname, () => socket.write(bytes, 'latin1'))
    socket.on('data', (chunk: Buffer) => chunks.push(chunk))
    socket.once('end', () => resolve(Buffer.concat(chunks).toString('latin1')))
    socket.once('error', reject)
  })
}
