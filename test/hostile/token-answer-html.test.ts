import type { Answer } from '../support/scripted-server.ts'
import { describeUnusableTokenAnswers, MISCONFIGURED } from './unusable-token-answer.ts'

function html(status: number): Answer {
  return (res) => res.writeHead(status, { 'content-type': 'text/html' }).end('<!doctype html><title>Welcome</title>')
}

describeUnusableTokenAnswers('a token answer that is a web page', [
  { what: 'a page of a captive portal', answer: html(200) },
  { what: 'an error page of a gateway', answer: html(502) },
  { what: 'a page that says not found', answer: html(404), atCallback: MISCONFIGURED, atRefresh: MISCONFIGURED },
])
