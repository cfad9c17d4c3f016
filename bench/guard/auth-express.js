// Auth.js as its documentation starts: the session is a JWT, encrypted, in a cookie. The callbacks put the subject into it.
import { ExpressAuth, getSession } from '@auth/express'
import express from 'express'
import { given, listen } from '../support/contender.js'
import { CLIENT, SECRET } from '../support/fixtures.js'

const config = {
  trustHost: true,
  secret: SECRET,
  providers: [{ id: 'bench', name: 'the bench', type: 'oidc', issuer: given.issuer, ...CLIENT }],
  callbacks: {
    jwt: ({ token, profile }) => (profile === undefined ? token : { ...token, sub: profile.sub }),
    session: ({ session, token }) => ({ ...session, user: { ...session.user, sub: token.sub } }),
  },
}

const app = express()
app.set('trust proxy', true)
// Its documentation has Express 4's '/auth/*'; it reads what is behind the prefix from `req.params[0]`.
app.use(/^\/auth\/(.*)/, ExpressAuth(config))
app.get('/login', (_req, res) => res.redirect('/auth/signin'))
app.get('/me', async (req, res) => {
  const session = await getSession(req, config)
  if (session?.user === undefined) return res.status(401).json({ error: 'sign in first' })
  const { sub, name } = session.user
  res.json({ sub, name })
})
listen(app)
