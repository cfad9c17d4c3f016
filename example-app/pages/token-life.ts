import { html, type Html } from '../html.ts'

/** The life of an access token: a ring that empties, and numbers. Filled in by the page's script. */
export const tokenLife: Html = html`<div class="life">
  <div class="ring">
    <svg viewBox="0 0 120 120" aria-hidden="true">
      <circle class="track" cx="60" cy="60" r="52" />
      <circle class="arc" id="arc" cx="60" cy="60" r="52" pathLength="1" stroke-dasharray="1" stroke-dashoffset="1" />
    </svg>
    <p class="reading" id="left-box"><strong id="left">…</strong><span id="left-unit">seconds left</span></p>
  </div>
  <dl class="facts">
    <div>
      <dt>Generation</dt>
      <dd id="generation">…</dd>
    </div>
    <div>
      <dt>Refreshes so far</dt>
      <dd id="refreshes">…</dd>
    </div>
    <div>
      <dt>Last refresh</dt>
      <dd id="refreshed-at">…</dd>
    </div>
    <div>
      <dt>Can be refreshed</dt>
      <dd id="refreshable">…</dd>
    </div>
  </dl>
</div>`
