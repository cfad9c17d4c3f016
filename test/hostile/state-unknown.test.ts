import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { randomBytes } from 'node:crypto'
import { newTransaction, sealState } from '../../lib/protocol/transaction.ts'
import { parseReturnPath } from '../../lib/protocol/return-path.ts'
import { Sealer } from '../../lib/sealer.ts'
import { startScriptedSite, type ScriptedSite } from '../support/scripted-site.ts'

function foreignState(): string {
  const transaction = newTransaction({ returnPath: parseReturnPath('/me'), attempt: 1, parameters: {} }, Date.now())
  return sealState(transaction, 'main', new Sealer(['the secret of quite another application'], 'state'))
}

function flipBit(state: string): string {
  const bytes = Buffer.from(state, 'base64url')
  bytes[20] = (bytes[20] ?? 0) ^ 1
  return bytes.toString('base64url')
}

describe('an authorization response with a state that was never sent from here', () => {
  let site: ScriptedSite
  beforeAll(async () => {
    site = await startScriptedSite()
  })
  afterAll(async () => {
    await site.close()
  })

  test.each([
    ['a guess', () => 'guess'],
    ['as long as ours', () => randomBytes(96).toString('base64url')],
    ['sealed by another application', () => foreignState()],
    ['ours with one bit changed', (state: string) => flipBit(state)],
    ['ours cut short', (state: string) => state.slice(0, -4)],
    ['no base64url', () => '\u{1f980} / + = ?'],
  ])('%s: nobody is signed in, the code is not redeemed', async (_what, change) => {
    site.server.script = {
      authorizationResponse: (response) => response.set('state', change(response.get('state') ?? '')),
    }
    const redeemed = site.server.tokenRequests('authorization_code').length

    const browser = site.browser()
    const page = await site.signIn(browser)

    expect(page.status).toBe(400)
    expect(page.text).toContain('ERR_AUTH_TRANSACTION')
    expect((await site.me(browser)).status).toBe(401)
    expect(site.server.tokenRequests('authorization_code')).toHaveLength(redeemed)
  })
})
