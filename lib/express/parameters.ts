import { text, type Request, type Response } from 'express'
import { AuthError } from '../errors.ts'

/** A code can be long, ten of them cannot. Bytes. */
const MAX_BODY_BYTES = 32_768
const MAX_VALUE_LENGTH = 8_192

// eslint-disable-next-line no-control-regex -- finding them is the point
const CONTROL = /[\u0000-\u001f\u007f]/

const readText = text({ type: 'application/x-www-form-urlencoded', limit: MAX_BODY_BYTES })

/**
 * The parameters of a GET, or of a form POST. What is malformed changes nothing.
 *
 * @param known may appear once at most (RFC 6749 §3.1); others are ignored.
 * @param maxLength of one value.
 * @throws {AuthError} `ERR_AUTH_REQUEST`
 */
export async function readParameters(
  req: Request,
  res: Response,
  known: readonly string[],
  maxLength: number = MAX_VALUE_LENGTH,
): Promise<URLSearchParams> {
  const received = req.method === 'POST' ? await readForm(req, res) : readQuery(req)
  const parameters = new URLSearchParams()
  for (const name of known) {
    const [value, ...more] = received.getAll(name)
    if (value === undefined) continue
    if (more.length > 0) throw malformed(`"${name}" is there more than once`)
    if (value.length > maxLength) throw malformed(`"${name}" is too long`)
    if (CONTROL.test(value)) throw malformed(`"${name}" has control characters in it`)
    parameters.set(name, value)
  }
  return parameters
}

function readQuery(req: Request): URLSearchParams {
  // Not `req.query`: its parser is the application's choice, and may make objects and arrays.
  const at = req.originalUrl.indexOf('?')
  return new URLSearchParams(at === -1 ? '' : req.originalUrl.slice(at + 1))
}

async function readForm(req: Request, res: Response): Promise<URLSearchParams> {
  // Not `req.body`: the application's parser leaves `{}` in Express 4 for what it does not parse.
  if (!req.readableDidRead) {
    await new Promise<void>((resolve, reject) => {
      readText(req, res, (error: unknown) =>
        error === undefined ? resolve() : reject(malformed('the form cannot be read', error)),
      )
    })
  }
  const body: unknown = req.body
  if (typeof body === 'string') return new URLSearchParams(body)
  // The application's own parser was here first.
  if (typeof body === 'object' && body !== null)
    return new URLSearchParams(Object.entries(body).flatMap(([name, value]) => flatten(name, value)))
  return new URLSearchParams()
}

function flatten(name: string, value: unknown): [string, string][] {
  const values: readonly unknown[] = Array.isArray(value) ? value : [value]
  // An object need not even have a text: `state[0][toString]=x`.
  return values.map((item) => [name, typeof item === 'string' ? item : ''])
}

function malformed(what: string, cause?: unknown): AuthError {
  return new AuthError('ERR_AUTH_REQUEST', `this request is malformed: ${what}`, { cause })
}
