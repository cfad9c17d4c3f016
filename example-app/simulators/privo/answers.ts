import { jsonAnswer, type Answer, type Header } from '../core/answers.ts'

const JSON_TYPE: Header = ['Content-Type', 'application/json;charset=UTF-8']
const NO_STORE: readonly Header[] = [
  ['Cache-Control', 'no-store'],
  ['Pragma', 'no-cache'],
]

export const REALM = 'realm="openidconnect", '

export function tokenAnswer(members: Readonly<Record<string, unknown>>): Answer {
  return jsonAnswer(200, [JSON_TYPE, ...NO_STORE], members)
}

/** An error in the words of Spring Security OAuth. */
export function errorAnswer(status: number, error: string, description: string): Answer {
  return jsonAnswer(status, [...NO_STORE, JSON_TYPE], { error, error_description: description })
}

/** An error with a challenge that says the same as the body. */
export function challengeAnswer(scheme: string, error: string, description: string, status = 401): Answer {
  const challenge: Header = ['WWW-Authenticate', `${scheme}error="${error}", error_description="${description}"`]
  return jsonAnswer(status, [...NO_STORE, challenge, JSON_TYPE], { error, error_description: description })
}

/** The answer to whoever comes without any credentials. */
export function unauthenticatedAnswer(): Answer {
  const description = 'Full authentication is required to access this resource'
  return challengeAnswer(`Bearer ${REALM}`, 'unauthorized', description)
}

export function methodAnswer(method: string): Answer {
  return errorAnswer(405, 'method_not_allowed', `Request method '${method}' not supported`)
}
