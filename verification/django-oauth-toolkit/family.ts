import { fileURLToPath } from 'node:url'
import { healthkey } from '../../lib/providers/index.ts'
import { CLIENT_ID, CLIENT_SECRET, type Family } from '../family.ts'

// Debian's own Python, which has Debian's packages, whatever else is called python3 here.
const PYTHON = process.env['VERIFICATION_PYTHON'] ?? '/usr/bin/python3'

export const djangoOAuthToolkit: Family = {
  preset: 'healthkey',
  packages: ['python3-django-oauth-toolkit', 'python3-djangorestframework'],
  versions: [
    PYTHON,
    '-c',
    'import django, oauthlib, oauth2_provider as o, rest_framework; print(f"Django OAuth Toolkit {o.__version__}, oauthlib {oauthlib.__version__}, Django {django.__version__}")',
  ],
  command: [PYTHON, '-u', fileURLToPath(new URL('server.py', import.meta.url))],
  tokenPath: '/o/token/',
  revocationPath: '/o/revoke_token/',
  apiPath: '/api/v1',
  plainPath: '/plain/me',
  scope: 'profile payment',
  consent: (page, decision) => {
    const form = page.forms.find(({ fields }) => fields.has('code_challenge'))
    if (form === undefined) throw new Error(`no consent page: ${page.status} ${page.url.origin}${page.url.pathname}`)
    return { form, values: decision === 'allow' ? { allow: 'Authorize' } : {} }
  },
  provider: (host, changes) =>
    healthkey({
      host,
      clientId: CLIENT_ID,
      clientSecret: CLIENT_SECRET,
      scope: 'profile payment',
      identity: { url: '/api/v1/me', subject: 'id' },
      ...changes,
    }),
  afterLostAnswer: '503, then 401, page: to sign in, 2 token requests',
  afterLateRevocation: 'access 0, refresh 0',
}
