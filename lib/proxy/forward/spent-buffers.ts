// V8 collects the buffers that bodies come in only when there are 32 MB of them, and until then counts them towards the limit of its old
// generation. A process that does little but forward has a low one: it would collect all of its memory every few megabytes. So the
// buffers are given back one by one, as soon as what is in them is written; the next part then comes into memory that is still in the CPU's cache.

import { channel } from 'node:diagnostics_channel'
import { IncomingMessage, OutgoingMessage, type ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import { MessageChannel } from 'node:worker_threads'

/** Half of `Buffer.poolSize` as Node has it: smaller ones may share a pool. Bytes. */
const MIN_BYTES = 4_096

/** What is transferred here is freed, as no other end is left (HTML, §9.4.4, the message port post message steps). */
const { port1: nowhere, port2: otherEnd } = new MessageChannel()
otherEnd.close()

/** Whoever listens to undici gets the parts of bodies, and may keep them. */
const watched = [channel('undici:request:bodyChunkSent'), channel('undici:request:bodyChunkReceived')]
/** Or the headers of an answer, as they came: before the first part of its body, in one buffer with that. */
const watchedHeads = channel('undici:request:headers')

// A middleware, or what watches an application, may put functions of its own in the way, and keep what goes through them. Seen is what
// differs from what there was when this was loaded.
const isWrittenAsMade = asMade(OutgoingMessage.prototype, ['write'])
const isEndedAsMade = asMade(OutgoingMessage.prototype, ['end'])
const isReadAsMade = asMade(IncomingMessage.prototype, ['on', 'emit', 'push', 'read', 'unshift', '_read'])
const isSocketAsMade = asMade(Socket.prototype, ['write'])

/**
 * Frees the memory of a part of a body, which has been written and is read no more. Others in its buffer are of the same body, as each
 * connection has one request at a time, and what came before it was written before it. What comes behind it may still be to be read: such
 * a buffer is left alone, as are those that Node lets nobody transfer, because they are pools.
 */
export function giveBack(part: Buffer): void {
  const { buffer, byteOffset, length } = part
  if (length < MIN_BYTES || byteOffset + length !== buffer.byteLength) return
  if (isWatched() || (byteOffset > 0 && watchedHeads.hasSubscribers)) return
  try {
    nowhere.postMessage(null, [buffer as ArrayBuffer])
  } catch {
    // It cannot be transferred. Some versions of Node say so, others do nothing.
  }
}

/** @returns what `res.write()` is to call when it has written `part`; `undefined`: somebody else may see it. */
export function giverOf(part: Buffer, res: ServerResponse): ((error?: Error | null) => void) | undefined {
  if (part.length < MIN_BYTES || !isWrittenAsMade(res) || !isNodes(res.socket) || isWatched()) return undefined
  return (error) => {
    if (!error) giveBack(part)
  }
}

/** Does what ends it reach the kernel without anybody seeing it? */
export function goesToKernel(res: ServerResponse): boolean {
  return isEndedAsMade(res) && isNodes(res.socket)
}

/** Do the parts of a request's body come from a connection, and straight to who listens? */
export function isNodesBody(req: IncomingMessage): boolean {
  return isReadAsMade(req) && isNodes(req.socket)
}

/** Does somebody get the parts of bodies beside us? */
export function isWatched(): boolean {
  return watched.some(({ hasSubscribers }) => hasSubscribers)
}

/** Does what is written to it go to the kernel? Other streams that stand in for a connection may hand it on. */
export function isNodes(socket: Socket | null | undefined): socket is Socket {
  if (socket === null || socket === undefined || !isSocketAsMade(socket)) return false
  const prototype: unknown = Object.getPrototypeOf(socket)
  return prototype === Socket.prototype || prototype === TLSSocket.prototype
}

function asMade(prototype: object, names: readonly string[]): (made: object) => boolean {
  const methods = names.map((name) => ({ name, method: Reflect.get(prototype, name) as unknown }))
  return (made) => methods.every(({ name, method }) => Reflect.get(made, name) === method)
}
