import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { bytes } from './bytes.js'

export const MB = 1024 * 1024

/** A case of a suite: a body of that size comes from the upstream, unchanged. */
export function download(title, size, connections) {
  return {
    title,
    path: `/api/bytes/${size}`,
    connections,
    async check(response) {
      const body = Buffer.from(await response.arrayBuffer())
      assert.equal(sha256(body), sha256(bytes(size)), 'the body was changed on its way')
    },
  }
}

/** The upstream compares every byte of what arrives, also under load, and answers 422 if one is wrong. */
export function upload(title, size, connections) {
  return {
    title,
    path: `/api/upload/${size}`,
    method: 'POST',
    size,
    // A page of the application's own origin sends it.
    headers: { 'content-type': 'application/octet-stream', 'sec-fetch-site': 'same-origin' },
    connections,
    async check(response) {
      assert.equal((await response.json()).sha256, sha256(bytes(size)), 'the body was changed on its way')
    },
  }
}

function sha256(body) {
  return createHash('sha256').update(body).digest('hex')
}
