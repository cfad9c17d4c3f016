import replyFrom from '@fastify/reply-from'
import fastify from 'fastify'
import { given } from '../support/contender.js'

const app = fastify()
app.register(replyFrom, { base: given.upstream })
// Bodies as they come, as its documentation does for those that are not JSON.
app.addContentTypeParser('application/octet-stream', (_request, body, done) => done(null, body))
app.all('/api/*', (request, reply) => reply.from(request.url.slice('/api'.length)))
await app.listen({ port: given.port, host: '127.0.0.1' })
