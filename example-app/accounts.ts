import type { Request } from 'express'

import type { OfferedProvider } from './providers.ts'

/** How the user of a request stands with a provider. */
export interface Account {
  readonly key: string
  /** Of the provider. */
  readonly name: string
  /** What is special about the provider. */
  readonly about: string
  /** `signed-in`: the user is who this provider says. `connected`: added to that. */
  readonly state: 'none' | 'connected' | 'signed-in'
  /** Epoch milliseconds. */
  readonly since: number | undefined
}

export function accountAt({ key, provider, about }: OfferedProvider, req: Request): Account {
  const { isConnected, connectedAt } = req.auth.provider(key)
  const state = !isConnected ? 'none' : req.auth.signedInWith === key ? 'signed-in' : 'connected'
  return { key, name: provider.name, about, state, since: isConnected ? connectedAt : undefined }
}
