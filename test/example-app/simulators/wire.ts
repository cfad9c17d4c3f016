import { expect } from '@jest/globals'
import { connect } from 'node:net'

/** An answer as it came over the wire. */
export interface WireAnswer {
  readonly statusLine: string
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: string
}

/**
 * Sends a transcript of a request as it stands there, over a connection of its own and without an HTTP client.
 *
 * Line breaks that a transcript has for reading (before `&`, and after the comma of a JSON body) are not sent, and a
 * `Content-Length` is added for a body. Nothing else is changed; `Host` is not where the connection goes.
 */
export async function send(url: string, transcript: string): Promise<WireAnswer> {
  const { head, body } = split(transcript)
  const length = Buffer.byteLength(body)
  const lines = length === 0 || /^content-length:/im.test(head) ? [head] : [head, `Content-Length: ${length}`]
  return parseAnswer(await bytesFrom(url, `${lines.join('\n').replaceAll('\n', '\r\n')}\r\n\r\n${body}`))
}

/** Checks the status line, each header that the transcript lists, letter for letter and in its order, and the body. */
export function expectAnswer(answer: WireAnswer, transcript: string): void {
  const { head, body } = split(transcript)
  const [statusLine, ...lines] = head.split('\n')
  const listed = lines.map(headerOf)
  const names = new Set(listed.map(([name]) => name))
  expect({ ...answer, headers: answer.headers.filter(([name]) => names.has(name)) }).toEqual({
    statusLine,
    headers: listed,
    body,
  })
}

export function header(answer: WireAnswer, name: string): string | undefined {
  return answer.headers.find(([candidate]) => candidate.toLowerCase() === name.toLowerCase())?.[1]
}

export function statusOf({ statusLine }: WireAnswer): number {
  return Number(statusLine.split(' ')[1])
}

/** Hands out the values of a transcript, in their order; what is used up is left to the simulator. */
export function values(queues: Readonly<Record<string, readonly string[]>>): (kind: string) => string | undefined {
  const left = new Map(Object.entries(queues).map(([kind, queue]) => [kind, [...queue]]))
  return (kind) => left.get(kind)?.shift()
}

function split(transcript: string): { readonly head: string; readonly body: string } {
  const joined = transcript
    .trim()
    .replaceAll(/\n[\n ]*&/g, '&')
    .replaceAll(/,\n *"/g, ',"')
  const blank = joined.indexOf('\n\n')
  return blank === -1 ? { head: joined, body: '' } : { head: joined.slice(0, blank), body: joined.slice(blank + 2) }
}

function headerOf(line: string): readonly [string, string] {
  const colon = line.indexOf(': ')
  return [line.slice(0, colon), line.slice(colon + 2)]
}

function parseAnswer(bytes: string): WireAnswer {
  const end = bytes.indexOf('\r\n\r\n')
  const [statusLine = '', ...lines] = bytes.slice(0, end).split('\r\n')
  return { statusLine, headers: lines.map(headerOf), body: bytes.slice(end + 4) }
}

/** @throws when the connection ends before the answer does. */
function bytesFrom(url: string, request: string): Promise<string> {
  const { port, hostname } = new URL(url)
  return new Promise((resolve, reject) => {
    let received = Buffer.alloc(0)
    const socket = connect(Number(port), hostname, () => socket.write(request))
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk])
      if (!isComplete(received)) return
      socket.destroy()
      resolve(received.toString('utf8'))
    })
    socket.once('error', reject)
    socket.once('close', () => reject(new Error('the connection was cut before the answer was complete')))
  })
}

function isComplete(received: Buffer): boolean {
  const end = received.indexOf('\r\n\r\n')
  if (end === -1) return false
  const length = /^content-length: (\d+)$/im.exec(received.subarray(0, end).toString('latin1'))?.[1]
  return received.length >= end + 4 + Number(length ?? 0)
}
