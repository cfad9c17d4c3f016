import { fileURLToPath } from 'node:url'
import { dottedsign } from '../../lib/providers/index.ts'
import { CLIENT_ID, CLIENT_SECRET, type Family } from '../family.ts'

export const doorkeeper: Family = {
  preset: 'dottedsign',
  packages: ['ruby-doorkeeper', 'ruby-railties', 'ruby-activerecord', 'ruby-sqlite3', 'puma'],
  versions: [
    '/usr/bin/ruby',
    '-e',
    'require "rails"; require "active_record"; require "sqlite3"; require "rack/handler/puma"; require "doorkeeper"; puts "Doorkeeper #{Doorkeeper::VERSION::STRING}, Rails #{Rails.version}"',
  ],
  command: ['/usr/bin/ruby', fileURLToPath(new URL('server.rb', import.meta.url))],
  tokenPath: '/v1/oauth/token',
  revocationPath: '/v1/oauth/revoke',
  apiPath: '/v1/members',
  plainPath: '/v1/members/me',
  scope: 'sign_tasks.general.read sign_tasks.general.write',
  consent: (page, decision) => {
    const form = page.forms.find(({ fields }) => fields.has('_method') === (decision === 'deny'))
    if (form === undefined) throw new Error(`no consent page: ${page.status} ${page.url.origin}${page.url.pathname}`)
    return { form }
  },
  provider: (host, { clientSecret = CLIENT_SECRET, ...changes } = {}) =>
    dottedsign({
      host,
      clientId: CLIENT_ID,
      clientSecret,
      scope: 'sign_tasks.general.read sign_tasks.general.write',
      identity: { url: '/v1/members/me', subject: 'id', within: 'data' },
      ...changes,
    }),
  afterLostAnswer: '503, then 200, page: 200, 2 token requests',
  // Doorkeeper 5.5 answers 200 and revokes nothing once the access token has expired.
  afterLateRevocation: 'access 0, refresh 1',
}
