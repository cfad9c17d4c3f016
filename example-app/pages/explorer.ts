import type { User } from 'latchkey'

import { html, type Html } from '../html.ts'
import { layout } from './layout.ts'

export interface ExplorerPage {
  readonly user: User | undefined
  readonly hasApi: boolean
  /** What says how the access token is doing. */
  readonly session: string
}

export function explorerPage({ user, hasApi, session }: ExplorerPage): Html {
  const content = html`
    <h1>API explorer</h1>
    <p class="lead">
      Each call goes through this app's proxy, which adds your access token on the way. However many of them find it
      expired, the token is refreshed once.
    </p>
    ${hasApi ? explorer(session) : html`<p class="notice">There is no API behind the proxy: start this app with API_URL.</p>`}
  `
  return layout({ title: 'API explorer', path: '/explorer', user, ...(hasApi && { script: 'explorer.js' }), content })
}

function explorer(session: string): Html {
  return html`
    <p id="notice" class="notice" role="alert" hidden></p>
    <form class="card controls" id="controls" data-session="${session}">
      <div class="field">
        <label for="path">Path at the API</label>
        <span class="prefixed"
          ><span aria-hidden="true">GET /api/</span
          ><input
            id="path"
            name="path"
            value="orders"
            list="paths"
            autocapitalize="none"
            autocomplete="off"
            spellcheck="false"
        /></span>
        <datalist id="paths">
          <option value="orders"></option>
          <option value="me"></option>
          <option value="slow?ms=300"></option>
        </datalist>
      </div>
      <label class="check"
        ><input type="checkbox" id="expired" name="expired" checked /> Wait until the access token has expired
        first</label
      >
      <div class="buttons" role="group" aria-label="Fire">
        <button class="button quiet" name="count" value="1">1 call</button>
        <button class="button quiet" name="count" value="10">10 calls</button>
        <button class="button" name="count" value="200">200 calls</button>
      </div>
      <p class="quiet token-line" id="token-line">Access token: …</p>
    </form>

    <section class="card result" aria-labelledby="result">
      <h2 id="result">What happened</h2>
      <p class="summary" id="summary" role="status">Nothing yet. Fire some calls.</p>
      <ul class="legend" id="legend"></ul>
      <div id="chart"></div>
      <details id="details" hidden>
        <summary>The same as a table</summary>
        <div class="scroll" tabindex="0" role="region" aria-label="Table of the calls">
          <table>
            <thead>
              <tr>
                <th scope="col">Call</th>
                <th scope="col">Answer</th>
                <th scope="col">Sent at</th>
                <th scope="col">Answered at</th>
              </tr>
            </thead>
            <tbody id="rows"></tbody>
          </table>
        </div>
      </details>
    </section>
  `
}
