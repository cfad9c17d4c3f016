import { expect, test } from '@jest/globals'
import session, { MemoryStore } from 'express-session'
import { startOpenProxy } from '../support/open-proxy.ts'
import { startUpstream } from '../support/upstream.ts'

test("a target cannot give a visitor without cookies a session of the application's own express-session", async () => {
  const upstream = await startUpstream()
  upstream.answer((_req, res) => void res.setHeader('set-cookie', 'connect.sid=s%3Aof-mallory.signature').end('ok'))
  const site = await startOpenProxy(upstream.url, {}, (app, auth) => {
    app.use(
      session({ secret: 'of the application', resave: false, saveUninitialized: false, store: new MemoryStore() }),
    )
    app.use(auth)
  })
  try {
    const answer = await fetch(`${site.url}/x`)

    expect([answer.status, answer.headers.get('set-cookie')]).toEqual([200, null])
  } finally {
    await site.close()
    await upstream.close()
  }
})
