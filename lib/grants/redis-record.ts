import { LRUCache } from 'lru-cache'
import * as z from 'zod'
import type { Same } from '../option-reader.ts'
import type { IssuedToken } from '../protocol/token-response.ts'
import { Sealer } from '../sealer.ts'
import type { GrantSession, GrantState, GrantTokens } from './grant.ts'
import { unreadable } from './redis-client.ts'

/** What a script answers with; see redis-scripts.ts. */
export interface StoredGrant {
  /** Of the store, when it answered. */
  readonly storeNow: number
  readonly generation: number
  readonly provider: string
  readonly subject: string | undefined
  readonly sid: string | undefined
  readonly verified: boolean
  /** By the store's clock. */
  readonly storedAt: number
  /** From the clock of the process that wrote the tokens to the store's. */
  readonly clockOffset: number
  readonly failures: number
  readonly sealed: string
  readonly session: string | undefined
}

const issuedToken = {
  accessToken: z.string(),
  tokenType: z.string(),
  scope: z.string().optional(),
  expiresAt: z.number().optional(),
  lifetimeMs: z.number().optional(),
}

const tokensSchema = z.object({
  ...issuedToken,
  refreshToken: z.string().optional(),
  idToken: z.string().optional(),
  refreshParameters: z.record(z.string(), z.string()).optional(),
  perResource: z.record(z.string(), z.object(issuedToken)).optional(),
})

const sessionSchema = z.object({ id: z.string(), signedInAt: z.number(), userAgent: z.string().optional() })

// A member that the schema does not know would be lost.
const allOfTokens: Same<keyof z.output<typeof tokensSchema>, keyof GrantTokens> = true
const allOfSession: Same<keyof z.output<typeof sessionSchema>, keyof GrantSession> = true
void [allOfTokens, allOfSession]

interface Opened {
  readonly sealed: string
  readonly tokens: GrantTokens
}

/** In characters: of some thousand grants. */
const OPENED = { maxSize: 8 * 1024 * 1024, sizeCalculation: ({ sealed }: Opened): number => sealed.length }

/** Nearer than this, two clocks count as the same: what is measured is the way to the store. */
const NEGLIGIBLE_MS = 1_000

/**
 * Seals what opens something, and reads it back. Each text is bound to the id of its grant and to the field it lies in, so that it opens
 * nowhere else.
 */
export class RedisRecordCodec {
  readonly #sealer: Sealer
  /** Tokens that were opened last, by grant. */
  readonly #opened = new LRUCache<string, Opened>(OPENED)

  constructor(secrets: readonly [string, ...string[]]) {
    this.#sealer = new Sealer(secrets, 'grant')
  }

  sealTokens(id: string, tokens: GrantTokens): string {
    return this.#sealer.seal(JSON.stringify(tokens), `tokens ${id}`)
  }

  sealSession(id: string, session: GrantSession): string {
    return this.#sealer.seal(JSON.stringify(session), `session ${id}`)
  }

  /** @param askedAt by the reader's clock, before it asked the store: what passed on the way makes tokens older, never younger. */
  state(id: string, stored: StoredGrant, askedAt: number): GrantState {
    const tokens = this.#openTokens(id, stored.sealed)
    const fromStore = askedAt - stored.storeNow
    return {
      ...identity(stored),
      tokens: shifted(tokens, unlessNegligible(stored.clockOffset + fromStore)),
      storedAt: stored.storedAt + unlessNegligible(fromStore),
    }
  }

  /** What this process has just stored: nothing has to be opened, and its clock is its own. */
  stateOf(tokens: GrantTokens, stored: StoredGrant, askedAt: number): GrantState {
    return { ...identity(stored), tokens, storedAt: stored.storedAt + unlessNegligible(askedAt - stored.storeNow) }
  }

  session(id: string, { session }: StoredGrant): GrantSession | undefined {
    return session === undefined ? undefined : this.#open(session, `session ${id}`, sessionSchema)
  }

  /** @returns the same session, sealed with the first of the secrets; `undefined` if it is, or if none opens it. */
  resealSession(id: string, session: string): string | undefined {
    if (this.#sealer.isCurrent(session)) return undefined
    const opened = this.#sealer.open(session, `session ${id}`)
    return opened === undefined ? undefined : this.#sealer.seal(opened, `session ${id}`)
  }

  /** They are opened on every request, and change with every refresh. */
  #openTokens(id: string, sealed: string): GrantTokens {
    const known = this.#opened.get(id)
    if (known?.sealed === sealed) return known.tokens
    const tokens = this.#open(sealed, `tokens ${id}`, tokensSchema)
    this.#opened.set(id, { sealed, tokens })
    return tokens
  }

  #open<Schema extends z.ZodType>(sealed: string, context: string, schema: Schema): z.output<Schema> {
    const opened = this.#sealer.open(sealed, context)
    if (opened === undefined) throw unreadable('none of the secrets opens it')
    const parsed = schema.safeParse(parseJson(opened), { jitless: true })
    if (!parsed.success) throw unreadable('what was sealed is of another shape')
    return parsed.data
  }
}

function identity(stored: StoredGrant): Pick<GrantState, 'generation' | 'provider' | 'subject' | 'sid' | 'verified'> {
  const { generation, provider, subject, sid, verified } = stored
  return { generation, provider, subject, ...(sid !== undefined && { sid }), verified }
}

function shifted(tokens: GrantTokens, ms: number): GrantTokens {
  if (ms === 0) return tokens
  const perResource = Object.entries(tokens.perResource ?? {}).map(([key, token]) => [key, later(token, ms)] as const)
  return {
    ...later(tokens, ms),
    ...(tokens.perResource !== undefined && { perResource: Object.fromEntries(perResource) }),
  }
}

function later<T extends IssuedToken>(token: T, ms: number): T {
  return token.expiresAt === undefined ? token : { ...token, expiresAt: token.expiresAt + ms }
}

function unlessNegligible(ms: number): number {
  return Math.abs(ms) < NEGLIGIBLE_MS ? 0 : ms
}

/** V8 quotes the text that it could not parse, and it is a secret. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}
