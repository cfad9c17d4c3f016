import { AuthError } from '../../../lib/errors.ts'
import type { TokenServer } from '../../../lib/grants/token-server.ts'
import type { RefreshOutcome, RefreshRequest } from '../../../lib/protocol/authorization-server.ts'
import type { TokenFailure } from '../../../lib/protocol/token-failure.ts'
import type { TokenSet } from '../../../lib/protocol/token-response.ts'
import type { Process } from './process.ts'
import { accessTokenFor, type Presentation, type RefreshPromise } from './promise.ts'
import { GRACE, RESOURCE, TICK } from './settings.ts'
import type { Step, Steps } from './steps.ts'

type Answer = RefreshOutcome & { kind: 'refreshed' | 'failed' }

/** What a token answer brings beside the tokens. */
type Identity = 'none' | 'signed' | 'forged' | 'alien'

export interface ServerTiming {
  /** The server's own clock, epoch milliseconds. */
  now(): number
  /** How long an access token lives. Milliseconds. */
  readonly lifetimeMs: number
}

/**
 * The authorization server of the model, as strict as they come: RT(k) belongs to generation k, is redeemed once, and what happens when it
 * is presented again is the kind of server. Between it and the processes lies a network that loses requests and answers, and decides late.
 */
export class ModelServer {
  readonly #steps: Steps
  readonly #promise: RefreshPromise
  readonly #timing: ServerTiming
  /** The live refresh token, and until when the one before it is accepted too. */
  #current = 1
  #graceUntil = 0
  isFamilyRevoked = false
  #serial = 1

  constructor(steps: Steps, promise: RefreshPromise, timing: ServerTiming) {
    this.#steps = steps
    this.#promise = promise
    this.#timing = timing
  }

  /** The server as one process reaches it. */
  connect(process: Process): TokenServer {
    const { reuse } = this.#promise
    const rotation = {
      revokes: 'rotating',
      refuses: 'rotating',
      grace: { graceMs: GRACE * TICK },
      reusable: 'reusable',
    } as const
    return {
      provider: { rotation: rotation[reuse], resources: [RESOURCE], refreshEndsAccessToken: false },
      ready: async () => {},
      refresh: (refreshToken, request) => this.#refresh(process, refreshToken, request),
      revoke: (tokens) => this.#revoke(process, tokens),
      isSigned: (idToken) => this.#isSigned(process, idToken),
    }
  }

  /** Where reuse is accepted for a while: would the spent token still be? */
  isInGrace(generation: number): boolean {
    return this.#promise.reuse === 'grace' && generation + 1 === this.#current && this.#timing.now() < this.#graceUntil
  }

  #refresh(process: Process, refreshToken: string, request: RefreshRequest): Promise<RefreshOutcome> {
    const presentation = process.redeems(generationOf(refreshToken))
    const { name } = process
    return new Promise((resolve) => {
      this.#steps.offer(
        [
          { label: `${name} looks at its clock`, kind: 'go', run: () => look() },
          {
            label: `${name} cannot connect`,
            kind: 'server-fault',
            run: () => resolve(failure('passing', true, false)),
          },
        ],
        process,
      )
      const look = (): void => {
        presentation.checkedAt = this.#timing.now()
        if (!request.maySend()) return resolve({ kind: 'not-sent' })
        this.#steps.offer(
          [
            {
              label: `${name} sends ${refreshToken}`,
              kind: 'go',
              run: () => this.#send(process, presentation, request, resolve),
            },
            {
              label: `${name}: the request cannot have arrived`,
              kind: 'server-fault',
              run: () => resolve(failure('passing', true, false)),
            },
          ],
          process,
        )
      }
    })
  }

  /** From here on the request is on its way, whatever becomes of its sender. */
  #send(
    process: Process,
    presentation: Presentation,
    request: RefreshRequest,
    resolve: (outcome: RefreshOutcome) => void,
  ): void {
    const { name } = process
    const token = `RT${presentation.generation}`
    const patientUntil = this.#timing.now() + request.patienceMs
    let isAwaited = true
    const receive = (outcome: Answer): void => {
      isAwaited = false
      this.#steps.withdraw(patience)
      this.#steps.withdraw(connection)
      resolve(outcome)
    }
    const hearsNothing = (): void => {
      if (presentation.wire === 'tokens') this.#promise.answerLost(presentation)
      receive(failure('passing', false, false))
    }
    const patience = this.#steps.offer(
      [{ label: `${name} gives up waiting`, kind: 'go', run: hearsNothing }],
      process,
      () => this.#timing.now() >= patientUntil,
    )
    const connection = this.#steps.offer(
      [{ label: `${name}'s connection breaks`, kind: 'server-fault', run: hearsNothing }],
      process,
      () => presentation.wire !== 'none',
    )
    const isThere = (): boolean => isAwaited && process.isAlive

    const answer = (text: string, outcome: Answer): void => {
      if (!isThere()) return
      const isTokens = outcome.kind === 'refreshed'
      const lost = (): void => (isTokens ? this.#promise.answerLost(presentation) : undefined)
      const arrive = (): void => {
        if (isTokens) this.#promise.received(presentation)
        receive(outcome)
      }
      this.#steps.offer(
        [
          { label: `${name} receives ${text}`, kind: 'go', run: () => isThere() && arrive() },
          { label: `the answer to ${name} is lost`, kind: 'server-fault', run: lost },
          {
            label: `${name} receives 500 instead`,
            kind: 'server-fault',
            run: () => (lost(), isThere() && receive(failure('passing', false))),
          },
        ],
        process,
      )
    }
    const refuse = (text: string, outcome: Answer): void => {
      this.#promise.isOver(presentation)
      answer(text, outcome)
    }
    const decide = (identity: Identity): void => {
      if (!this.#accepts(presentation.generation)) {
        this.#refuse(presentation.generation)
        refuse('invalid_grant', failure('dead', false))
        return
      }
      const tokens = this.#redeem(presentation.generation, request, identity)
      this.#promise.redeemed(presentation, isThere())
      answer('tokens', { kind: 'refreshed', tokens, idToken: VERDICTS[identity] })
    }
    this.#promise.sends(presentation)
    this.#steps.offer([
      { label: `the server decides ${name}'s ${token}`, kind: 'go', run: () => decide('none') },
      {
        label: `the server decides ${name}'s ${token}, with an ID Token`,
        kind: 'identity',
        run: () => decide('signed'),
      },
      {
        label: `the server decides ${name}'s ${token}, with a forged ID Token`,
        kind: 'identity',
        run: () => decide('forged'),
      },
      {
        label: `the server decides ${name}'s ${token}, for another subject`,
        kind: 'identity',
        run: () => decide('alien'),
      },
      { label: `${name}'s request is lost`, kind: 'server-fault', run: () => this.#promise.isOver(presentation) },
      {
        label: `the server answers ${name} 429`,
        kind: 'server-fault',
        run: () => refuse('429', failure('passing', true)),
      },
      {
        label: `the server answers ${name} 503`,
        kind: 'server-fault',
        run: () => refuse('503', failure('passing', false)),
      },
      {
        label: `the server answers ${name} invalid_client`,
        kind: 'server-fault',
        run: () => refuse('invalid_client', failure('misconfigured', true)),
      },
    ])
  }

  #accepts(generation: number): boolean {
    if (this.isFamilyRevoked) return false
    return this.#promise.reuse === 'reusable' || generation === this.#current || this.isInGrace(generation)
  }

  #redeem(generation: number, { target }: RefreshRequest, identity: Identity): TokenSet {
    if (generation === this.#current && this.#promise.reuse !== 'reusable') {
      this.#current += 1
      this.#graceUntil = this.#timing.now() + GRACE * TICK
    }
    if (identity === 'alien' || identity === 'forged') this.#promise.excuses.alien = true
    const { lifetimeMs } = this.#timing
    this.#serial += 1
    return {
      accessToken: accessTokenFor(
        generation + 1,
        this.#serial,
        target.resource ?? '',
        identity === 'alien' || identity === 'forged',
      ),
      tokenType: 'Bearer',
      refreshToken: `RT${generation + 1}`,
      expiresAt: this.#timing.now() + lifetimeMs,
      lifetimeMs,
      ...(identity !== 'none' && { idToken: identity }),
    }
  }

  #refuse(generation: number): void {
    const { reuse } = this.#promise
    if (generation < this.#current && reuse !== 'refuses') this.isFamilyRevoked = true
  }

  #revoke(process: Process, { refreshToken = '' }: TokenSet): Promise<void> {
    const arrives = (): void => {
      const isSpent = generationOf(refreshToken) !== this.#current
      if (this.#promise.reuse !== 'refuses' || !isSpent) this.isFamilyRevoked = true
    }
    this.#promise.settled(process, generationOf(refreshToken) - 1)
    this.#promise.knows(process, generationOf(refreshToken) - 1)
    return new Promise((resolve, reject) => {
      const lost = (): void => {
        this.#promise.excuses.unrevoked = true
        if (process.isAlive) reject(new Error('the server does not answer'))
      }
      this.#steps.offer([
        {
          label: `the server revokes ${refreshToken}`,
          kind: 'go',
          run: () => (arrives(), process.isAlive && resolve()),
        },
        { label: `the revocation of ${refreshToken} is lost`, kind: 'server-fault', run: lost },
      ])
    })
  }

  #isSigned(process: Process, idToken: string): Promise<boolean> {
    const away = (): AuthError =>
      new AuthError('ERR_AUTH_UNAVAILABLE', 'the keys cannot be fetched', { retryAfterSeconds: 5 })
    return new Promise((resolve, reject) => {
      const steps: Step[] = [
        { label: `${process.name} verifies`, kind: 'go', run: () => resolve(idToken === 'signed') },
        { label: `${process.name} cannot fetch the keys`, kind: 'server-fault', run: () => reject(away()) },
      ]
      this.#steps.offer(steps, process)
    })
  }
}

const VERDICTS = { none: 'none', signed: 'unverified', forged: 'unverified', alien: 'alien' } as const

function generationOf(refreshToken: string): number {
  return Number(refreshToken.slice(2))
}

function failure(kind: TokenFailure['kind'], unspent: boolean, answered = true): Answer {
  const error = kind === 'dead' ? 'invalid_grant' : undefined
  return {
    kind: 'failed',
    failure: { kind, unspent, answered, error, retryAfterMs: undefined, cause: new Error(error ?? kind) },
  }
}
