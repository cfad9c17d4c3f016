import { createHash, randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWK, type JWTPayload } from 'jose'

import { startHttpServer } from '../../example-app/http-server.ts'

/** Writes an answer: whatever HTTP allows, and what it does not. */
export type Answer = (res: ServerResponse) => void

export type GrantType = 'authorization_code' | 'refresh_token'

/** What an honest token endpoint would say (RFC 6749 §5.1). */
export type TokenBody = Record<string, unknown>

/** One request that the server saw. */
export interface SeenRequest {
  readonly method: string
  readonly path: string
  readonly headers: IncomingMessage['headers']
  /** Query of a GET, form of a POST. */
  readonly parameters: URLSearchParams
}

/** What differs from an honest server. Every member stands for one answer; absent, that answer is honest. */
export interface Script {
  /** Members of the metadata document; `undefined` takes one out. */
  metadata?: Readonly<Record<string, unknown>>
  metadataAnswer?: Answer
  jwks?: { readonly keys: readonly JWK[] }
  jwksAnswer?: Answer
  /** Changes the parameters that go back to the client. */
  authorizationResponse?: (parameters: URLSearchParams) => void
  /** Claims of ID Tokens; `undefined` takes one out. */
  claims?: Readonly<Record<string, unknown>> | ((grantType: GrantType) => Readonly<Record<string, unknown>>)
  /** Makes the ID Token from its claims. */
  idToken?: (claims: JWTPayload) => string | Promise<string>
  /** Members of the token response; `undefined` takes one out. */
  tokens?: Readonly<Record<string, unknown>>
  /** What stands in front of the token endpoint answers: the server itself sees no request. */
  tokenGateway?: Answer
  /** Instead of the token response; `honest` is what it would have been. */
  tokenAnswer?: (honest: TokenBody, grantType: GrantType) => Answer
  /** Members of the UserInfo response. */
  userInfo?: Readonly<Record<string, unknown>>
  userInfoAnswer?: Answer
  revocationAnswer?: Answer
}

export const SUBJECT = 'alice'
export const ACCESS_TOKEN_SECONDS = 60
const KEY_ID = 'the-key-of-the-scripted-server'

/** An OpenID Connect server that is honest until a script tells it otherwise. It asks nobody for a password. */
export class ScriptedServer {
  /** What differs now. Assign a new one, or `{}` for honesty. */
  script: Script = {}
  /** All that a browser must never see. */
  readonly secrets: string[] = []
  readonly #seen: SeenRequest[] = []
  readonly #codes = new Map<string, Code>()
  /** With the client that may use them. */
  readonly #refreshTokens = new Map<string, string>()
  readonly #key: CryptoKey
  readonly #jwk: JWK
  #http: { readonly port: number; close(): Promise<void> } | undefined

  private constructor(key: CryptoKey, jwk: JWK) {
    this.#key = key
    this.#jwk = jwk
  }

  static async start(): Promise<ScriptedServer> {
    const { publicKey, privateKey } = await generateKeyPair('RS256')
    const jwk = { ...(await exportJWK(publicKey)), kid: KEY_ID, alg: 'RS256', use: 'sig' }
    const server = new ScriptedServer(privateKey, jwk)
    server.#http = await startHttpServer((req, res) => void server.#answer(req, res))
    return server
  }

  get issuer(): string {
    return `http://127.0.0.1:${this.#http?.port}`
  }

  /** The public part of the key that signs. */
  get jwk(): JWK {
    return this.#jwk
  }

  /** In order of arrival. */
  requests(path: string): readonly SeenRequest[] {
    return this.#seen.filter((request) => request.path === path)
  }

  tokenRequests(grantType: GrantType): readonly SeenRequest[] {
    return this.requests('/token').filter(({ parameters }) => parameters.get('grant_type') === grantType)
  }

  /** Signs as the server does, with its own key unless another is given. */
  async sign(claims: JWTPayload, signing: Signing = {}): Promise<string> {
    const { key = this.#key, alg = 'RS256', kid = KEY_ID, typ } = signing
    return new SignJWT(claims).setProtectedHeader({ alg, kid, ...(typ !== undefined && { typ }) }).sign(key)
  }

  async close(): Promise<void> {
    await this.#http?.close()
  }

  async #answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const url = new URL(req.url ?? '/', this.issuer)
    const chunks: Buffer[] = []
    for await (const chunk of req) chunks.push(chunk as Buffer)
    const parameters = req.method === 'POST' ? new URLSearchParams(Buffer.concat(chunks).toString()) : url.searchParams
    this.#seen.push({ method: req.method ?? '', path: url.pathname, headers: req.headers, parameters })

    switch (url.pathname) {
      case '/.well-known/openid-configuration':
        return (this.script.metadataAnswer ?? json(without({ ...this.#metadata(), ...this.script.metadata })))(res)
      case '/jwks':
        return (this.script.jwksAnswer ?? json(this.script.jwks ?? { keys: [this.#jwk] }))(res)
      case '/authorize':
        return this.#authorize(parameters)(res)
      case '/token':
        return (await this.#token(parameters))(res)
      case '/userinfo':
        return (this.script.userInfoAnswer ?? json({ sub: SUBJECT, ...this.script.userInfo }))(res)
      case '/revoke':
        this.#refreshTokens.delete(parameters.get('token') ?? '')
        return (this.script.revocationAnswer ?? json({}))(res)
      default:
        return json({ error: 'not_found' }, 404)(res)
    }
  }

  #metadata(): Record<string, unknown> {
    return {
      issuer: this.issuer,
      authorization_endpoint: `${this.issuer}/authorize`,
      token_endpoint: `${this.issuer}/token`,
      jwks_uri: `${this.issuer}/jwks`,
      userinfo_endpoint: `${this.issuer}/userinfo`,
      revocation_endpoint: `${this.issuer}/revoke`,
      response_types_supported: ['code'],
      subject_types_supported: ['public'],
      // As real servers list them; what a client must not accept is among them.
      id_token_signing_alg_values_supported: ['RS256', 'HS256', 'none'],
      code_challenge_methods_supported: ['S256'],
      authorization_response_iss_parameter_supported: true,
    }
  }

  #authorize(request: URLSearchParams): Answer {
    const code = random()
    this.#codes.set(code, {
      nonce: request.get('nonce') ?? undefined,
      challenge: request.get('code_challenge') ?? '',
      clientId: request.get('client_id') ?? '',
    })
    const response = new URLSearchParams({ code, state: request.get('state') ?? '', iss: this.issuer })
    this.script.authorizationResponse?.(response)
    return redirectTo(`${request.get('redirect_uri')}?${response.toString()}`)
  }

  async #token(request: URLSearchParams): Promise<Answer> {
    if (this.script.tokenGateway !== undefined) return this.script.tokenGateway
    const grantType = request.get('grant_type') as GrantType
    const redeemed = grantType === 'authorization_code' ? this.#redeemCode(request) : this.#redeemRefreshToken(request)
    if (redeemed === undefined) return json({ error: 'invalid_grant' }, 400)

    const { claims, tokens, tokenAnswer } = this.script
    const now = Math.floor(Date.now() / 1_000)
    const idToken = without({
      iss: this.issuer,
      sub: SUBJECT,
      aud: redeemed.clientId,
      iat: now,
      exp: now + 3_600,
      nonce: redeemed.nonce,
      ...(typeof claims === 'function' ? claims(grantType) : claims),
    })
    const body = without({
      access_token: random(),
      token_type: 'Bearer',
      expires_in: ACCESS_TOKEN_SECONDS,
      refresh_token: random(),
      id_token: await (this.script.idToken ?? ((payload: JWTPayload) => this.sign(payload)))(idToken),
      ...tokens,
    })
    for (const name of ['access_token', 'refresh_token', 'id_token']) {
      if (typeof body[name] === 'string' && body[name] !== '') this.secrets.push(body[name])
    }
    if (typeof body['refresh_token'] === 'string') this.#refreshTokens.set(body['refresh_token'], redeemed.clientId)
    return tokenAnswer === undefined ? json(body) : tokenAnswer(body, grantType)
  }

  /** A code is good once, and only with its verifier (RFC 7636 §4.6). */
  #redeemCode(request: URLSearchParams): Redeemed | undefined {
    const code = this.#codes.get(request.get('code') ?? '')
    this.#codes.delete(request.get('code') ?? '')
    const verifier = request.get('code_verifier') ?? ''
    this.secrets.push(verifier)
    const challenge = createHash('sha256').update(verifier).digest('base64url')
    return code?.challenge === challenge ? code : undefined
  }

  /** Rotation: each is good once. */
  #redeemRefreshToken(request: URLSearchParams): Redeemed | undefined {
    const token = request.get('refresh_token') ?? ''
    const clientId = this.#refreshTokens.get(token)
    this.#refreshTokens.delete(token)
    return clientId === undefined ? undefined : { clientId, nonce: undefined }
  }
}

export interface Signing {
  readonly key?: CryptoKey | Uint8Array
  readonly alg?: string
  readonly kid?: string
  readonly typ?: string | undefined
}

interface Redeemed {
  readonly clientId: string
  readonly nonce: string | undefined
}

interface Code extends Redeemed {
  readonly challenge: string
}

/** An answer with a JSON body, or with any text that pretends to be. */
export function json(body: object | string, status = 200, headers: Readonly<Record<string, string>> = {}): Answer {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  return (res) => res.writeHead(status, { 'content-type': 'application/json', ...headers }).end(text)
}

export function redirectTo(location: string, status = 302): Answer {
  return (res) => res.writeHead(status, { location }).end()
}

function without(members: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined))
}

function random(): string {
  return randomBytes(24).toString('base64url')
}
