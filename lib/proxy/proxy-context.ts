import type { Request, Response } from 'express'
import type { AuthError } from '../errors.ts'
import type { EventListener } from '../events.ts'
import type { TokenSource } from '../express/authorized-fetch.ts'
import type { SignInRef } from '../express/still-signed-in.ts'
import type { Runtime } from '../runtime.ts'
import type { Person } from './headers/assertion.ts'
import type { LiveConnections } from './live/live-connections.ts'

/** Whose tokens go along. */
export type Caller = TokenSource & { readonly account: Person | undefined }

/** Those of the configuration, by its keys. */
export interface ProxyProviders {
  readonly keys: readonly string[]
  /** May tokens be for this resource server? @param key of the provider that they come from; `undefined`: any. */
  mayKnow(resource: string, key: string | undefined): boolean
}

/** What a proxy takes from the rest of the package. */
export interface ProxyContext {
  readonly publicUrl: URL
  readonly providers: ProxyProviders
  readonly runtime: Runtime
  /** The names of cookies that carry sessions here: neither shown to the target nor set by it. */
  readonly sessionCookiesOf: (req: Request) => readonly string[]
  /** The account whose tokens go along. @param provider its key; `undefined`: the one that the user signed in with. */
  readonly attach: (req: Request, res: Response, provider: string | undefined) => Promise<Caller>
  /** The sign-in of a request whose session was read. @param provider as above. */
  readonly signInOf: (req: Request, provider: string | undefined) => SignInRef | undefined
  readonly live: LiveConnections
  readonly tell: EventListener
  /** Tells of what the answer cannot say any more. */
  readonly note: (error: AuthError, req: Request) => void
  readonly fail: (error: unknown, req: Request, res: Response, next: (error: unknown) => void) => void
}
