import { describe, expect, test } from '@jest/globals'
import { exportJWK, generateKeyPair, SignJWT, type JWK } from 'jose'
import { expectRefused, logoutClaims, logoutToken, sendLogoutToken, signedInWith } from '../support/logout-tokens.ts'
import { json } from '../support/scripted-server.ts'
import { scriptedSites, type ScriptedSite } from '../support/scripted-site.ts'

const startSite = scriptedSites()

const fetched = ({ server }: ScriptedSite): number => server.requests('/jwks').length

async function keyPair(kid: string): Promise<{ privateKey: CryptoKey; jwk: JWK }> {
  const { privateKey, publicKey } = await generateKeyPair('RS256')
  return { privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg: 'RS256' } }
}

describe('a logout token signed by a key that the server does not publish', () => {
  test('is refused, and a flood of such makes the keys fetched again once a minute', async () => {
    const site = await startSite()
    const browser = await signedInWith(site)
    const { privateKey } = await keyPair('unpublished')
    expect(fetched(site)).toBe(1)

    for (let minute = 0; minute < 3; minute += 1) {
      site.clock.advance({ seconds: 60 })
      for (let n = 0; n < 10; n += 1) {
        const token = await logoutToken(site, {}, { key: privateKey, kid: `unpublished ${minute} ${n}` })
        await expectRefused(site, browser, token, 'signature')
      }
      const token = await logoutToken(site, {}, { key: privateKey, kid: 'unpublished' })
      await Promise.all(Array.from({ length: 20 }, () => sendLogoutToken(site, token)))

      expect(fetched(site)).toBe(2 + minute)
    }
    expect((await sendLogoutToken(site, await logoutToken(site))).status).toBe(200)
  })

  test('also while the keys cannot be fetched, and the last good ones stay in use', async () => {
    const site = await startSite()
    const browser = await signedInWith(site)
    const { privateKey } = await keyPair('unpublished')
    site.clock.advance({ seconds: 60 })
    site.server.script = { jwksAnswer: json('', 503) }

    for (let n = 0; n < 10; n += 1) {
      await sendLogoutToken(site, await logoutToken(site, {}, { key: privateKey, kid: 'unpublished' }))
    }

    expect(fetched(site)).toBe(2)
    expect((await site.me(browser)).status).toBe(200)
    expect((await sendLogoutToken(site, await logoutToken(site))).status).toBe(200)
    expect((await site.me(browser)).status).toBe(401)
  })

  test('before anybody has signed in, a server that is away is asked now and then, not by every token', async () => {
    const site = await startSite()
    site.server.script = { metadataAnswer: json('', 503) }
    const asked = (path: string): number => site.server.requests(path).length
    const flood = async (): Promise<void> => {
      for (let n = 0; n < 10; n += 1) await sendLogoutToken(site, await logoutToken(site))
    }

    await flood()
    expect(asked('/.well-known/openid-configuration')).toBe(1)
    site.server.script = { jwksAnswer: json('', 503) }
    site.clock.advance({ seconds: 5 })
    await flood()
    expect(fetched(site)).toBe(1)
    site.server.script = {}
    site.clock.advance({ seconds: 5 })

    expect((await sendLogoutToken(site, await logoutToken(site))).status).toBe(200)
    expect(fetched(site)).toBe(2)
  })

  test('until it does: keys rotate', async () => {
    const site = await startSite()
    const browser = await signedInWith(site)
    const { privateKey, jwk } = await keyPair('next')
    site.server.script = { jwks: { keys: [jwk] } }
    site.clock.advance({ seconds: 60 })

    const answer = await sendLogoutToken(site, await logoutToken(site, {}, { key: privateKey, kid: 'next' }))

    expect(answer.status).toBe(200)
    expect((await site.me(browser)).status).toBe(401)
  })

  test('a key that was withdrawn is not believed any more after an hour, nor while the server is away after a day', async () => {
    const site = await startSite()
    const browser = await signedInWith(site)
    const { jwk } = await keyPair('next')
    site.server.script = { jwks: { keys: [jwk] } }
    site.clock.advance({ seconds: 61 * 60 })
    await expectRefused(site, browser, await logoutToken(site), 'signature')

    const other = await startSite()
    await signedInWith(other)
    other.server.script = { jwksAnswer: json('', 503) }
    other.clock.advance({ seconds: 23 * 60 * 60 })
    expect((await sendLogoutToken(other, await logoutToken(other))).status).toBe(200)
    other.clock.advance({ seconds: 60 * 60 })
    const answer = await sendLogoutToken(other, await logoutToken(other))
    expect(answer.status).toBe(400)
    expect(answer.headers.get('retry-after')).toBe('5')
  })

  test('the key that the token brings along, or points to, is never used', async () => {
    const site = await startSite()
    const browser = await signedInWith(site)
    const { privateKey, jwk } = await keyPair('unpublished')
    const headers = { jwk, jku: `${site.server.issuer}/evil-keys`, x5u: `${site.server.issuer}/evil-keys` }

    const token = await new SignJWT(logoutClaims(site))
      .setProtectedHeader({ alg: 'RS256', typ: 'logout+jwt', kid: 'unpublished', ...headers })
      .sign(privateKey)

    await expectRefused(site, browser, token, 'signature')
    expect(site.server.requests('/evil-keys')).toHaveLength(0)
  })
})
