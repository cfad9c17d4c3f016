// Lets a Node process of its own run TypeScript as jest does, with its types stripped unchecked: node --import …/typescript-loader.js
import { readFile } from 'node:fs/promises'
import { register } from 'node:module'
import { isMainThread } from 'node:worker_threads'
import { transform } from '@swc/core'

// Node 20 runs the hooks in a thread, which loads this file once more.
if (isMainThread) register(import.meta.url)

export async function load(url, context, nextLoad) {
  if (!url.startsWith('file:') || !url.endsWith('.ts')) return nextLoad(url, context)
  const { code } = await transform(await readFile(new URL(url), 'utf8'), {
    filename: url,
    swcrc: false,
    sourceMaps: 'inline',
    jsc: {
      target: 'es2023',
      parser: { syntax: 'typescript', decorators: false },
      transform: { verbatimModuleSyntax: true },
    },
  })
  return { format: 'module', shortCircuit: true, source: code }
}
